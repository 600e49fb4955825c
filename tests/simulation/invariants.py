"""The invariants of the design, I1 to I11, on a run: after each commit and each transaction, and at the end.

They ask the models for the truth, and count for themselves; of the core they take only what they hold against itself.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

from stream_reconcile.core.cursors import Cursor
from stream_reconcile.core.discrepancy_types import BLOCKS_PROOF
from stream_reconcile.core.evidence import Evidence
from stream_reconcile.core.fills import fill_rows
from stream_reconcile.core.fold import OrderKey
from stream_reconcile.core.merge import merge
from stream_reconcile.core.observation import Observation, Seen
from stream_reconcile.core.wire.parse import Parser
from stream_reconcile.store.batch import Batch

from .broker import ACCOUNT, Order
from .processes import OVERLAP, Surroundings
from .tables import Standing, Tables, execution_of
from .world import SECOND, Process
from .writer import records_of

_FROM_ABSENCE: Final = frozenset(("missing_at_broker", "not_placed"))
_JUDGED_BY_SWEEPS: Final = frozenset(
    ("missed_terminal", "broken_replace_chain", "missing_at_broker", "missing_fill", "excess_fill")
)
_FOR_PEOPLE: Final = ("retention_loss", "conflicting_fill", "missing_at_broker")
_MOST_WAITING: Final = 5_000
_PARSER: Final = Parser()
OVERLAP_NS: Final = int(OVERLAP.total_seconds()) * SECOND


class Violation(Exception):
    """An invariant does not hold. `name`: I1 to I11, `equal` for the end of a run, `error` for what nobody expected."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{name}: {what}")
        self.name, self.what = name, what


class Checker:
    """Of one run."""

    def __init__(self, around: Surroundings) -> None:
        self._around, self._world, self._database = around, around.world, around.database
        self._database.watch = self.transaction
        self._database.witness = self
        around.on_page = self.read
        self._epochs: dict[Any, int] = {}
        self._holders: dict[tuple[str, int], Process] = {}
        self._newest = self._proof = 0
        self._marks: dict[str, dict[Any, tuple[str, int]]] = {}
        self._calm_ns: int | None = None
        self._again: dict[OrderKey, Any] = {}
        self._checks = self._commits = self._refused = self._proofs = self._replays = 0

    def counts(self) -> dict[str, int]:
        """What a run was made of."""
        return {
            "checks": self._checks, "commits": self._commits, "proofs": self._proofs, "replays": self._replays,
            "orders": len(self._around.broker.orders), "frames": len(self._around.broker.sent),
        }  # fmt: skip

    # -- a commit of apply ---------------------------------------------------------------------------------------

    def about_to_commit(self, owner: str, batch: Batch, touched: set[OrderKey]) -> None:
        """Remember what the commit has to leave as it is."""
        cursors, tables = self._database.tables.cursors, self._database.tables
        self._before = {(m.topic, m.partition): cursors.get((m.topic, m.partition)) for m in batch.moves}
        self._owner = owner
        before = {(m, row) for m in batch.moves if (row := self._before[m.topic, m.partition]) is not None}
        # A log that was truncated gives offsets twice.
        known = not self._around.log.damaged and len(before) == len(batch.moves)
        self._is_again = known and all(
            m.next_offset <= row.max_offset and m.topic_id == row.cursor.topic_id for m, row in before
        )
        if self._is_again:
            self._again = {order: _derived(tables, order) for order in touched}

    def committed(self, batch: Batch, touched: set[OrderKey]) -> None:
        """I2, I3, I4, I9, I10 of what was written."""
        tables = self._database.tables
        self._commits += 1
        for move in batch.moves:
            row = self._before[move.topic, move.partition]
            believed = Cursor(move.expected, move.epoch, self._owner, move.topic_id)
            _hold(row is not None and row.cursor == believed, "I4", f"{self._owner} moved {row} believing {believed}")
            self._follows(batch, move.topic, move.partition, move.topic_id, move.expected, move.next_offset)
        for order in touched:
            row_of = tables.executions.get(order)
            if row_of is not None:
                self._is_greatest(order, row_of, tables)
                self._adds_up(order, row_of, tables)
        if self._is_again:
            self._replays += 1
            for order, before in self._again.items():
                _hold(_derived(tables, order) == before, "I10", f"{order[0]} changed as records were applied again")

    def _follows(self, batch: Batch, topic: str, partition: int, topic_id: str, begin: int, end: int) -> None:
        """I3: the cursor passes what is in the rows, and nothing else."""
        tables, stretch = self._database.tables, self._around.log.partitions[_place(topic, partition)]
        applied = tables.applied.get((topic_id, topic, partition), set())
        for known_id, name, number, offset in records_of(batch):
            if (name, number) == (topic, partition) and known_id == topic_id:
                _hold(begin <= offset < end, "I3", f"{topic}:{partition} has rows of {offset}, its cursor is at {end}")
        if not self._around.log.damaged:
            for offset in range(max(begin, stretch.low), end):
                _hold(offset in applied, "I3", f"the cursor of {topic}:{partition} passed {offset}, which no row is of")

    def _is_greatest(self, order: OrderKey, row: Standing, tables: Tables) -> None:
        """I2: of all that was said of the order, by its total order, written down once more."""
        self._checks += 1
        best = min(tables.events[order].values(), key=_greatness)
        same = (best.event_key, best.snapshot_ns, best.topic, best.partition, best.offset)
        ours = row.winner
        is_best = (ours.event_key, ours.snapshot_ns, ours.topic, ours.partition, ours.offset) == same
        _hold(is_best, "I2", f"the row of {order[0]} is {_brief(ours)}, the greatest is {_brief(best)}")

    def _adds_up(self, order: OrderKey, row: Standing, tables: Tables) -> None:
        """I9: or it stands open that it does not."""
        filled, net = row.number("filled_qty"), tables.net(order)
        if row.winner.source != "stream" or filled is None or net == filled:
            return
        kind = "missing_fill" if net < filled else "excess_fill"
        _hold((kind, order[0]) in tables.open, "I9", f"{order[0]} has {net} of {filled} filled, and nobody is told")

    # -- any transaction -----------------------------------------------------------------------------------------

    def transaction(self, process: Process, names: list[str]) -> None:
        """I3, I4, I6 of what any process wrote."""
        tables = self._database.tables
        self._checks += 1
        for (topic_id, topic, partition), offsets in tables.applied.items():
            row = tables.cursors.get((topic, partition))
            if row is not None and row.cursor.topic_id == topic_id and offsets:
                _hold(
                    max(offsets) < row.max_offset, "I3", f"{topic}:{partition} has rows of {max(offsets)} and no cursor"
                )
        for name in names:
            if name in ("claim", "set_back", "take_back", "acquire"):
                self._epochs_rise(process, name)
            if name in ("set_back", "take_back"):
                self._passes_nothing(tables)
        if "hold" in names:
            self._holds_lease(process)
        if "move_good_until" in names:
            self._nothing_dropped()
        if "prove" in names:
            self._proved(process)
        if tables.next_id != self._newest:
            self._opened(process, tables)

    def _passes_nothing(self, tables: Tables) -> None:
        """I3: nor does a person move a cursor past what was never applied."""
        for place, stretch in self._around.log.partitions.items():
            row = tables.cursors.get(place)
            if row is None or self._around.log.damaged:
                continue
            applied = tables.applied.get((row.cursor.topic_id, *place), set())
            missing = [n for n in range(stretch.low, row.cursor.next_offset) if n not in applied]
            _hold(not missing, "I3", f"the cursor of {place.topic}:{place.partition} was moved past {missing[:3]}")

    def read(self, process: Process, route: str) -> None:
        """A sweep reads a page: what is in the log by now it must not call missing."""
        if route == "orders":
            log = self._around.log
            self._marks[process.name] = {
                place: (log.topic_ids[place.topic], stretch.high) for place, stretch in log.partitions.items()
            }

    def _epochs_rise(self, process: Process, name: str) -> None:
        """I4: no epoch is used twice, not even after a restore."""
        tables = self._database.tables
        if name == "acquire":
            for job, lease in tables.leases.items():
                if lease.epoch != self._epochs.get(job):
                    _hold(lease.epoch > self._epochs.get(job, 0), "I4", f"epoch {lease.epoch} of {job} was used before")
                    self._epochs[job] = lease.epoch
                    self._holders[job, lease.epoch] = process
            return
        for place, row in tables.cursors.items():
            epoch = row.cursor.epoch
            if epoch != self._epochs.get(place) and not self._database.restored:
                _hold(epoch > self._epochs.get(place, 0), "I4", f"epoch {epoch} of {place} was used before")
                self._epochs[place] = epoch

    def _holds_lease(self, process: Process) -> None:
        """I4: who writes under a lease has it."""
        job = process.name.split("-")[0]
        lease = self._database.tables.leases.get(job)
        if lease is not None and not self._database.restored:
            holder = self._holders.get((job, lease.epoch))
            _hold(holder is process, "I4", f"{process} wrote under the lease of {holder}")

    def _nothing_dropped(self) -> None:
        """I8: what was sent up to good_until less the overlap is in the log, or in a window."""
        tables, seen = self._database.tables, self._around.log.seen
        good = tables.sessions[-1].good_until_ns
        if good is None:
            return
        for frame in self._around.broker.sent:
            if frame.at_ns > good - OVERLAP_NS or frame.swallowed or frame.raw in seen:
                continue
            covered = any(
                gap.start_ns <= frame.at_ns and (gap.end_ns is None or frame.at_ns <= gap.end_ns)
                for gap in tables.gaps.values()
            )
            _hold(
                covered, "I8", f"frame {frame.number} ({frame.order_id} {frame.event}) is in no window, nor in the log"
            )

    def _proved(self, process: Process) -> None:
        """I1, I6, I9: by a proof, what the broker had when the sweep began is in the rows, fills included."""
        tables, broker, weather = self._database.tables, self._around.broker, self._around.weather
        run = max(tables.sweeps.values(), key=lambda row: row.sweep_id)
        proved = [row for row in tables.sweeps.values() if row.proven_ns is not None]
        run = max(proved, key=lambda row: row.sweep_id, default=run)
        if run.proven_ns is None or run.sweep_id == self._proof:
            return
        self._proof = run.sweep_id
        self._proofs += 1
        for place, (topic_id, end) in self._marks.get(process.name, {}).items():
            cursor = tables.cursors[place].cursor if place in tables.cursors else None
            passed = cursor is None or cursor.topic_id != topic_id or cursor.next_offset >= end
            _hold(passed, "I6", f"proved equal while {place.topic}:{place.partition} was in flight")
        if weather.lagged_ns >= run.started_ns:
            return
        for order in broker.orders.values():
            version = broker.version_at(order, run.started_ns)
            if version is None:
                continue
            key = (order.order_id, ACCOUNT)
            row = tables.executions.get(key)
            _hold(row is not None, "I1", f"{order.order_id} has no row, and a proof covers it")
            assert row is not None
            ours = (row.winner.version_ns, Decimal(row.winner.filled_qty or 0), row.winner.status_rank)
            _hold(
                ours[0] >= version.stamp_ns, "I6", f"{order.order_id} was proved equal, and the broker was ahead of it"
            )
            if ours[0] == version.stamp_ns:
                filled = row.number("filled_qty")
                _hold(tables.net(key) == filled, "I9", f"{order.order_id} was proved equal without all of its fills")

    def _opened(self, process: Process, tables: Tables) -> None:
        """I6: what is merely in flight is not called missing, and nothing of the broker's absent."""
        for number in range(self._newest + 1, tables.next_id + 1):
            found = tables.discrepancies.get(number)
            if found is None:
                continue
            if found.type in _FROM_ABSENCE:
                _hold(
                    found.subject not in self._around.broker.orders,
                    "I6",
                    f"{found.subject} is there, and was called absent",
                )
            if process.name.startswith("sweep") and found.type in _JUDGED_BY_SWEEPS:
                for place, (topic_id, end) in self._marks.get(process.name, {}).items():
                    row = tables.cursors.get(place)
                    behind = row is not None and row.cursor.topic_id == topic_id and row.max_offset < end
                    where = f"{place.topic}:{place.partition}"
                    _hold(not behind, "I6", f"{found.type} of {found.subject} was opened while {where} was in flight")
        self._newest = tables.next_id

    # -- the end -------------------------------------------------------------------------------------------------

    def calm(self) -> None:
        """Faults are over; from now on people do their part."""
        self._calm_ns = self._world.now_ns
        self._world.aims.clear()
        self._database.unknown_next.clear()
        self._database.refuse_next.clear()

    def is_equal(self) -> bool:
        """Whether the tables are equal to the books, all is applied, and a sweep has said so since calm."""
        tables = self._database.tables
        for kind, subject in list(tables.open):
            if kind == "retention_loss":
                tables.settle(kind, subject, self._world.now_ns, "accepted")
        proved = any(
            row.proven_ns is not None and row.started_ns > (self._calm_ns or 0) for row in tables.sweeps.values()
        )
        return proved and next(self._differences(), None) is None

    def not_equal(self) -> Violation:
        """What differs, too long after the last fault."""
        tables = self._database.tables
        found = list(self._differences())
        blocking = sorted(one for one in tables.open if one[0] in BLOCKS_PROOF)
        newest = [row.error for row in list(tables.sweeps.values())[-3:]]
        return Violation("equal", f"{'; '.join(found[:5]) or 'no proof'} (open: {blocking}, sweeps: {newest})")

    def _differences(self) -> Iterator[str]:
        tables, broker = self._database.tables, self._around.broker
        for place, stretch in self._around.log.partitions.items():
            row = tables.cursors.get(place)
            if row is None or row.cursor.next_offset != stretch.high:
                yield f"the cursor of {place.topic}:{place.partition} is not at its end"
        for order in broker.orders.values():
            yield from _difference(order, tables)
        for order_id, _account in tables.executions.keys() - {(name, ACCOUNT) for name in broker.orders}:
            yield f"{order_id} is in no books"
        open_gaps = sum(gap.closed_ns is None for gap in tables.gaps.values())
        if open_gaps:
            yield f"{open_gaps} windows are open"

    def at_the_end(self) -> None:
        """I2, I8, I10, I11 of the whole."""
        tables, log = self._database.tables, self._around.log
        for order, row in tables.executions.items():
            known = tables.events[order].values()
            merged = merge(known)
            _hold(merged.columns == row.columns, "I2", f"the columns of {order[0]} are not those of its history")
            evidence: list[Evidence] = [execution_of(o) for o in known if o.is_fill]
            evidence += tables.evidence.get(order, {}).values()
            wanted = {fill.fill_key: fill for fill in fill_rows(evidence).rows} if evidence else {}
            _hold(
                wanted == tables.fills.get(order, {}), "I10", f"the fills of {order[0]} are not those of its evidence"
            )
        for place, stretch in log.partitions.items():
            applied = tables.applied.get((log.topic_ids[place.topic], *place), set())
            for record in stretch.records:
                _hold(
                    record.offset() in applied or log.damaged,
                    "I8",
                    f"record {record.offset()} of {place} left no trace",
                )
        _hold(len(self._world.processes) < _MOST_WAITING, "I11", "processes pile up")
        _hold(self._world.waiting < _MOST_WAITING, "I11", f"{self._world.waiting} turns wait")

    @staticmethod
    def crashed(error: BaseException) -> Violation:
        """What a job, or a model, did not expect."""
        if isinstance(error, Violation):
            return error
        where = "".join(traceback.format_exception(error)[-3:])
        return Violation("error", f"{type(error).__name__}: {error}\n{where}")


def _hold(holds: bool, name: str, what: str) -> None:
    if not holds:
        raise Violation(name, what)


def _place(topic: str, partition: int) -> Any:
    return (topic, partition)


def _greatness(o: Observation) -> tuple[Any, ...]:
    """The least is the greatest: the order of I2, turned round so that the places rise."""
    return (
        -o.version_ns, -Decimal(o.filled_qty or 0), -o.status_rank, -o.snapshot_ns,
        o.topic, o.partition, o.offset, o.event_key,
    )  # fmt: skip


def _brief(o: Observation) -> str:
    return f"{o.event} {o.status} {o.filled_qty} v{o.version_ns % 10**12} from {o.topic}:{o.partition}:{o.offset}"


def _derived(tables: Tables, order: OrderKey) -> Any:
    row = tables.executions.get(order)
    made = None if row is None else (row.columns, row.winner.event_key, row.winner.offset, row.winner.snapshot_ns)
    return (
        made,
        dict(tables.events.get(order, {})),
        dict(tables.evidence.get(order, {})),
        dict(tables.fills.get(order, {})),
    )


def _difference(order: Order, tables: Tables) -> Iterable[str]:
    key = (order.order_id, ACCOUNT)
    row = tables.executions.get(key)
    if row is None:
        yield f"{order.order_id} has no row"
        return
    raw = order.versions[-1].raw
    said = _PARSER.snapshot(raw, Seen(ACCOUNT, "sweep", 0, "", 0, 0, 0)).observations[0]
    if tuple(said.columns) != row.columns:
        ours = f"{row.text('status')} {row.text('filled_qty')}"
        yield f"{order.order_id} is {ours}, in the books {order.status} {order.filled_qty}"
    fills = tables.fills.get(key, {}).values()
    gone = {fill.reverses for fill in fills if fill.entry == "reversal"}
    living = sorted((f.qty, f.price) for f in fills if f.entry != "reversal" and f.fill_key not in gone)
    books = sorted((trade.qty, trade.price) for trade in order.trades if not trade.gone)
    if living != books:
        yield f"{order.order_id} has the fills {living}, in the books {books}"
