"""A replay against the live schema, row for row and column for column, at one and the same position of the log.

    1. A snapshot of the live schema (REPEATABLE READ), and in it the vector of its cursors: how far its rows go.
    2. The replay is brought up to just there. Where it is further already, live apply is waited for, and 1 done anew.
    3. Both are digested by buckets of keys, at once; rows of buckets that differ are merged in key order.

So a difference is one of the rows, never one of the moment, and live apply goes on all the while. A cursor of live
counts by its highest offset: after a rewind the rows are those of before, and what is read again changes none (I10).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, Final, NamedTuple

import psycopg

from stream_reconcile.core.errors import RefusedError
from stream_reconcile.core.replay.merged import Pair, Row, differing
from stream_reconcile.jobs.replay.config import Progress, ReplayConfig
from stream_reconcile.jobs.replay.run import Replay
from stream_reconcile.log.codec import Codec
from stream_reconcile.log.topics import Partition
from stream_reconcile.store.connect import connect, connect_snapshot
from stream_reconcile.store.derived import derived_tables
from stream_reconcile.store.replay_schema import Coverage, Lost, coverage, named, require_replay
from stream_reconcile.store.rows_compared import BUCKETS, BucketDigest, Compared, compared, digests, rows_in_order

WAIT_S: Final = 60.0
_LOOK_AGAIN_S: Final = 0.5
_MOST_BUCKETS: Final = BUCKETS // 4
"""With more buckets than this that differ, all rows are read in the order of the key's index."""
_FAMILY: Final = {"decision_id", "origin"}


class Place(NamedTuple):
    """A record of the log; `retained` False where it is older than what could be replayed."""

    topic: str
    partition: int
    offset: int
    retained: bool


class Difference(NamedTuple):
    """One row that differs. `columns` has (live, replay) of each column that does: of all where a side has no row."""

    table: str
    kind: str
    """`changed`, `only_live` or `only_replay`."""
    key: dict[str, str]
    columns: dict[str, tuple[str | None, str | None]]
    records: list[Place]
    """The records that made the row, on either side."""
    note: str


class TableCompared(NamedTuple):
    """Rows of one table on both sides, and how many buckets of them differ."""

    table: str
    live_rows: int
    replay_rows: int
    buckets: tuple[int, ...]
    """Those that differ."""


class Comparison:
    """Both sides at one position. `differences` reads them as they are asked for."""

    def __init__(
        self,
        connections: tuple[psycopg.Connection[Any], psycopg.Connection[Any]],
        config: ReplayConfig,
        position: dict[Partition, int],
        starts: dict[Partition, int],
        lost: list[Lost],
    ) -> None:
        self._live, self._replay = connections
        self._config = config
        self.position, self.starts, self.lost = position, starts, lost
        self.noted_losses = self._replay.execute(named("log_losses", config.live_schema, config.schema)).fetchall()
        """What live apply noted of a log that was cut or made anew: subject, kind, when."""
        self._what = [compared(table) for table in derived_tables(self._replay, config.schema)]
        self.tables = [self._digested(what) for what in self._what]

    @property
    def equal(self) -> bool:
        """Whether no row differs."""
        return not any(table.buckets for table in self.tables)

    def differences(self) -> Iterator[Difference]:
        """Each row that differs, by table and key."""
        for what, table in zip(self._what, self.tables, strict=True):
            if table.buckets:
                chosen = table.buckets if len(table.buckets) <= _MOST_BUCKETS else None
                live = rows_in_order(self._live, self._config.live_schema, what, chosen)
                replay = rows_in_order(self._replay, self._config.schema, what, chosen)
                for pair in differing(live, replay):
                    yield self._difference(what, pair)

    def _digested(self, what: Compared) -> TableCompared:
        # Two passes on two connections at once.
        with ThreadPoolExecutor(1) as other:
            waiting = other.submit(digests, self._replay, self._config.schema, what)
            ours: dict[int, BucketDigest] = digests(self._live, self._config.live_schema, what)
            theirs = waiting.result()
        buckets = tuple(sorted(b for b in ours.keys() | theirs.keys() if ours.get(b) != theirs.get(b)))
        live, replay = (sum(digest.rows for digest in side.values()) for side in (ours, theirs))
        return TableCompared(what.table.name, live, replay, buckets)

    def _difference(self, what: Compared, pair: Pair) -> Difference:
        live, replay = pair
        row = live or replay
        assert row is not None  # noqa: S101 - a pair has at least one side
        kind = "only_live" if replay is None else "only_replay" if live is None else "changed"
        key = dict(zip(what.table.key, map(str, row.key), strict=True))
        columns = {
            name: (values[0], values[1])
            for name, *values in zip(what.columns, _values(what, live), _values(what, replay), strict=True)
            if values[0] != values[1]
        }
        records = self._places(what, live, replay)
        return Difference(what.table.name, kind, key, columns, records, self._note(what.table.name, key, columns, kind))

    def _places(self, what: Compared, live: Row | None, replay: Row | None) -> list[Place]:
        if what.table.place is None:
            return []
        found: list[Place] = []
        for side in (live, replay):
            if side is None:
                continue
            said = dict(zip(what.table.key, side.key, strict=True)) | dict(zip(what.columns, side.values, strict=True))
            topic, number, offset = (said[name] for name in what.table.place)
            partition = Partition(str(topic), int(number))
            lost = any((o.topic, o.partition) == partition and o.first <= int(offset) < o.next for o in self.lost)
            retained = int(offset) >= self.starts.get(partition, 0) and not lost
            place = Place(*partition, int(offset), retained)
            if place not in found:
                found.append(place)
        return found

    def _note(
        self, table: str, key: dict[str, str], columns: dict[str, tuple[str | None, str | None]], kind: str
    ) -> str:
        if table != "executions" or kind != "changed" or not columns.keys() <= _FAMILY:
            return ""
        decision_id = columns.get("decision_id", (None, None))[1]
        values = {"decision_id": decision_id, "order_id": key["alpaca_order_id"], "account_id": key["account_id"]}
        query = named("late_decision", self._config.live_schema, self._config.schema)
        row = self._replay.execute(query, values).fetchone()
        if row is None or row[0] < row[1]:
            return ""
        return (
            f"the decision was written down at {row[0].isoformat()}, after the live row at {row[1].isoformat()}: live "
            "apply binds it with the next record of the order, which the sweep publishes"
        )


@contextmanager
def comparison(
    config: ReplayConfig,
    codec: Codec,
    *,
    progress: Progress = lambda _done, _total: None,
    waiting: Callable[[str], None] = lambda _why: None,
    wait_s: float = WAIT_S,
) -> Iterator[Comparison]:
    """Bring the replay to where the live schema stands, and compare them there, while live apply goes on.

    Raises ConfigError where there is no such replay, RefusedError where live apply does not come to where the replay
    is within `wait_s`; as `Replay` and psycopg.
    """
    with connect(config.dsn, config.schema, name="stream-reconcile diff") as connection:
        require_replay(connection, config.live_schema, config.schema)
    with ExitStack() as stack:
        replay = stack.enter_context(Replay(config, codec, owner=f"diff-{uuid.uuid4()}", progress=progress))
        live = stack.enter_context(_reading(config, config.live_schema))
        until = _live_position(config, replay, live, waiting, wait_s)
        replay.to(until)
        other = stack.enter_context(_reading(config, config.schema))
        yield Comparison((live, other), config, replay.position, replay.starts, replay.lost)


def live_offsets(replay: Replay, rows: dict[tuple[str, int], Coverage]) -> tuple[dict[Partition, int], str]:
    """How far the rows of live go, for each partition of the replay; and why they can't be compared there, or ""."""
    until: dict[Partition, int] = {}
    position, topic_ids = replay.position, replay.log_now().topic_ids
    behind = ""
    for partition, at in position.items():
        row = rows.get((partition.topic, partition.partition))
        if row is not None and row.topic_id != topic_ids[partition.topic]:
            behind = f"live apply has not noticed yet that topic {partition.topic} was made anew"
        elif row is None or row.offset < at:
            # No cursor: nothing was applied there, and nothing is missing where nothing is.
            if row is not None or at > replay.starts.get(partition, 0):
                stands = 0 if row is None else row.offset
                behind = f"live apply stands at {partition.topic}:{partition.partition}:{stands}, the replay at {at}"
            until[partition] = at
        else:
            until[partition] = row.offset
    return until, behind


def _live_position(
    config: ReplayConfig,
    replay: Replay,
    live: psycopg.Connection[Any],
    waiting: Callable[[str], None],
    wait_s: float,
) -> dict[Partition, int]:
    give_up = time.monotonic() + wait_s
    while True:
        until, behind = live_offsets(replay, coverage(live, config.group))
        if not behind:
            return until
        if time.monotonic() > give_up:
            raise RefusedError(f"{behind}: let live apply come that far (is it running? see `lag`), and compare again")
        waiting(behind)
        live.rollback()  # the next look is into a new snapshot
        config.stop.wait(_LOOK_AGAIN_S)


@contextmanager
def _reading(config: ReplayConfig, schema: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection whose first statement begins a snapshot that lasts; it may take long."""
    with connect_snapshot(config.dsn, schema, name="stream-reconcile diff") as connection:
        yield connection


def _values(what: Compared, row: Row | None) -> tuple[Any, ...]:
    return (None,) * len(what.columns) if row is None else row.values
