"""What `run` lets people read over HTTP: status, lag and cursors as the commands of these names say them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from threading import Lock
from typing import Any, Final

import psycopg

from stream_reconcile.commands.lag import lag_json
from stream_reconcile.commands.servers import Servers
from stream_reconcile.commands.status import Status, database_parts, status_json
from stream_reconcile.config import Settings
from stream_reconcile.core.errors import KafkaUnreachable
from stream_reconcile.jobs.lag import LagReport, PartitionReport
from stream_reconcile.jobs.polled import Polled
from stream_reconcile.store import readers
from stream_reconcile.web.live import Source
from stream_reconcile.web.reads import Reads
from stream_reconcile.web.site import Site

# Sweeps that are a little late are no news.
_DUE_FACTOR: Final = 3.0
_LEAST_DUE_S: Final = 60.0
_KEPT_S: Final = 1.0
_NOT_READ: Final = "the log has not been read for a while: Kafka may be away (see /readyz)"
_LAG_NAMES: Final = ("end_offset", "oldest_offset", "lag", "lag_seconds", "state", "rewound")


def offer_reads(site: Site, settings: Settings, servers: Servers, lag: Polled[LagReport]) -> None:
    """Let `site` answer, on these servers; `lag` is what a thread reads."""
    reads = Reads(servers.dsn, settings.schema_)

    def status_of(connection: psycopg.Connection) -> dict[str, Any]:
        reading = lag.fresh
        return status_json(
            Status(
                servers=servers,
                schema=settings.schema_,
                lag=None if reading is None else reading.value,
                kafka_why=_NOT_READ if reading is None else "",
                **database_parts(connection),
            )
        )

    def cursors_of(connection: psycopg.Connection) -> list[dict[str, Any]]:
        reading = lag.fresh
        return _cursors(
            readers.cursors(connection, settings.consumer_group), () if reading is None else reading.value.partitions
        )

    def status() -> dict[str, Any]:
        def read(connection: psycopg.Connection) -> dict[str, Any]:
            with readers.snapshot(connection):
                return status_of(connection)

        return reads.now(read)

    def look(
        connection: psycopg.Connection,
    ) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]], float | None]:
        reading = lag.fresh
        return status_of(connection), cursors_of(connection), None if reading is None else reading.read_at

    def lag_now() -> dict[str, Any]:
        reading = lag.fresh
        if reading is None:
            raise KafkaUnreachable(_NOT_READ)
        return lag_json(reading.value)

    answers = {
        "status": _kept(status),
        "lag": lag_now,
        "cursors": _kept(lambda: reads.now(cursors_of)),
    }
    due = timedelta(seconds=max(_LEAST_DUE_S, _DUE_FACTOR * settings.hot_interval_seconds))
    site.offer(reads, answers, Source(look, due))


def _cursors(rows: Sequence[readers.Cursor], parts: Sequence[PartitionReport]) -> list[dict[str, Any]]:
    found = {(part.topic, part.partition): part for part in parts}
    told = []
    for row in rows:
        part = found.get((row.topic, row.partition))
        values = {name: getattr(row, name) for name in row.__dataclass_fields__}
        told.append(values | {name: None if part is None else getattr(part, name) for name in _LAG_NAMES})
    return told


def _kept(read: Callable[[], Any]) -> Callable[[], Any]:
    """What was read within the last second, so that many who ask at once cost one reading."""
    lock = Lock()
    last: list[tuple[float, Any]] = []

    def call() -> Any:
        with lock:
            if not last or time.monotonic() - last[0][0] > _KEPT_S:
                last[:] = [(time.monotonic(), read())]
            return last[0][1]

    return call
