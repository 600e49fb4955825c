"""What `good_until` and the gap windows do: gaps are assumed, not reported. Pure; every id comes from outside.

`good_until` of an account is the broker's time of the newest frame that Kafka acknowledged together with all read
before it, of frames that came after the grant of their socket. Nothing else moves it: no clock of ours, no close, no
window. What the broker sent up to `good_until` less an overlap is in Kafka, or in a window that stands in the database.
So a window that is opened from there covers all that can have been missed since, however it was missed. One is opened

    at start           frames of the time that nobody listened
    at `listening`     frames between the last socket and this one
    at a lost frame    the queue was full, or Kafka refused a record or did not take it in time
    at a restored row  the database is an older copy than the one we wrote to

each with a new session row, which the next write is compared with. While one is due and not written, `good_until`
stands still. A window has no end while frames may still be missing (nobody listens, or frames are still being lost);
until it has one, no sweep can close it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum, IntEnum
from typing import NamedTuple

OVERLAP_NS = 60 * 1_000_000_000  # frames may come out of order by so much, broker time
UNKNOWN_NS = 7 * 24 * 3600 * 1_000_000_000  # how far a window reaches back where no frame was ever seen
_MAX_AHEAD_NS = 300 * 1_000_000_000


class Reason(Enum):
    """What opened a window."""

    START = "start"
    LISTENING = "listening"
    LOST_FRAME = "lost_frame"
    RESTORED = "restored"


class Row(NamedTuple):
    """The account's newest session row. `good_until_ns` is None while no frame was ever acknowledged."""

    session_id: str
    good_until_ns: int | None


class OpenWindow(NamedTuple):
    """Close row `before`, insert row `session_id` with the same good_until, and a window from there."""

    before: Row | None
    frames: int  # of the session that ends
    close_reason: str  # of the session that ends
    session_id: str
    reason: Reason
    listening: bool
    ended: bool  # frames are taken again: this window and all without an end get one

    @property
    def after(self) -> Row:
        return Row(self.session_id, self.before.good_until_ns if self.before else None)


class CloseSession(NamedTuple):
    """The socket is gone: say so in the newest row."""

    before: Row
    frames: int
    close_reason: str

    @property
    def after(self) -> Row:
        return self.before


class EndWindows(NamedTuple):
    """Frames are taken again: give all windows of the account that have no end one."""

    before: Row

    @property
    def after(self) -> Row:
        return self.before


class MoveGoodUntil(NamedTuple):
    """Set good_until of the newest row."""

    before: Row
    good_until_ns: int
    frames: int

    @property
    def after(self) -> Row:
        return Row(self.before.session_id, self.good_until_ns)


class Verify(NamedTuple):
    """Write nothing: only compare, so that an older copy of the database is noticed while nothing happens."""

    before: Row

    @property
    def after(self) -> Row:
        return self.before


Write = OpenWindow | CloseSession | EndWindows | MoveGoodUntil | Verify


class Fate(IntEnum):
    """What became of a frame that was handed to the producer."""

    PENDING = 0
    ACKED = 1
    LOST = 2


class Entry:
    """A frame that was handed to the producer. `fate` is set once, from any thread; all else is the tracker's."""

    __slots__ = ("broker_ns", "fate", "index", "noted", "session_id")

    def __init__(self, index: int, session_id: str, broker_ns: int | None) -> None:
        self.index = index
        self.session_id = session_id
        self.broker_ns = broker_ns
        self.fate = Fate.PENDING
        self.noted = False


class GapTracker:
    """Which write is due next, from what was read, acknowledged, lost and written.

    `stored` is the account's newest row as found in the database; `new_id` gives the id of a session. One write at a
    time is handed out by `next_write`, the same one until `written` or `found` says what became of it.
    """

    def __init__(self, stored: Row | None, new_id: Callable[[], str]) -> None:
        self._stored = stored
        self._new_id = new_id
        self._session_id = new_id()
        self._handed_id = ""
        self._entries: deque[Entry] = deque()
        self._read = 0
        self._frames: dict[str, int] = {}
        self._candidate = stored.good_until_ns if stored else None
        self._due: Reason | None = Reason.START
        self._in_flight: Write | None = None
        self._listening = False
        self._losing = False
        self._resume_after = 0
        self._close_reason = ""
        self._endless = True  # an earlier process may have left windows without an end

    @property
    def session_id(self) -> str:
        """The session that frames read now belong to."""
        return self._session_id

    @property
    def losing(self) -> bool:
        """True from a lost frame until frames are taken again."""
        return self._losing

    @property
    def window_due(self) -> bool:
        """True while a window is not written: good_until stands still."""
        return self._due is not None or isinstance(self._in_flight, OpenWindow)

    @property
    def good_until_ns(self) -> int | None:
        """good_until as the database has it."""
        return self._stored.good_until_ns if self._stored else None

    def connecting(self) -> str:
        """A new socket is being opened; returns its session id."""
        self._listening = False
        self._fresh_id()
        return self._session_id

    def listening(self) -> None:
        """The broker granted the subscription on this socket."""
        self._listening = True
        self._request(Reason.LISTENING)

    def disconnected(self, reason: str) -> None:
        """The socket is gone. By itself that opens nothing and moves nothing."""
        if self._listening:
            self._close_reason = reason
        self._listening = False

    def read(self, broker_ns: int | None) -> Entry:
        """A frame was read; say `taken` or `dropped` next.

        One that overtakes the grant of its socket moves nothing: what was missed before this socket came lies in no
        window yet, and the window that the grant opens begins at good_until.
        """
        self._read += 1
        return Entry(self._read, self._session_id, broker_ns if self._listening else None)

    def taken(self, entry: Entry) -> None:
        """The producer took the frame; it sets its fate, be it before or after this."""
        self._entries.append(entry)

    def dropped(self) -> None:
        """The producer did not take the frame: the queue is full, or the record too large."""
        self._note_loss()

    def lost(self, entry: Entry) -> None:
        """The producer gave up a frame that it had taken."""
        entry.fate = Fate.LOST
        if not entry.noted:
            entry.noted = True
            self._note_loss()

    def settle(self) -> None:
        """Go through the frames whose fate is known, in the order in which they were read."""
        entries = self._entries
        while entries and entries[0].fate is not Fate.PENDING:
            entry = entries.popleft()
            if entry.fate is Fate.LOST:
                self.lost(entry)
                continue
            self._frames[entry.session_id] = self._frames.get(entry.session_id, 0) + 1
            if self._losing and entry.index > self._resume_after:
                self._losing = False
            if not self._losing and entry.broker_ns is not None:
                self._candidate = max(entry.broker_ns, self._candidate or 0)

    def resume(self) -> None:
        """Kafka was seen to take records again. Counts only once no frame is under way any more."""
        if not self._entries:
            self._losing = False

    def next_write(self, *, verify: bool = False) -> Write | None:
        """The one write that is due now, or None; with `verify`, a comparison where no write is due."""
        if self._in_flight is None:
            self._in_flight = self._next()
        if self._in_flight is None and verify and self._stored is not None:
            self._in_flight = Verify(self._stored)
        return self._in_flight

    def written(self) -> None:
        """The write handed out stands in the database."""
        write = self._in_flight
        if write is None:
            raise RuntimeError("no write was handed out")
        self._in_flight = None
        self._stored = write.after
        if isinstance(write, OpenWindow):
            self._endless = not write.ended
        elif isinstance(write, EndWindows):
            self._endless = False

    def found(self, row: Row | None) -> None:
        """The write handed out was refused, though the lease is ours: the newest row is another, an older copy's."""
        self._in_flight = None
        self._stored = row
        self._endless = True
        self._request(Reason.RESTORED)

    def _next(self) -> Write | None:
        taking = self._listening and not self._losing
        if self._due is not None:
            before = self._stored
            reason = self._close_reason or "continued"
            write = OpenWindow(
                before, self._frames_of(before), reason, self._session_id, self._due, self._listening, taking
            )
            self._due = None
            self._close_reason = ""
            self._handed_id = self._session_id
            return write
        if self._stored is None:
            return None
        if self._close_reason:
            reason, self._close_reason = self._close_reason, ""
            return CloseSession(self._stored, self._frames_of(self._stored), reason)
        if self._endless and taking:
            return EndWindows(self._stored)
        if self._candidate is not None and self._candidate > (self._stored.good_until_ns or 0):
            return MoveGoodUntil(self._stored, self._candidate, self._frames_of(self._stored))
        return None

    def _frames_of(self, row: Row | None) -> int:
        return self._frames.get(row.session_id, 0) if row else 0

    def _note_loss(self) -> None:
        self._resume_after = self._read
        if not self._losing:
            self._losing = True
            self._request(Reason.LOST_FRAME)

    def _request(self, reason: Reason) -> None:
        self._due = reason
        # Each window has a session row of its own; an id that was handed out for one is used up.
        if self._session_id == self._handed_id:
            self._fresh_id()

    def _fresh_id(self) -> None:
        self._session_id = self._new_id()
        kept = (self._handed_id, self._session_id, self._stored.session_id if self._stored else "")
        self._frames = {session: frames for session, frames in self._frames.items() if session in kept}


def usable_time(broker_ns: int | None, received_ns: int) -> int | None:
    """The broker's time of a frame, or None where it must not move good_until.

    Our clock moves nothing, but it refuses: one frame dated years ahead would make every later window begin there.
    """
    return broker_ns if broker_ns is not None and broker_ns <= received_ns + _MAX_AHEAD_NS else None
