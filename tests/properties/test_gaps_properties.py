"""Whatever happens to frames, socket, Kafka, process and database: what is not in Kafka lies in a window, or will.

The world of this test: a broker that sends frames (which may come up to the overlap out of order), a socket that
breaks, a producer that takes, drops, acknowledges or loses, a database that may be away or fall back to an older copy,
a process that may die, and sweeps that close windows which have an end. After every step, for every frame that the
broker ever sent:

    it is in Kafka, or a complete sweep has read it,
    or it lies in an open window,
    or it is newer than good_until less the overlap, where the next window will begin.
"""

from __future__ import annotations

import copy
import itertools
import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from stream_reconcile.core.gaps import (
    OVERLAP_NS,
    UNKNOWN_NS,
    CloseSession,
    EndWindows,
    Entry,
    Fate,
    GapTracker,
    MoveGoodUntil,
    OpenWindow,
    Row,
    Verify,
    Write,
    usable_time,
)

S = 1_000_000_000
START = 10 * UNKNOWN_NS


@dataclass
class Window:
    start: int
    ended: bool
    closed: bool = False


@dataclass
class Database:
    """What stream_sessions and stream_gaps hold, and the compare-and-set on them."""

    newest: Row | None = None
    ids: set[str] = field(default_factory=set)
    windows: list[Window] = field(default_factory=list)

    def perform(self, write: Write, now: int) -> Row | None:
        if self.newest != write.before:
            return self.newest
        match write:
            case OpenWindow():
                assert write.session_id not in self.ids, "each window has a session row of its own"
                self.ids.add(write.session_id)
                good = write.after.good_until_ns
                if write.ended:
                    self._end()
                start = now - UNKNOWN_NS if good is None else good - OVERLAP_NS
                self.windows.append(Window(start, write.ended))
            case EndWindows():
                self._end()
            case MoveGoodUntil():
                assert write.good_until_ns > (write.before.good_until_ns or 0), "it only goes forward"
            case CloseSession() | Verify():
                pass
        self.newest = write.after
        return self.newest

    def _end(self) -> None:
        for window in self.windows:
            window.ended = True


class World:
    """A story of `steps` events, drawn from `chance`."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.now = START
        self.ids = (f"s{number}" for number in itertools.count())
        self.database = Database()
        self.copies = [copy.deepcopy(self.database)]
        self.sent: list[int] = []
        self.in_kafka: set[int] = set()
        self.swept: set[int] = set()
        self.waiting: list[int] = []
        self.start_process()

    def start_process(self) -> None:
        self.tracker = GapTracker(self.database.newest, lambda: next(self.ids))
        self.pending: list[tuple[int, Entry]] = []
        self.waiting.clear()
        self.connected = self.listens = False
        self.record()

    def step(self) -> None:
        weights = {
            self.broker_sends: 8,
            self.read: 8,
            self.kafka_answers: 8,
            self.connect: 4,
            self.granted: 4,
            self.disconnect: 2,
            self.postgres_answers: 5,
            self.postgres_commits_and_breaks_off: 2,
            self.kafka_is_seen_well: 1,
            self.sweep: 4,
            # Both open windows that hide much else.
            self.process_dies: 0.3,
            self.database_falls_back: 0.3,
        }
        self.chance.choices(list(weights), list(weights.values()))[0]()

    def broker_sends(self) -> None:
        self.now += self.chance.choice([0, 1, 10, 90, 400]) * S
        self.sent.append(self.now - self.chance.choice([0, 0, 1, 30, 60]) * S)
        # Now and then one overtakes the grant.
        if self.listens or (self.connected and self.chance.random() < 0.2):
            self.waiting.append(len(self.sent) - 1)

    def connect(self) -> None:
        if not self.connected:
            self.tracker.connecting()
            self.connected = True

    def granted(self) -> None:
        if self.connected and not self.listens:
            self.tracker.listening()
            self.listens = True

    def disconnect(self) -> None:
        if self.connected:
            self.tracker.disconnected("disconnected")
            self.waiting.clear()
            self.connected = self.listens = False

    def read(self) -> None:
        if not self.waiting:
            return
        frame = self.waiting.pop(0)
        entry = self.tracker.read(self.sent[frame] if self.chance.random() < 0.9 else None)
        if self.chance.random() < 0.85:
            self.tracker.taken(entry)
            self.pending.append((frame, entry))
        else:
            self.tracker.dropped()

    def kafka_answers(self) -> None:
        if not self.pending:
            return
        frame, entry = self.pending.pop(self.chance.choice([0, 0, 0, -1]))
        fate = self.chance.random()
        if fate < 0.85:
            self.in_kafka.add(frame)
            entry.fate = Fate.ACKED
        elif fate < 0.92:
            self.tracker.lost(entry)
        else:
            entry.fate = Fate.LOST  # the word of it is still on its way to the loop

    def kafka_is_seen_well(self) -> None:
        self.tracker.settle()
        self.tracker.resume()

    def postgres_answers(self) -> None:
        self.record(verify=self.chance.random() < 0.3)
        self.copies = [*self.copies[-3:], copy.deepcopy(self.database)]

    def postgres_commits_and_breaks_off(self) -> None:
        """The write stands, and nobody is told."""
        self.tracker.settle()
        write = self.tracker.next_write()
        if write is not None and self.database.newest == write.before:
            self.database.perform(write, self.now)

    def process_dies(self) -> None:
        self.start_process()

    def database_falls_back(self) -> None:
        """To an older copy; what sweeps closed since then is open in it again."""
        self.database = copy.deepcopy(self.chance.choice(self.copies))

    def sweep(self) -> None:
        """A complete gap sweep reads what the broker has since the first window, and closes those that have an end."""
        opened = [window for window in self.database.windows if not window.closed]
        since = min((window.start for window in opened), default=self.now)
        self.swept |= {frame for frame, time in enumerate(self.sent) if time >= since}
        for window in opened:
            window.closed = window.ended

    def record(self, *, verify: bool = False) -> None:
        """What the recorder does while Postgres answers."""
        self.tracker.settle()
        for _ in range(20):
            write = self.tracker.next_write(verify=verify)
            verify = False
            if write is None:
                return
            row = self.database.perform(write, self.now)
            if row == write.after:
                self.tracker.written()
            else:
                self.tracker.found(row)
        raise AssertionError("there is no end to the writes that are due")

    def nothing_is_lost_silently(self) -> None:
        good = self.database.newest.good_until_ns if self.database.newest else None
        first = min((window.start for window in self.database.windows if not window.closed), default=None)
        for frame, time in enumerate(self.sent):
            assert (
                frame in self.in_kafka
                or frame in self.swept
                or (first is not None and first <= time)
                or good is None
                or time >= good - OVERLAP_NS
            ), f"frame {frame} is nowhere"

    def all_is_well_again(self) -> None:
        """Then all windows get an end, and good_until reaches the newest frame."""
        for frame, entry in self.pending:
            self.in_kafka.add(frame)
            entry.fate = Fate.ACKED
        self.connect()
        self.granted()
        self.record()
        self.kafka_is_seen_well()
        self.record(verify=True)
        assert not self.tracker.losing
        assert not self.tracker.window_due
        assert all(window.ended for window in self.database.windows)
        latest = self.now + 61 * S
        entry = self.tracker.read(latest)
        self.tracker.taken(entry)
        entry.fate = Fate.ACKED
        self.record()
        assert self.tracker.good_until_ns == latest
        assert self.database.newest is not None
        assert self.database.newest.good_until_ns == latest


@settings(max_examples=10 * settings().max_examples)  # cheap ones, and what they look for is rare
@given(seed=st.integers(0, 2**32))
def test_nothing_is_lost_silently(seed: int) -> None:
    world = World(random.Random(seed))
    for _ in range(120):
        world.step()
        world.nothing_is_lost_silently()
    world.all_is_well_again()


def test_one_frame_dated_ahead_does_not_move_good_until() -> None:
    assert usable_time(START, START) == START
    assert usable_time(START + 299 * S, START) == START + 299 * S
    assert usable_time(START + 301 * S, START) is None
    assert usable_time(None, START) is None
