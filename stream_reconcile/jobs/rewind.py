"""Rewinds, as the command and the HTTP API make them: what Postgres and Kafka say now, a plan from it, and its doing.

Everything is read and done over connections of its own, which are closed again; no running job is needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

from stream_reconcile.core.cursors import Cursor
from stream_reconcile.core.errors import ConfigError, RefusedError
from stream_reconcile.core.rewind import (
    Estimate,
    Facts,
    Step,
    Undoable,
    Verdict,
    estimate,
    moves,
    newest_by_cursor,
    rewind_step,
    undo_step,
)
from stream_reconcile.core.rewind_target import Target
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.record_times import RecordTimes
from stream_reconcile.log.topics import Partition, Topics
from stream_reconcile.store import readers
from stream_reconcile.store.connect import connect
from stream_reconcile.store.rewinds import Done, RewindStore

Chosen = Mapping[str, frozenset[int] | None]
"""Topics and which of their partitions; None: all."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done. `old_ms` and `new_ms`: time of the record at each offset, where there is one."""

    group: str
    asked: str
    notes: tuple[str, ...]
    steps: tuple[Step, ...]
    old_ms: Mapping[Partition, int]
    new_ms: Mapping[Partition, int]
    estimate: Estimate
    has_members: bool
    undoes: int | None = None

    @property
    def moves(self) -> list[Step]:
        """Cursors that it moves."""
        return moves(self.steps)

    @property
    def refused(self) -> list[Step]:
        """Cursors for which it can't be done, so that nothing is done."""
        return [step for step in self.steps if step.verdict is Verdict.REFUSED]

    @property
    def records(self) -> int:
        """Records to read again."""
        return sum(step.records for step in self.moves)


class Progress(NamedTuple):
    """How far a group has read again what was set back."""

    taken_up: int
    """Cursors that have gone on from their new position, or have no further to go."""
    records: int
    """Records read again so far."""
    passed: bool
    """All cursors are where they stood before."""


class Rewinder:
    """Plans and makes rewinds of one consumer group.

    What it calls raises PostgresUnreachable, KafkaUnreachable, CredentialsRefused, RefusedError, and psycopg.Error as
    it comes.
    """

    def __init__(
        self,
        dsn: str,
        schema: str,
        kafka: KafkaConfig,
        *,
        group: str,
        topics: Topics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._dsn, self._schema, self._kafka = dsn, schema, kafka
        self.group, self.topics = group, topics
        self._clock = clock

    @property
    def now_ms(self) -> int:
        """The time from which `--by-duration` counts."""
        return round(self._clock() * 1000)

    def plan(self, target: Target, chosen: Chosen) -> Plan:
        """What going back to `target` would do. Raises ConfigError for a partition that there is not."""
        with ExitStack() as stack:
            store, cursors = stack.enter_context(self._store())
            admin = stack.enter_context(KafkaAdmin(self._kafka))
            times = RecordTimes(self._kafka, self.group)
            stack.callback(times.close)
            facts = self._facts(admin, cursors, chosen)
            if target.how.is_time:
                facts = self._with_times(admin, times, target, facts)
            steps = [rewind_step(target, one) for one in facts]
            measured = store.measured()
            return self._planned(admin, times, target.asked, target.notes, facts, steps, measured)

    def execute(self, plan: Plan, *, who: str, why: str) -> Done:
        """Do what was planned, all of it or nothing; there must be something to move.

        Raises RefusedError for a plan with something refused, FencedError where a cursor is not as planned any more.
        """
        require_possible(plan)
        with self._store() as (store, _):
            return store.set_back(plan.moves, asked=plan.asked, who=who, why=why)

    def plan_undo(self, action_id: int | None) -> Plan:
        """What taking back a rewind would do: the newest that was not taken back, if none is named.

        Raises ConfigError where there is no such rewind.
        """
        with ExitStack() as stack:
            store, cursors = stack.enter_context(self._store())
            rewinds = store.rewinds(action_id)
            rewound = _rewind_to_undo(rewinds, action_id)
            admin = stack.enter_context(KafkaAdmin(self._kafka))
            times = RecordTimes(self._kafka, self.group)
            stack.callback(times.close)
            places = {(one.topic, one.partition): one for one in rewound}
            facts = self._undo_facts(admin, cursors, places)
            newest = newest_by_cursor(rewinds)
            steps = [undo_step(places[one[:2]], one, newest.get(one[:2], 0)) for one in facts]
            undoes = rewound[0].action_id
            plan = self._planned(admin, times, f"undo of rewind {undoes}", (), facts, steps, store.measured())
            return replace(plan, undoes=undoes)

    def undo(self, plan: Plan, *, who: str, why: str) -> Done:
        """Take back what was planned; raises as `execute`."""
        require_possible(plan)
        assert plan.undoes is not None  # noqa: S101 - of a plan by `plan_undo`
        with self._store() as (store, _):
            return store.take_back(plan.moves, undoes=plan.undoes, who=who, why=why)

    @contextmanager
    def watching(self, done: Done) -> Iterator[Callable[[], Progress]]:
        """Gives a function that says how far the group is with what was done, over one connection."""
        with connect(self._dsn, self._schema, name="stream-reconcile rewind") as connection:
            yield lambda: progress(done, readers.cursors(connection, self.group))

    def passed(self, done: Done, seconds: float) -> None:
        """Note how long it took; the next plan estimates from it."""
        with self._store() as (store, _):
            records = sum(one.before - one.after for one in done.moved)
            store.passed(done.action_id, records=records, seconds=seconds)

    @contextmanager
    def _store(self) -> Iterator[tuple[RewindStore, dict[Partition, readers.Cursor]]]:
        with connect(self._dsn, self._schema, name="stream-reconcile rewind") as connection:
            rows = {Partition(row.topic, row.partition): row for row in readers.cursors(connection, self.group)}
            yield RewindStore(connection, dsn=self._dsn, schema=self._schema, group=self.group), rows

    def _facts(self, admin: KafkaAdmin, cursors: Mapping[Partition, readers.Cursor], chosen: Chosen) -> list[Facts]:
        states = admin.topics(chosen)
        wanted: set[Partition] = set()
        for topic, numbers in chosen.items():
            state = states[topic]
            there = {Partition(topic, number) for number in range(0 if state is None else state.partitions)}
            there |= {partition for partition in cursors if partition.topic == topic}
            asked = there if numbers is None else {Partition(topic, number) for number in numbers}
            if missing := sorted(asked - there):
                raise ConfigError(
                    f"--topic: {topic} has no partition {', '.join(str(p.partition) for p in missing)}; it has "
                    f"{len(there)}"
                )
            wanted |= asked
        ids = {topic: None if state is None else state.topic_id for topic, state in states.items()}
        return self._read(admin, cursors, sorted(wanted), ids)

    def _undo_facts(
        self, admin: KafkaAdmin, cursors: Mapping[Partition, readers.Cursor], places: Iterable[tuple[str, int]]
    ) -> list[Facts]:
        wanted = sorted(Partition(*place) for place in places)
        ids: dict[str, str | None] = dict(admin.topic_ids({partition.topic for partition in wanted}))
        return self._read(admin, cursors, wanted, ids)

    @staticmethod
    def _read(
        admin: KafkaAdmin,
        cursors: Mapping[Partition, readers.Cursor],
        wanted: list[Partition],
        topic_ids: Mapping[str, str | None],
    ) -> list[Facts]:
        marks = admin.watermarks(wanted)
        facts = []
        for partition in wanted:
            row, mark = cursors.get(partition), marks.get(partition)
            topic_id = None if mark is None else topic_ids.get(partition.topic)
            low, high = (0, 0) if mark is None else mark
            if row is None:
                facts.append(Facts(*partition, None, 0, None, topic_id, low, high))
                continue
            cursor = Cursor(row.next_offset, row.epoch, row.owner, row.topic_id)
            applied_ms = None if row.last_record_at is None else round(row.last_record_at.timestamp() * 1000)
            facts.append(Facts(*partition, cursor, row.max_offset, applied_ms, topic_id, low, high))
        return facts

    @staticmethod
    def _with_times(admin: KafkaAdmin, times: RecordTimes, target: Target, facts: list[Facts]) -> list[Facts]:
        there = [Partition(*one[:2]) for one in facts if one.topic_id is not None]
        found = admin.offsets_at(there, target.number)
        cut = {Partition(*one[:2]): one.low for one in facts if 0 < one.low < one.high}
        first = times.at(cut)
        return [
            one._replace(found=found.get(Partition(*one[:2])), low_ms=first.get(Partition(*one[:2]))) for one in facts
        ]

    def _planned(
        self,
        admin: KafkaAdmin,
        times: RecordTimes,
        asked: str,
        notes: tuple[str, ...],
        facts: list[Facts],
        steps: list[Step],
        measured: tuple[int, float] | None,
    ) -> Plan:
        ends = {Partition(*one[:2]): one.high for one in facts if one.topic_id is not None and one.cursor is not None}
        lows = {Partition(*one[:2]): one.low for one in facts}
        places = {Partition(*step[:2]): step for step in steps}
        old = {p: places[p].old for p, end in ends.items() if lows[p] <= places[p].old < end}
        new = {p: step.new for p, step in places.items() if step.verdict is Verdict.MOVES and step.new < ends[p]}
        records = sum(step.records for step in moves(steps))
        return Plan(
            group=self.group,
            asked=asked,
            notes=notes,
            steps=tuple(steps),
            old_ms=times.at(old),
            new_ms=times.at(new),
            estimate=estimate(records, measured),
            has_members=admin.group_has_members(self.group),
        )


def progress(done: Done, cursors: Iterable[readers.Cursor]) -> Progress:
    """How far the cursors that were moved have come since. One that was moved again counts by where it is."""
    rows = {(row.topic, row.partition): row for row in cursors}
    taken_up = records = 0
    passed = True
    for one in done.moved:
        row = rows.get((one.topic, one.partition))
        if row is None or row.topic_id != one.topic_id:
            passed = False
            continue
        taken_up += row.next_offset > one.after or one.after >= one.before
        records += min(max(row.next_offset - one.after, 0), max(one.before - one.after, 0))
        passed = passed and row.next_offset >= one.before
    return Progress(taken_up, records, passed)


def require_possible(plan: Plan) -> None:
    """Raise RefusedError, which names each cursor that can't be moved as asked, and why."""
    if plan.refused:
        names = "; ".join(f"{step.topic}:{step.partition}: {step.why}" for step in plan.refused)
        raise RefusedError(f"nothing was moved, since not all can be: {names}. Leave these out with --topic")


def _rewind_to_undo(rewinds: list[Undoable], action_id: int | None) -> list[Undoable]:
    wanted = action_id
    if wanted is None:
        wanted = next((one.action_id for one in rewinds if not one.undone), None)
        if wanted is None:
            raise ConfigError("there is no rewind to take back")
    found = [one for one in rewinds if one.action_id == wanted]
    if not found:
        raise ConfigError(f"there is no rewind {wanted} of this consumer group: see operator_actions")
    return found
