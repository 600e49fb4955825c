"""The panel on the status page, and its addresses: `GET /demo/panel` tells what became of each press, `POST
/demo/panel/{act}` presses, and two files.

No token has to be typed: whoever may read this page on loopback may press. That a page of somebody else can't is the
guard's doing (web.guard: Host, Origin, Sec-Fetch-Site); besides, a press carries a key that only this page holds, made
anew at each start.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from http import HTTPStatus
from importlib import resources
from typing import Any, Final

import psycopg
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from stream_reconcile.demo.panel.acts import ACTS, Act
from stream_reconcile.demo.panel.healing import Healing, healing
from stream_reconcile.demo.panel.link import PageLink
from stream_reconcile.web.api.endpoint import Backend, guarded
from stream_reconcile.web.page.render import text_of
from stream_reconcile.web.problems import NotThere, problem

PATH: Final = "/demo/panel"
KEY_HEADER: Final = "X-Panel-Key"

_PACKAGE: Final = "stream_reconcile.demo.panel"
_FILES: Final = {"panel.css": "text/css; charset=utf-8", "panel.js": "text/javascript; charset=utf-8"}
_KEPT_S: Final = 0.5
_NO_STORE: Final = {"Cache-Control": "no-store"}
_NOT_OURS: Final = "only the panel of this run may do that: load the page again"
_BY_NAME: Final = {act.name: act for act in ACTS}


class Panel:
    """What stands aside of the status page (web.page.aside)."""

    def __init__(self, link: PageLink) -> None:
        self._link = link
        self._key = secrets.token_urlsafe(24)
        self._lock = asyncio.Lock()
        self._told: tuple[float, dict[str, Any]] = (float("-inf"), {})
        self._healed: dict[int, Healing] = {}

    def routes(self, backend: Backend) -> Sequence[BaseRoute]:
        """All below /demo/."""

        async def told(request: Request) -> Response:
            async with self._lock:
                if time.monotonic() - self._told[0] > _KEPT_S:
                    self._told = (time.monotonic(), await self._tell(backend))
                return JSONResponse(self._told[1], headers=_NO_STORE)

        async def press(request: Request) -> Response:
            given = request.headers.get(KEY_HEADER, "").encode("utf-8", "replace")
            if not secrets.compare_digest(given, self._key.encode()):
                return problem(
                    HTTPStatus.FORBIDDEN, "Only the panel may do that. Is it of an earlier run? Load it again."
                )
            act = _BY_NAME.get(request.path_params["act"])
            if act is None:
                raise NotThere("there is no such button")
            number = await run_in_threadpool(self._link.do, act.name)
            self._told = (float("-inf"), {})
            return JSONResponse({"number": number}, status_code=HTTPStatus.ACCEPTED, headers=_NO_STORE)

        async def file(request: Request) -> Response:
            name = request.path_params["name"]
            if name not in _FILES:
                raise NotThere("there is no such file")
            return Response(_file(name)[0], media_type=_FILES[name], headers={"Cache-Control": "private, no-cache"})

        return [
            Route(PATH, guarded(told), methods=["GET"]),
            Route(f"{PATH}/{{act}}", guarded(press), methods=["POST"]),
            Route("/demo/static/{name}", guarded(file), methods=["GET"]),
        ]

    def head(self) -> Markup:
        """Style and script."""
        return self._markup("head.html", marks={name: _file(name)[1] for name in _FILES})

    def note(self) -> Markup:
        """That this is a demo."""
        return self._markup("note.html")

    def section(self) -> Markup:
        """The buttons; the script says what became of them."""
        return self._markup("panel.html", acts=ACTS, path=PATH, key=self._key, key_header=KEY_HEADER)

    async def _tell(self, backend: Backend) -> dict[str, Any]:
        """`closed`: why nothing can be pressed; `acts`: by name what became of the newest press, as HTML and words."""
        told = await run_in_threadpool(self._link.told)
        incidents: Sequence[Mapping[str, Any]] = told["incidents"]
        await backend.reads(lambda connection: self._look(connection, incidents))
        acts = {one["act"]: _became(_BY_NAME[one["act"]], one, self._healed[one["number"]]) for one in incidents}
        return {"closed": told["closed"], "acts": acts}

    def _look(self, connection: psycopg.Connection, incidents: Sequence[Mapping[str, Any]]) -> None:
        """What has healed, has for good."""
        for one in incidents:
            known = self._healed.get(one["number"])
            if known is None or known.healed_at is None:
                over = one["over_at"] and datetime.fromisoformat(one["over_at"])
                self._healed[one["number"]] = healing(connection, datetime.fromisoformat(one["at"]), over)
        self._healed = {one["number"]: self._healed[one["number"]] for one in incidents}

    @staticmethod
    def _markup(template: str, **values: Any) -> Markup:
        return Markup(text_of(template, package=_PACKAGE, **values))  # noqa: S704 - templates escape what they are given


def _became(act: Act, incident: Mapping[str, Any], how: Healing) -> dict[str, Any]:
    """`state` is under-way, healing, healed or failed; `said` a sentence for who can't see."""
    after_s = None
    if how.healed_at is not None:
        after_s = max(0, round((how.healed_at - datetime.fromisoformat(incident["at"])).total_seconds()))
    if incident["failure"] and after_s is None:
        state, word = "failed", "came to nothing"
    elif incident["over_at"] is None:
        state, word = "under-way", "under way"
    elif after_s is None:
        state, word = "healing", "over, healing"
    else:
        state, word = "healed", f"healed after {after_s} s"
    html = text_of("became.html", package=_PACKAGE, incident=incident, how=how, state=state, word=word, after_s=after_s)
    return {"state": state, "said": f"{act.title}: {word}", "html": html}


@cache
def _file(name: str) -> tuple[bytes, str]:
    body = resources.files(_PACKAGE).joinpath("static", name).read_bytes()
    return body, hashlib.blake2b(body, digest_size=6).hexdigest()
