"""Where the demo's own process does what was pressed: asked by any thread, done by the one that looks after it all.

Processes are killed and started by one thread alone, so what is asked for waits for that thread's next turn.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from stream_reconcile.core.errors import ReconcileError, RefusedError, UnreachableError
from stream_reconcile.demo.panel.scripts import SCRIPTS, Ground, Script
from stream_reconcile.demo.story import Wait

_DONE_WITHIN_S: Final = 60.0  # a turn comes every half second; on a busy machine later
_ORDERS_TOLD: Final = 3

NOT_YET: Final = "The story of the demo is still being played. The buttons work when it is over."
_ENDING: Final = "The demo is ending."


@dataclass(slots=True)
class Incident:
    """One press. `over_at`: when the disturbance was over; `failure`: why it came to nothing, "" if it did not."""

    number: int
    act: str
    at: datetime
    words: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    over_at: datetime | None = None
    failure: str = ""

    def say(self, words: str) -> None:
        """A sentence on what happened."""
        self.words.append(words)

    def about(self, order_ids: Sequence[str]) -> None:
        """Orders to look at; the first of them are told."""
        self.orders = list(order_ids[:_ORDERS_TOLD])

    def as_json(self) -> dict[str, Any]:
        """As the process that serves the page gets it."""
        return {
            "number": self.number,
            "act": self.act,
            "at": self.at.isoformat(),
            "words": list(self.words),
            "orders": list(self.orders),
            "over_at": self.over_at and self.over_at.isoformat(),
            "failure": self.failure,
        }


class _UnderWay:
    """A script that has not ended."""

    def __init__(self, incident: Incident, steps: Iterator[Wait]) -> None:
        self.incident, self._steps = incident, steps
        self._wait: Wait | None = None
        self._deadline = 0.0

    def go_on(self) -> bool:
        """Do what can be done now; whether it goes on afterwards. Raises ReconcileError."""
        while self._wait is None or self._wait.met():
            self._wait = next(self._steps, None)
            if self._wait is None:
                return False
            self._deadline = time.monotonic() + self._wait.limit_s
        if time.monotonic() > self._deadline:
            self.close()
            raise UnreachableError(f"waited {self._wait.limit_s:.0f} s for {self._wait.what}, in vain")
        return True

    def close(self) -> None:
        """Undo what lasts."""
        close = getattr(self._steps, "close", None)
        if close is not None:
            close()


class Desk:
    """Takes what is asked for (`ask`, `told`: any thread) and does it (everything else: one thread, that of `ground`).

    It is closed at first.
    """

    def __init__(self, scripts: Mapping[str, Script] = SCRIPTS) -> None:
        self._scripts = scripts
        self._asked: queue.SimpleQueue[tuple[str, Future[int]]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._incidents: dict[str, Incident] = {}
        self._under_way: list[_UnderWay] = []
        self._number = 0
        self._ground: Ground | None = None
        self._closed = NOT_YET

    def ask(self, act: str) -> int:
        """Have it done; the incident's number once it has begun.

        Raises RefusedError where it can't be done now, what the script raises, UnreachableError if no turn comes.
        """
        if self._closed:
            raise RefusedError(self._closed)
        begun: Future[int] = Future()
        self._asked.put((act, begun))
        try:
            return begun.result(_DONE_WITHIN_S)
        except TimeoutError:
            begun.cancel()
            raise UnreachableError("the demo is busy: press again in a moment") from None

    def told(self) -> dict[str, Any]:
        """`closed`: why nothing can be pressed, "" if it can; `incidents`: the newest of each act."""
        with self._lock:
            newest = sorted(self._incidents.values(), key=lambda one: one.number)
            return {"closed": self._closed, "incidents": [one.as_json() for one in newest]}

    def open(self, ground: Ground) -> None:
        """From now on it can be asked."""
        self._ground, self._closed = ground, ""

    def attend(self) -> bool:
        """One turn. False, as a wait that is never met."""
        with self._lock:
            for one in list(self._under_way):
                try:
                    if not one.go_on():
                        self._over(one)
                except Exception as error:  # noqa: BLE001 - whatever it is, the demo goes on
                    self._over(one, _words(error))
            with suppress(queue.Empty):
                while True:
                    self._begin(*self._asked.get_nowait())
        return False

    def close(self) -> None:
        """No more turns: what lasts is undone, who waits is told."""
        self._closed = _ENDING
        with self._lock:
            for one in list(self._under_way):
                with suppress(Exception):
                    one.close()
                self._over(one, "The demo ended before it was over.")
            with suppress(queue.Empty):
                while True:
                    self._asked.get_nowait()[1].set_exception(RefusedError(_ENDING))

    def _begin(self, act: str, begun: Future[int]) -> None:
        if not begun.set_running_or_notify_cancel():
            return
        try:
            begun.set_result(self._begun(act))
        except ReconcileError as error:
            begun.set_exception(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the demo goes on
            begun.set_exception(UnreachableError(_words(error)))

    def _begun(self, act: str) -> int:
        if any(one.incident.act == act for one in self._under_way):
            raise RefusedError("that is under way already")
        if self._ground is None or act not in self._scripts:
            raise RefusedError(f"it can't be done: {act}")
        incident = Incident(self._number + 1, act, datetime.now(UTC))
        one = _UnderWay(incident, self._scripts[act](self._ground, incident))
        goes_on = one.go_on()
        self._number += 1
        self._incidents[act] = incident
        self._under_way.append(one)
        if not goes_on:
            self._over(one)
        return incident.number

    def _over(self, one: _UnderWay, failure: str = "") -> None:
        self._under_way.remove(one)
        one.incident.over_at, one.incident.failure = datetime.now(UTC), failure


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, ReconcileError) else f"it failed ({type(error).__name__})"
