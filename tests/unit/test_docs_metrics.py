"""docs/metrics.md says what the metrics are: every one, its type, labels and meaning, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client.registry import Collector

from stream_reconcile.jobs.decisions import DecisionMetrics
from stream_reconcile.jobs.findings import FindingsMetrics
from stream_reconcile.jobs.ingest.metrics import IngestMetrics
from stream_reconcile.jobs.lag_metrics import LagMetrics
from stream_reconcile.jobs.polled import Polled
from stream_reconcile.jobs.sweep.metrics import SweepMetrics
from stream_reconcile.metrics import Metrics
from stream_reconcile.web.readiness import Readiness, ReadinessMetrics

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
SUFFIXES = {"counter": "_total", "info": "_info"}


def collectors() -> Iterator[Collector]:
    """All that a process with every role registers (commands.run)."""

    def nothing() -> Any:
        raise AssertionError("no test here reads a server")

    metrics = Metrics("0")
    IngestMetrics(metrics.registry)
    SweepMetrics(metrics.registry)
    DecisionMetrics(metrics.registry)
    yield from metrics.registry._collector_to_names
    yield ReadinessMetrics(Readiness())
    yield LagMetrics(Polled("lag", nothing, every_s=1, too_old_s=1))
    yield FindingsMetrics(Polled("findings", nothing, every_s=1, too_old_s=1))


def rows_of_the_code() -> list[str]:
    rows = []
    for collector in collectors():
        for family in collector.collect():
            labels = getattr(collector, "_labelnames", None) or getattr(family, "_labelnames", ())
            shown = ", ".join(f"`{label}`" for label in labels) or "–"
            name = family.name + SUFFIXES.get(family.type, "")
            rows.append(f"| `{name}` | {family.type} | {shown} | {family.documentation} |")
    return sorted(rows)


def rows_of_the_page() -> tuple[list[str], list[str]]:
    """Rows of the table of metrics, and of the table of alerts."""
    metrics, _, alerts = PAGE.read_text(encoding="utf-8").partition("## What to alert on")
    return _rows(metrics), _rows(alerts)


def _rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| `")]


def test_the_table_is_the_registry() -> None:
    assert rows_of_the_page()[0] == rows_of_the_code()


def test_alerts_name_metrics_that_exist() -> None:
    known = {row.split("`")[1] for row in rows_of_the_code()}
    named = re.findall(r"\b(?:reconcile|kafka)_\w+", " ".join(rows_of_the_page()[1]))
    assert named
    assert set(named) <= known


def test_names_follow_the_conventions() -> None:
    for row in rows_of_the_code():
        name, kind = row.split("`")[1], row.split("|")[2].strip()
        assert name.startswith(("reconcile_", "kafka_consumergroup_", "kafka_topic_partition_")), name
        assert name.endswith("_total") == (kind == "counter"), name
        assert not name.endswith(("_ms", "_milliseconds", "_minutes", "_kb")), name
