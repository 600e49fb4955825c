"""What the database says is open, and until when it is proven equal to the broker, for /metrics."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import NamedTuple, Self

import psycopg
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from stream_reconcile.core.discrepancy_types import TYPES
from stream_reconcile.core.errors import PostgresUnreachable
from stream_reconcile.jobs.polled import Polled
from stream_reconcile.store import readers
from stream_reconcile.store.connect import connect
from stream_reconcile.store.failures import is_transient


class Findings(NamedTuple):
    """Open discrepancies by account and type, the number of open dead letters, and proofs by account and scope."""

    discrepancies: tuple[readers.DiscrepancyCount, ...]
    dead_letters: int
    agreement: tuple[readers.Agreement, ...]


class FindingsReader:
    """Reads them over a connection of its own. For one thread."""

    def __init__(self, dsn: str, schema: str) -> None:
        self._connection = connect(dsn, schema, name="stream-reconcile metrics", statement_timeout_ms=10_000)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()

    def read(self) -> Findings:
        """Findings now. Raises PostgresUnreachable; the reader must be closed then."""
        try:
            with readers.snapshot(self._connection):
                return Findings(
                    tuple(readers.open_discrepancy_counts(self._connection)),
                    readers.open_dead_letter_count(self._connection),
                    tuple(readers.agreement(self._connection)),
                )
        except psycopg.Error as error:
            if not is_transient(error):
                raise
            raise PostgresUnreachable(f"Postgres broke off ({type(error).__name__}); it is tried again") from None


class FindingsMetrics(Collector):
    """Prometheus collector; `findings` is what a thread reads."""

    def __init__(self, findings: Polled[Findings]) -> None:
        self._findings = findings

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The families, without samples where nothing was read lately."""
        discrepancies = GaugeMetricFamily(
            "reconcile_discrepancies_open",
            "Open discrepancies; blocks_proof: whether nothing that they touch is proven equal (yes, no).",
            labels=("account_id", "type", "blocks_proof"),
        )
        dead_letters = GaugeMetricFamily(
            "reconcile_dead_letters_open", "Records that could not be applied, and that no retry has applied yet."
        )
        proven = GaugeMetricFamily(
            "reconcile_proven_equal_timestamp_seconds",
            "Begin of the newest sweep that proved the rows equal to the broker.",
            labels=("account_id", "scope"),
        )
        if (reading := self._findings.fresh) is not None:
            for count in reading.value.discrepancies:
                kind = TYPES.get(count.type)
                blocks = kind is None or kind.blocks_proof  # one of a newer version: better told too loud
                discrepancies.add_metric([count.account_id, count.type, "yes" if blocks else "no"], count.count)
            dead_letters.add_metric([], reading.value.dead_letters)
            for one in reading.value.agreement:
                if one.proven_equal_at is not None:
                    proven.add_metric([one.account_id, one.scope], one.proven_equal_at.timestamp())
        return (discrepancies, dead_letters, proven)
