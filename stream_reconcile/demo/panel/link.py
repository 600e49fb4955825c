"""From the process that serves the page to the demo's own: a pair of connected sockets that only these two hold.

There is no address at which anybody else could ask. A line of JSON goes each way: `{"do": act}` or `{}` for what is
told; `{"number": …}`, `{"told": …}`, or `{"refused": words, "kind": …}`.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from stream_reconcile.core.errors import ReconcileError, RefusedError, UnreachableError
from stream_reconcile.demo.panel.desk import Desk

_ANSWERS_WITHIN_S: Final = 90.0
_GONE: Final = "The demo has ended, or does not answer."


class DeskLink:
    """The desk's side: a thread that answers. `theirs` is the socket to hand over; used as a context manager."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ours, self.theirs = socket.socketpair()
        self._thread = threading.Thread(target=self._answer, name="panel", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._ours.close()
        self.theirs.close()

    def _answer(self) -> None:
        with suppress(OSError), self._ours.makefile("rwb") as stream:
            for line in stream:
                stream.write(json.dumps(self._answer_to(json.loads(line))).encode() + b"\n")
                stream.flush()

    def _answer_to(self, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"number": self._desk.ask(str(asked["do"]))} if "do" in asked else {"told": self._desk.told()}
        except ReconcileError as error:
            return {"refused": str(error), "unreachable": isinstance(error, UnreachableError)}


class PageLink:
    """The page's side. Thread-safe; one asks at a time."""

    def __init__(self, connected: socket.socket) -> None:
        connected.settimeout(_ANSWERS_WITHIN_S)
        self._connected, self._stream = connected, connected.makefile("rwb")
        self._lock = threading.Lock()

    def close(self) -> None:
        """Ask no more."""
        with suppress(OSError):
            self._stream.close()
        self._connected.close()

    def do(self, act: str) -> int:
        """Have it done; the incident's number. Raises RefusedError, UnreachableError."""
        return int(self._ask({"do": act})["number"])

    def told(self) -> dict[str, Any]:
        """As `Desk.told`. Raises UnreachableError."""
        told: dict[str, Any] = self._ask({})["told"]
        return told

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            with self._lock:
                self._stream.write(json.dumps(asked).encode() + b"\n")
                self._stream.flush()
                line = self._stream.readline()
        except (OSError, ValueError):
            raise UnreachableError(_GONE) from None
        if not line:
            raise UnreachableError(_GONE)
        answer: dict[str, Any] = json.loads(line)
        if "refused" in answer:
            raise (UnreachableError if answer["unreachable"] else RefusedError)(answer["refused"])
        return answer
