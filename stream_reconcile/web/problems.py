"""What went wrong, as `application/problem+json` (RFC 9457), for the API's callers."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import JSONResponse

from stream_reconcile.core.errors import ConfigError, FencedError, ReconcileError, RefusedError, UnreachableError

# The first that fits; what else there is, is ours (500).
_STATUSES: tuple[tuple[type[ReconcileError], HTTPStatus], ...] = (
    (ConfigError, HTTPStatus.BAD_REQUEST),
    (FencedError, HTTPStatus.CONFLICT),
    (RefusedError, HTTPStatus.CONFLICT),
    (UnreachableError, HTTPStatus.SERVICE_UNAVAILABLE),
)


def problem(status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem without a type of its own: its title is the status's."""
    body = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    every = {"Cache-Control": "no-store", **(headers or {})}
    return JSONResponse(body, status_code=status.value, media_type="application/problem+json", headers=every)


def problem_of(error: ReconcileError) -> JSONResponse:
    """An error of ours; its message holds no secret (core.errors)."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    return problem(status, str(error))
