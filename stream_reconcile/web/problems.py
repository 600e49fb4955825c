"""What went wrong, as `application/problem+json` (RFC 9457), for the API's callers."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import JSONResponse

from stream_reconcile.core.errors import ConfigError, FencedError, ReconcileError, RefusedError, UnreachableError


class NotThere(ReconcileError):
    """There is no such thing."""


class Starting(UnreachableError):
    """The servers are not known yet, or nothing was read yet."""


class Busy(UnreachableError):
    """Too many wait already: ask again later."""


class TooSlow(ReconcileError):
    """The query took longer than it may: ask for less."""


# The first that fits; what else there is, is ours (500).
_STATUSES: tuple[tuple[type[ReconcileError], HTTPStatus], ...] = (
    (ConfigError, HTTPStatus.BAD_REQUEST),
    (NotThere, HTTPStatus.NOT_FOUND),
    (FencedError, HTTPStatus.CONFLICT),
    (RefusedError, HTTPStatus.CONFLICT),
    (TooSlow, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UnreachableError, HTTPStatus.SERVICE_UNAVAILABLE),
)

_LATER = {"Retry-After": "2"}


def problem(status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem without a type of its own: its title is the status's."""
    body = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    every = {"Cache-Control": "no-store", **(headers or {})}
    return JSONResponse(body, status_code=status.value, media_type="application/problem+json", headers=every)


def status_of(error: ReconcileError) -> HTTPStatus:
    """Which status an error of ours is."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def problem_of(error: ReconcileError) -> JSONResponse:
    """An error of ours; its message holds no secret (core.errors)."""
    status = status_of(error)
    return problem(status, str(error), _LATER if status is HTTPStatus.SERVICE_UNAVAILABLE else None)
