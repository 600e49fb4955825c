"""What there is to see while the demo runs: broker, log, tables and lag, each asked for itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Final, NamedTuple

from stream_reconcile.jobs.lag import LagReader
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Topics
from stream_reconcile.simulator.client import Control
from stream_reconcile.simulator.verdict import Agreement, agreement
from stream_reconcile.store import readers
from stream_reconcile.store.connect import connect
from stream_reconcile.store.queries import load

_COMPARED_EVERY: Final = 1.0  # seconds
_COMPARED: Final = 1000  # orders: the newest, so that a demo that is left running takes no more time than a short one


class Figures(NamedTuple):
    """One look. `sent` counts messages of the broker, its answers too; `applied` and `in_log` are records."""

    sent: int = 0
    published: int = 0
    unheard: int = 0
    """Frames that were sent while nobody listened: they are gone."""
    orders: int = 0
    faults: Mapping[str, int] = {}
    connections: int = 0
    listening: bool = False
    in_log: int = 0
    applied: int = 0
    lag_records: int = 0
    lag_seconds: float | None = 0.0
    rows: int = 0
    fills: int = 0
    members: tuple[int, ...] = ()
    """Partitions that each owner of cursors has."""
    agreement: Agreement = Agreement(0, 0, 0)
    compared_from: int = 0
    """Orders before this one were not looked at (`_COMPARED`); the verdict looks at all."""

    proven_s: float | None = None
    """Seconds since the newest sweep began that proved the rows equal to the broker; None for never."""

    @property
    def all_logged(self) -> bool:
        """Whether each message that the broker sent is in the log."""
        return self.in_log >= self.sent

    @property
    def drained(self) -> bool:
        """Whether each message that the broker sent is applied."""
        return self.all_logged and self.lag_records == 0


class Watcher:
    """Takes looks, over connections that it keeps. For one thread."""

    def __init__(
        self, control: Control, kafka: KafkaConfig, dsn: str, *, schema: str, topics: Topics, group: str
    ) -> None:
        """The tables have to be there. Raises UnreachableError, as `look` does."""
        self._control, self._topics, self._group = control, topics, group
        self._account_id = str(control.overview()["account_id"])
        self._agreement, self._compared_from, self._compared_at = Agreement(0, 0, 0), 0, 0.0
        with ExitStack() as stack:
            self._connection = stack.enter_context(connect(dsn, schema, name="stream-reconcile demo"))
            self._lag = stack.enter_context(
                LagReader(dsn, schema, kafka, group=group, topics=topics, limit_seconds=float("inf"))
            )
            self._stack = stack.pop_all()

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def look(self, *, compare: bool = False) -> Figures:
        """The figures as they are now; rows are compared at most once a second, unless asked for."""
        overview = self._control.overview()
        counters: dict[str, Any] = overview["counters"]
        report = self._lag.read()
        if compare or time.monotonic() - self._compared_at > _COMPARED_EVERY:
            self._compare(counters["orders"])
        frames = [part for part in report.partitions if part.topic == self._topics.trade_updates]
        counts = readers.counts(self._connection)
        return Figures(
            sent=counters["messages_sent"],
            published=counters["frames_published"],
            unheard=counters["frames_unheard"],
            orders=counters["orders"],
            faults=counters["faults"],
            connections=counters["connections_accepted"],
            listening=any(session["streams"] for session in overview["sessions"]),
            in_log=sum(max(part.end_offset, 0) for part in frames),
            applied=sum(max(part.next_offset, 0) for part in frames),
            lag_records=report.records,
            lag_seconds=report.seconds,
            rows=counts.executions,
            fills=counts.fills,
            members=tuple(row[1] for row in self._select("members", group=self._group)),
            agreement=self._agreement,
            compared_from=self._compared_from,
            proven_s=self._select("proven")[0][0],
        )

    def first_applied_at(self) -> datetime | None:
        """When the first observation was committed, by the database's clock; None before."""
        moment: datetime | None = self._select("first_event")[0][0]
        return moment

    def _compare(self, orders: int) -> None:
        self._compared_from = max(0, orders - _COMPARED)
        newest = self._control.orders(self._compared_from)
        self._agreement = agreement(self._connection, self._account_id, newest)
        self._compared_at = time.monotonic()

    def _select(self, query: str, **parameters: object) -> list[Any]:
        return self._connection.execute(load("verdict.sql")[query], parameters or None).fetchall()
