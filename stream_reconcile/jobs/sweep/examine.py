"""What was read, held against the rows: what they dominate is done with at once, the rest is kept until it is settled.

A row only ever moves up in the order of I2. So an observation that its row dominates when it is read is dominated for
good, and need not be kept: memory holds what differs, not what was read. What differs waits until apply has passed the
end of the log as it was after the read; what differs still is published, and looked at once more when apply has it.
So is what is the same, and whose decision came too late to be bound: apply binds an order when it sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import psycopg
import structlog

from stream_reconcile.core.errors import SweepIncomplete, WireError
from stream_reconcile.core.observation import Observation, Seen
from stream_reconcile.core.sweep.compared import (
    Compared,
    Found,
    Graces,
    adds_up,
    drift_of,
    found_in,
    is_news,
    still_open,
    wants_a_look,
)
from stream_reconcile.core.wire.parse import Parser
from stream_reconcile.core.wire.unchanged import family, first_submitted_s, status_of
from stream_reconcile.jobs.sweep.barrier import Barrier
from stream_reconcile.jobs.sweep.publish import Finding
from stream_reconcile.jobs.sweep.sieve import Sieve
from stream_reconcile.store.comparison import Comparer, OpenRow

log = structlog.get_logger()

_MOST_PENDING: Final = 2_000
_MOST_FOREIGN: Final = 10_000  # the others are found by the next sweeps

Publish = Callable[[Iterable[Finding]], None]


class Read(NamedTuple):
    """One order as the broker's REST API gave it, legs nested."""

    raw: bytes
    order_id: str
    received_at_ns: int
    observations: tuple[Observation, ...]


class Examiner:
    """Of one sweep."""

    def __init__(
        self,
        account_id: str,
        topic: str,
        comparer: Comparer,
        barrier: Barrier,
        publish: Publish,
        graces: Graces,
        open_rows: Iterable[OpenRow],
        *,
        watched: set[str],
        told_unreadable: set[bytes],
        with_origins: bool,
    ) -> None:
        self._account_id, self._topic, self._graces = account_id, topic, graces
        self._comparer, self._barrier, self._publish = comparer, barrier, publish
        self._with_origins = with_origins
        self._parser = Parser()
        self._sieve = Sieve(comparer)
        self._pending: list[Read] = []
        self.unnamed = {row.order_id: row for row in open_rows}
        """Orders that are open by our rows and that nothing read so far has named, in their order."""
        self.named: set[str] = set()
        """Of these, the ones that were read."""
        self.watched = watched
        """Orders of which something is open that closes itself."""
        self.seen_again: set[str] = set()
        """Of these, the ones that were read."""
        self.orders = 0
        self.oldest_s: float | None = None
        """Of the newest page, when the order that was submitted first was: seconds since the epoch."""
        self.checked: set[str] = set()
        """Orders that were read and that the broker may yet change."""
        self.successors: set[str] = set()
        """Orders that a replaced one names, which have no row and were not read so far."""
        self._new: set[str] = set()
        self.unreadable = 0
        self._told_unreadable = told_unreadable
        self.found: list[Found] = []
        self.settled: list[Compared] = []
        """Orders that needed a look, as they stand now that apply has passed it."""
        self.news: list[Compared] = []
        """Orders that the broker has changed, and of which the log held nothing."""
        self.short = 0
        """How many of the settled had fills that did not add up."""
        self._foreign: list[Compared] = []
        self._origins_told = 0

    def take(self, raws: Sequence[bytes], received_at_ns: int) -> None:
        """Examine orders that were just read. Raises SweepIncomplete, KafkaUnreachable, psycopg.Error."""
        self.orders += len(raws)
        with_origins = self._with_origins and self._origins_told < _MOST_FOREIGN
        told, rest = self._sieve.sift(raws, with_origins=with_origins)
        for order in [each for root in told for each in family(root)]:
            self._note_read(order.id, status_of(order))
        first = first_submitted_s(told)
        submitted = [] if first is None else [first]
        reads = [read for raw in rest if (read := self._read(raw, received_at_ns)) is not None]
        for read, compared in self._readable(reads):
            self._note(compared, received_at_ns / 1e9)
            submitted += [one.submitted_s for one in compared if one.submitted_s is not None]
            if any(map(wants_a_look, compared)):
                self._pending.append(read)
        self.oldest_s = min(submitted, default=None)
        if len(self._pending) >= _MOST_PENDING:
            self.settle()

    def unsure(self, now_s: float) -> tuple[set[str], set[str]]:
        """Orders whose fills did not add up when they were settled: all, and those past the grace."""
        short = [one for one in self.settled if not adds_up(one)]
        late = {one.order_id for one in short if now_s - one.updated_s >= self._graces.finding_s}
        return {one.order_id for one in short}, late

    def take_foreign(self) -> list[Compared]:
        """Orders that no decision accounts for, or that only sweeps know: those since the last call."""
        foreign, self._foreign = self._foreign, []
        return foreign

    def settle(self) -> None:
        """Wait for apply, publish what differs still, wait for that, and see that it is there.

        Raises SweepIncomplete where it is not.
        """
        if not self._pending:
            return
        reads, self._pending = self._pending, []
        now_s = max(read.received_at_ns for read in reads) / 1e9
        self._barrier.wait()
        differing: list[Read] = []
        for read, compared in self._compared(reads):
            self.news += filter(is_news, compared)
            unknown = compared[0].verdict == "new"
            for one in compared:
                read_s = read.received_at_ns / 1e9
                self.found += found_in(one, now_s, self._graces, read_s=read_s, parent_is_new=unknown)
            if not all(one.is_settled for one in compared):
                differing.append(read)
        if differing:
            self._publish(
                Finding(self._topic, "snapshot", read.order_id, read.received_at_ns, read.raw) for read in differing
            )
            self._barrier.wait()
        self._new.clear()  # they have rows now
        left = 0
        for read, compared in self._compared(reads):
            self.settled += compared
            for one in compared:
                self.short += not adds_up(one)
                if one.missing_successor is not None:
                    self.found += found_in(one, now_s, self._graces, read_s=read.received_at_ns / 1e9)
            self._note_terms(compared)
            left += not all(one.is_dominated for one in compared)
        if left:
            raise SweepIncomplete(
                f"{left} of {len(differing)} orders that were published are not in the tables as the broker has them: "
                "`stream-reconcile dead-letters list` may tell why"
            )

    def _read(self, raw: bytes, received_at_ns: int) -> Read | None:
        # Its place in the log is not known yet, and compares with nothing.
        seen = Seen(self._account_id, "sweep", received_at_ns, self._topic, 0, 0, received_at_ns // 1_000_000)
        try:
            parsed = self._parser.snapshot(raw, seen)
        except WireError as error:
            self._cannot_read(raw, "", received_at_ns, str(error))
            return None
        return Read(raw, parsed.observations[0].order_id, received_at_ns, parsed.observations)

    def _readable(self, reads: Sequence[Read]) -> list[tuple[Read, list[Compared]]]:
        """Compared, but for those of which only Postgres sees that they can't be read, such as 30 February."""
        try:
            return list(self._compared(reads))
        except psycopg.DataError as error:
            if len(reads) > 1:
                half = len(reads) // 2
                return [*self._readable(reads[:half]), *self._readable(reads[half:])]
            (one,) = reads
            self._cannot_read(one.raw, one.order_id, one.received_at_ns, f"Postgres refuses a value: {error.sqlstate}")
            return []

    def _cannot_read(self, raw: bytes, order_id: str, received_at_ns: int, why: str) -> None:
        self.unreadable += 1
        digest = sha256(raw).digest()
        if digest not in self._told_unreadable:
            # Apply will say the same and keep it as a dead letter, which blocks the proof.
            log.warning("order_not_readable", account_id=self._account_id, why=why)
            self._publish([Finding(self._topic, "snapshot", order_id, received_at_ns, raw)])
            self._told_unreadable.add(digest)

    def _compared(self, reads: Sequence[Read]) -> Iterable[tuple[Read, list[Compared]]]:
        flat = [observation for read in reads for observation in read.observations]
        compared = iter(self._comparer.compare(flat))
        return [(read, [next(compared) for _ in read.observations]) for read in reads]

    def _note_read(self, order_id: str, status: str | None) -> None:
        if self.unnamed.pop(order_id, None) is not None:
            self.named.add(order_id)
        self.successors.discard(order_id)
        if order_id in self.watched:
            self.seen_again.add(order_id)
        if still_open(status):
            self.checked.add(order_id)

    def _note(self, compared: Sequence[Compared], now_s: float) -> None:
        for one in compared:
            self._note_read(one.order_id, one.status)
            if one.verdict == "new":
                self._new.add(one.order_id)
            if one.missing_successor is not None and one.missing_successor not in self._new:
                self.successors.add(one.missing_successor)
            if not wants_a_look(one):
                self.found += found_in(one, now_s, self._graces)
        self._note_terms(compared)

    def _note_terms(self, compared: Iterable[Compared]) -> None:
        if self._with_origins and self._origins_told < _MOST_FOREIGN:
            foreign = [one for one in compared if one.origin in ("external", "recovered")]
            self._origins_told += len(foreign)
            self._foreign += foreign
        self.found += [drift for one in compared if (drift := drift_of(one)) is not None]
