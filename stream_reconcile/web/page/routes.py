"""Addresses of the pages, and what is said when something goes wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from stream_reconcile.core.discrepancy_types import TYPES
from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.store import discrepancies_by_hand
from stream_reconcile.store.shapes import discrepancy_json
from stream_reconcile.web.api import params, resources
from stream_reconcile.web.api.endpoint import Backend
from stream_reconcile.web.live import Live
from stream_reconcile.web.page.aside import Aside
from stream_reconcile.web.page.lists import PAGES
from stream_reconcile.web.page.overview import Overview
from stream_reconcile.web.page.render import STATIC, page, static
from stream_reconcile.web.problems import NotThere, status_of
from stream_reconcile.web.readiness import Readiness

log = structlog.get_logger()

Answer = Callable[[Request], Awaitable[Response]]

_CLOSES = {"self": "by itself, when the two sides agree again", "person": "when a person accepts it"}


def page_routes(backend: Backend, live: Live, readiness: Readiness, aside: Aside | None = None) -> Sequence[BaseRoute]:
    """All pages, and the files that they need; `aside` stands beside the first."""

    async def order(request: Request) -> Response:
        order_id = request.path_params["order_id"]
        account_id = params.read_all(resources.EXECUTION.parameters, request.query_params).get("account_id")
        found = await resources.story(backend, _checked(resources.EXECUTION.path_values[0], order_id), account_id)
        return page("order.html", here="/orders", title=f"Order {order_id}", story=found, row=found.execution)

    async def discrepancy(request: Request) -> Response:
        number = _checked(resources.DISCREPANCY.path_values[0], request.path_params["discrepancy_id"])
        found = await backend.reads(lambda connection: discrepancies_by_hand.one(connection, number))
        if found is None:
            raise NotThere(f"there is no discrepancy {number}")
        kind = TYPES.get(found.type)
        closes = kind and _CLOSES.get(kind.closes, "by itself, or when a person accepts it")
        told = discrepancy_json(found)
        title = f"Discrepancy {number}"
        return page("discrepancy.html", here="/discrepancies", title=title, row=found, told=told, closes=closes)

    async def cursors(request: Request) -> Response:
        rows = await backend.ask("cursors")
        return page("cursors.html", here="/cursors", title="Cursors", rows=rows)

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in STATIC:
            raise NotThere(f"there is no file {name}")
        body, mark = static(name)
        kept = "max-age=31536000, immutable" if request.query_params.get("v") == mark else "no-cache"
        return Response(
            body, media_type=STATIC[name], headers={"Cache-Control": f"private, {kept}", "ETag": f'"{mark}"'}
        )

    return [
        Route("/", _told(Overview(backend, live, readiness, aside).answer, readiness)),
        *(Route(one.path, _told(partial(one.answer, backend), readiness)) for one in PAGES),
        Route("/orders/{order_id}", _told(order, readiness)),
        Route("/discrepancies/{discrepancy_id}", _told(discrepancy, readiness)),
        Route("/cursors", _told(cursors, readiness)),
        Route("/static/{name}", _told(file, readiness)),
    ]


def _checked(param: params.Param, given: str) -> Any:
    return param.read(given)


def _told(answer: Answer, readiness: Readiness) -> Answer:
    """What goes wrong is said on a page, with what is not ready."""

    async def call(request: Request) -> Response:
        try:
            return await answer(request)
        except ReconcileError as error:
            status, words = status_of(error), str(error)
        except Exception:
            log.exception("request_failed", path=request.url.path)
            status, words = HTTPStatus.INTERNAL_SERVER_ERROR, "it failed by a mistake of the program: see its log"
        parts = {name: state for name, state in readiness.statuses().items() if not state.ready}
        here = "/" + request.url.path.split("/")[1]
        return page("error.html", here=here, title=status.phrase, status=status.value, words=words, parts=parts)

    return call
