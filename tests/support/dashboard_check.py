"""`make dashboard`: a real run, scraped by a real Prometheus: no query of the dashboard is empty, and no alert fires.

With it go queries as others wrote them for kafka_exporter, and `promtool check metrics` on what was really scraped.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

import requests
from rich.console import Console
from rich.table import Table

from support.command import running, simulated_broker
from support.dashboard import Query, queries
from support.metric_families import promtool_says
from support.prometheus_server import PrometheusServer, prometheus
from support.waiting import wait_until

LIMIT_S: Final = 240
MOST_SERIES: Final = 2_000
"""Of one process with all roles and one account; what grows without bound shows here."""
# As dashboards and rules for kafka_exporter ask: lag by group, rates of topics and groups, partitions, a lag alert.
STOCK: Final = (
    Query("kafka_exporter: lag", 'sum by (consumergroup, topic) (kafka_consumergroup_lag{topic=~".+"})'),
    Query("kafka_exporter: produced", "sum by (topic) (rate(kafka_topic_partition_current_offset[1m]))"),
    Query(
        "kafka_exporter: consumed", "sum by (consumergroup, topic) (delta(kafka_consumergroup_current_offset[5m]) / 5)"
    ),
    Query("kafka_exporter: partitions", "sum by (topic) (kafka_topic_partitions)"),
    Query("kafka_exporter: rule of lag", "sum by (consumergroup) (kafka_consumergroup_lag) >= 0"),
    Query("kafka_exporter: retained", "kafka_topic_partition_current_offset - kafka_topic_partition_oldest_offset"),
)


def main() -> None:
    """Exit status 0 if all is as it should be."""
    if missing := [name for name in ("prometheus", "promtool") if shutil.which(name) is None]:
        sys.exit(f"{' and '.join(missing)}: not installed (Debian: apt install prometheus)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            # calm enough for a proof to find nothing open
            simulated_broker(folder, "--rate", "5", "--no-reversals", "--rate-limit", "0") as broker,
            running(settings=broker | {"RECONCILE_DATA_DIR": str(folder / "data")}, folder=folder) as run,
            prometheus(folder, run.url.removeprefix("http://")) as server,
        ):
            run.wait_ready(timeout=200)
            found = _counts(server)
            firing = [one["metric"]["alertname"] for one in server.ask('ALERTS{alertstate="firing"}')]
            scraped = requests.get(f"{run.url}/metrics", timeout=20)
    _show(found)
    series = [line for line in scraped.text.splitlines() if line and not line.startswith("#")]
    most = Counter(line.partition("{")[0].partition(" ")[0] for line in series).most_common(3)
    empty = [query.panel for query, number in found.items() if number == 0]
    Console().print(f"{len(found)} queries, {len(series)} series, most of {most}; firing: {firing or 'none'}")
    problems = [f"empty: {panel}" for panel in empty] + [f"fires in a healthy run: {alert}" for alert in firing]
    problems += promtool_says(scraped.text)
    problems += [f"{len(series)} series are more than {MOST_SERIES}"] if len(series) > MOST_SERIES else []
    if problems:
        sys.exit("\n".join(problems))


def _counts(server: PrometheusServer) -> dict[Query, int]:
    """Series of each query, once none is empty or the limit is over."""
    found: dict[Query, int] = {}

    def all_answer() -> bool:
        for query in (*queries(), *STOCK):
            if not found.get(query):
                found[query] = len(server.ask(query.expression))
        return all(found.values())

    with contextlib.suppress(AssertionError):  # those that have none are said by the caller, all of them
        wait_until(all_answer, timeout=LIMIT_S, what="every query to have an answer")
    return found


def _show(found: dict[Query, int]) -> None:
    table = Table("panel", "query", "series")
    for query, number in found.items():
        table.add_row(query.panel, query.expression, str(number))
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)


if __name__ == "__main__":
    main()
