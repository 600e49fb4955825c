"""The answers with which REST says no, in the bodies that were seen or documented."""

from __future__ import annotations

from typing import Any

from stream_reconcile.core.errors import ReconcileError


class RefusalError(ReconcileError):
    """A request that REST refuses: HTTP status, Alpaca's own code (None: a body without one), message."""

    def __init__(self, status: int, code: int | None, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def body(self) -> dict[str, Any]:
        """`{"code", "message"}`, or the message alone."""
        return {"message": self.message} if self.code is None else {"code": self.code, "message": self.message}


def not_found(what: str = "order") -> RefusalError:
    """404, as documented."""
    return RefusalError(404, 40410000, f"{what} not found")


def malformed(message: str) -> RefusalError:
    """422: a parameter is missing or unreadable."""
    return RefusalError(422, 40010001, message)


def unprocessable(message: str) -> RefusalError:
    """422: understood, and impossible."""
    return RefusalError(422, 42210000, message)


def forbidden(message: str) -> RefusalError:
    """403: not with this account."""
    return RefusalError(403, 40310000, message)
