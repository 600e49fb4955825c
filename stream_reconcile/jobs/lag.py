"""How far apply is behind, as `lag`, `status` and the metrics show it: cursors from Postgres, then ends from Kafka.

It needs no running job. Every wait is bounded by the connections' own limits.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

import psycopg
import structlog

from stream_reconcile.core.errors import PostgresUnreachable, ReconcileError
from stream_reconcile.core.lag_state import LagState, lag_state
from stream_reconcile.log.admin import KafkaAdmin, TopicState
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.lag import NEVER, PartitionLag, read_lag
from stream_reconcile.log.record_times import RecordTimes
from stream_reconcile.log.topics import Partition, Topics
from stream_reconcile.store import readers
from stream_reconcile.store.connect import connect
from stream_reconcile.store.failures import is_transient

log = structlog.get_logger()

# How long a cursor that is behind may stand still before it counts as stalled.
STALLED_AFTER_S = 30.0


class PartitionReport(NamedTuple):
    """One partition. `end_offset` and `oldest_offset` are -1 where Kafka does not have it, `next_offset` where nothing
    was ever applied; `lag_seconds` None is unknown."""

    topic: str
    partition: int
    next_offset: int
    end_offset: int
    oldest_offset: int
    lag: int
    lag_seconds: float | None
    state: LagState
    rewound: int = 0
    """Records that a rewind has set to be applied again, and that are not yet."""


class LagReport(NamedTuple):
    """All partitions that apply reads, by topic and partition."""

    group: str
    partitions: tuple[PartitionReport, ...]

    @property
    def records(self) -> int:
        """Records behind, over all partitions."""
        return sum(partition.lag for partition in self.partitions)

    @property
    def seconds(self) -> float | None:
        """Age of the oldest record not applied; None if one of them is unknown."""
        ages = [partition.lag_seconds for partition in self.partitions]
        known = [age for age in ages if age is not None]
        return max(known, default=0.0) if len(known) == len(ages) else None

    @property
    def is_bad_news(self) -> bool:
        """Whether any partition is in a state that somebody should look at."""
        return any(partition.state.is_bad_news for partition in self.partitions)


class _Sighting(NamedTuple):
    next_offset: int
    since: float


class LagReader:
    """Reads lag again and again over two connections that it keeps. For one thread at a time."""

    def __init__(
        self,
        dsn: str,
        schema: str,
        kafka: KafkaConfig,
        *,
        group: str,
        topics: Topics,
        limit_seconds: float,
        stalled_after_s: float = STALLED_AFTER_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._dsn, self._schema = dsn, schema
        self._group, self._topics = group, topics
        self._limit_seconds, self._stalled_after_s = limit_seconds, stalled_after_s
        self._clock = clock
        self._admin = KafkaAdmin(kafka)
        self._times = RecordTimes(kafka, group)
        self._postgres: psycopg.Connection | None = None
        self._seen: dict[Partition, _Sighting] = {}
        self._owners_moved: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close both connections."""
        self._times.close()
        self._admin.close()
        self._drop_postgres()

    def read(self) -> LagReport:
        """Lag now. Raises PostgresUnreachable, KafkaUnreachable, RefusedError and what is below them."""
        cursors = self._cursors()  # before the ends, or a lag could be negative
        topics = self._admin.topics(self._topics.applied)
        existing = [
            Partition(name, number)
            for name, state in topics.items()
            if state is not None
            for number in range(state.partitions)
        ]
        starts = dict.fromkeys(existing, NEVER) | {p: cursor.next_offset for p, cursor in cursors.items()}
        now = self._clock()
        lags = read_lag(self._admin, self._times, starts, now_ms=round(now * 1000))
        self._note_moves(cursors, now)
        members = self._members() if any(self._is_late(lag) for lag in lags) else None
        found = {Partition(lag.topic, lag.partition): lag for lag in lags}
        return LagReport(
            self._group,
            tuple(
                self._report(p, found.get(p), cursors.get(p), topics.get(p.topic), members, now) for p in sorted(starts)
            ),
        )

    def _report(
        self,
        partition: Partition,
        lag: PartitionLag | None,
        cursor: readers.Cursor | None,
        topic: TopicState | None,
        members: int | None,
        now: float,
    ) -> PartitionReport:
        if lag is None:  # the topic, or that partition of it, is gone
            next_offset = NEVER if cursor is None else cursor.next_offset
            return PartitionReport(*partition, next_offset, NEVER, NEVER, 0, None, LagState.LOST)
        state = lag_state(
            next_offset=lag.next_offset,
            max_offset=NEVER if cursor is None else cursor.max_offset,
            oldest_offset=lag.oldest_offset,
            end_offset=lag.end_offset,
            lag_seconds=lag.lag_seconds,
            limit_seconds=self._limit_seconds,
            same_topic=cursor is None or topic is None or cursor.topic_id == topic.topic_id,
            members=members,
            moved=self._moved(partition, lag.next_offset, "" if cursor is None else cursor.owner, now),
            claimed_s=None if cursor is None else now - cursor.epoch / 1000,
        )
        # Beyond the end there is nothing to read again: the log lost it (F5).
        rewound = 0 if cursor is None else max(0, min(cursor.max_offset, lag.end_offset) - lag.next_offset)
        return PartitionReport(
            *partition, lag.next_offset, lag.end_offset, lag.oldest_offset, lag.lag, lag.lag_seconds, state, rewound
        )

    def _is_late(self, lag: PartitionLag) -> bool:
        return lag.lag_seconds is None or lag.lag_seconds > self._limit_seconds

    def _members(self) -> int | None:
        """0 where the group has no members, 1 where it has some; None where Kafka does not say."""
        try:
            return int(self._admin.group_has_members(self._group))
        except ReconcileError as error:
            log.info("group_not_read", group=self._group, why=str(error))
            return None

    def _note_moves(self, cursors: dict[Partition, readers.Cursor], now: float) -> None:
        for partition, cursor in cursors.items():
            seen = self._seen.get(partition)
            if seen is not None and seen.next_offset != cursor.next_offset:
                self._owners_moved[cursor.owner] = now
        # Each start of a process is another owner: of one that is gone nothing has to be known.
        self._owners_moved = {o: at for o, at in self._owners_moved.items() if now - at < STALLED_AFTER_S}

    def _moved(self, partition: Partition, next_offset: int, owner: str, now: float) -> bool | None:
        seen = self._seen.get(partition)
        if seen is None or seen.next_offset != next_offset:
            self._seen[partition] = _Sighting(next_offset, now)
            return None if seen is None else True
        stood_s = now - seen.since
        # A member with much to do takes its partitions in turn: for a while, one of them that moves speaks for all.
        others_move = now - self._owners_moved.get(owner, -STALLED_AFTER_S) < STALLED_AFTER_S
        return False if stood_s >= (STALLED_AFTER_S if others_move else self._stalled_after_s) else None

    def _cursors(self) -> dict[Partition, readers.Cursor]:
        try:
            if self._postgres is None or self._postgres.closed:
                self._postgres = connect(self._dsn, self._schema, name="stream-reconcile lag")
            rows = readers.cursors(self._postgres, self._group)
        except psycopg.Error as error:
            self._drop_postgres()
            if is_transient(error):
                raise PostgresUnreachable(
                    f"the cursors can't be read: Postgres broke off ({type(error).__name__}); it is tried again"
                ) from None
            raise
        return {Partition(row.topic, row.partition): row for row in rows}

    def _drop_postgres(self) -> None:
        if self._postgres is not None:
            self._postgres.close()
            self._postgres = None
