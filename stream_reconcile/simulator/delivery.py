"""From the books to the sockets: where frames get lost, doubled, mixed up and late on purpose."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from stream_reconcile.simulator.book import Book
from stream_reconcile.simulator.fault_catalogue import Place
from stream_reconcile.simulator.faults import ArmedFault, Chance, Faults
from stream_reconcile.simulator.frames import Frame
from stream_reconcile.simulator.sessions import Sessions

# A repeated frame waits for later ones to pass; where none come, it goes out after so many seconds all the same.
_LONGEST_WAIT = 2.0


@dataclass(slots=True, eq=False)
class _Held:
    """A message that waits for so many later ones to pass, or for a time."""

    raw: bytes
    to_pass: int
    timer: asyncio.TimerHandle | None = None


class Delivery:
    """Takes each frame of the books, lets faults have their way with it, and hands it to the sessions."""

    def __init__(
        self,
        faults: Faults,
        sessions: Sessions,
        book: Book,
        rng: random.Random,
        in_books: Callable[[ArmedFault, str], None],
    ) -> None:
        """`in_books` carries out a fault of the books on an order, by its id."""
        self._faults = faults
        self._sessions = sessions
        self._book = book
        self._rng = rng
        self._in_books = in_books
        self._held: list[_Held] = []
        self._sparing_books = False
        self.published = 0
        self.lost = 0

    def publish(self, frame: Frame) -> None:
        """Send a frame, or do to it what is ordered."""
        self.published += 1
        if not self._held and not self._faults.armed():
            self._sessions.broadcast(frame.raw)
            return
        chance = self._chance(frame)
        if self._sessions.open:
            for fault in self._faults.strikes(Place.SOCKET, chance):
                self._sessions.strike(fault)
        raw = self._disturb(frame.raw, self._faults.strikes(Place.FRAME, chance))
        if raw is not None:
            self._sessions.broadcast(raw)
        self._let_pass()
        if not self._sparing_books:
            for fault in self._faults.strikes(Place.BOOKS, chance):
                self._in_books(fault, frame.order_id)

    @contextmanager
    def sparing_the_books(self) -> Iterator[None]:
        """What is sent within is no chance for a fault of the books: it comes of one, and would never end."""
        self._sparing_books = True
        try:
            yield
        finally:
            self._sparing_books = False

    def flush(self) -> None:
        """Send all that is held back, now."""
        for held in list(self._held):
            self._release(held)

    def _chance(self, frame: Frame) -> Chance:
        order = self._book.by_id(frame.order_id)
        if order is None:
            return Chance(frame.event, frame.order_id)
        return Chance(frame.event, frame.order_id, order.wire["symbol"], updated_at=order.wire["updated_at"])

    def _disturb(self, raw: bytes, faults: list[ArmedFault]) -> bytes | None:
        """What is left to send at once, if anything."""
        later = False
        for fault in faults:
            parameters = fault.parameters
            match fault.kind.name:
                case "drop":
                    self.lost += 1
                    return None
                case "unknown_field":
                    raw = _with_unknown_field(raw, str(parameters["name"]))
                case "duplicate":
                    for _ in range(int(parameters["copies"])):
                        # One more than the frame's own passing; 0 means right behind it.
                        self._hold(raw, 1 + self._rng.randint(0, int(parameters["within"])), _LONGEST_WAIT)
                case "reorder":
                    passing = 1 + self._rng.randint(1, max(int(parameters["window"]), 1))
                    self._hold(raw, passing, float(parameters["seconds"]))
                    later = True
                case "delay":
                    self._hold(raw, 0, float(parameters["seconds"]))
                    later = True
        return None if later else raw

    def _hold(self, raw: bytes, to_pass: int, seconds: float) -> None:
        held = _Held(raw, to_pass)
        held.timer = asyncio.get_running_loop().call_later(seconds, self._release, held)
        self._held.append(held)

    def _let_pass(self) -> None:
        for held in list(self._held):
            if held.to_pass:
                held.to_pass -= 1
                if not held.to_pass:
                    self._release(held)

    def _release(self, held: _Held) -> None:
        self._held.remove(held)
        if held.timer is not None:
            held.timer.cancel()
        self._sessions.broadcast(held.raw)


def _with_unknown_field(raw: bytes, name: str) -> bytes:
    message: dict[str, Any] = msgspec.json.decode(raw)
    message["data"][name] = {"nested": ["of", "no", "known", "meaning"]}
    message["data"]["order"][name] = "42"
    return msgspec.json.encode(message)
