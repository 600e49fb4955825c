"""What changes something over HTTP: POST a JSON object, get a JSON object, or a problem (web.problems).

What is done is given from above, once the servers are known: until then it answers 503.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stream_reconcile.core.errors import ConfigError, ReconcileError
from stream_reconcile.web.guard import MOST_BODY
from stream_reconcile.web.patience import body_of
from stream_reconcile.web.problems import problem, problem_of

log = structlog.get_logger()

REWIND: Final = "/api/v1/rewind"
UNDO: Final = "/api/v1/rewind/undo"
ACCEPT: Final = "/api/v1/discrepancies/accept"
RETRY: Final = "/api/v1/dead-letters/retry"
SWEEP: Final = "/api/v1/sweeps/ask"

Action = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Takes the request's object and gives the answer's. Blocks; raises ReconcileError for what its caller has to know."""


class Control:
    """Actions by path, each from the moment it is given. Thread-safe: a path is set once, and read."""

    def __init__(self) -> None:
        self._actions: dict[str, Action] = {}

    def offer(self, path: str, action: Action) -> None:
        """Answer `POST path` by `action` from now on."""
        self._actions[path] = action

    def route(self, path: str) -> Route:
        """The route of an action, also before there is one."""

        async def answer(request: Request) -> Response:
            action = self._actions.get(path)
            if action is None:
                return problem(HTTPStatus.SERVICE_UNAVAILABLE, "the program is starting: try again in a moment")
            try:
                body = await _object(request)
                return JSONResponse(await run_in_threadpool(action, body), headers={"Cache-Control": "no-store"})
            except ReconcileError as error:
                return problem_of(error)
            except Exception:
                log.exception("control_failed", path=path)
                return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "it failed by a mistake of the program: see its log")

        return Route(path, answer, methods=["POST"])


async def _object(request: Request) -> dict[str, Any]:
    """The request's JSON object. Raises ConfigError for anything else."""
    body = await body_of(request, MOST_BODY)
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):  # UnicodeDecodeError is one
        raise ConfigError("the request is no JSON") from None
    if not isinstance(found, dict):
        raise ConfigError("the request is no JSON object")
    return found
