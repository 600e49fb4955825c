"""Every metric that a process with all roles has: what documents, rules and dashboards are held against."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from stream_reconcile.jobs.decisions import DecisionMetrics
from stream_reconcile.jobs.findings import FindingsMetrics
from stream_reconcile.jobs.ingest.metrics import IngestMetrics
from stream_reconcile.jobs.lag_metrics import LagMetrics
from stream_reconcile.jobs.polled import Polled
from stream_reconcile.jobs.sweep.metrics import SweepMetrics
from stream_reconcile.metrics import Metrics
from stream_reconcile.web.readiness import Readiness, ReadinessMetrics

_SUFFIXES = {"counter": "_total", "info": "_info"}
_NAME = re.compile(r"(?<![\w:])((?:reconcile|kafka)_\w+)(?:\{([^}]*)\})?")


# kafka_exporter's own names, which dashboards ask for; promtool wants that ending for histograms alone.
_NOT_OURS = {
    f'{name} non-histogram and non-summary metrics should not have "_sum" suffix'
    for name in ("kafka_consumergroup_current_offset_sum", "kafka_consumergroup_lag_sum")
}


def promtool_says(exposition: str) -> list[str]:
    """What `promtool check metrics` has against a scrape, but for two names that are not ours to choose."""
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=exposition, capture_output=True, text=True, timeout=60, check=False
    )
    said = (done.stdout + done.stderr).splitlines()
    return [line for line in said if line and line not in _NOT_OURS]


def filled_exposition() -> str:
    """Every family as text, with a sample each: promtool looks at no name without one."""
    lines = []
    told = generate_latest(filled_registry()[0]).decode().splitlines()
    for line, following in zip(told, [*told[1:], "#"], strict=True):
        lines.append(line)
        if line.startswith("# TYPE ") and following.startswith("#"):
            name, kind = line.split()[2:]
            lines += (
                [f'{name}_bucket{{le="+Inf"}} 1', f"{name}_sum 1", f"{name}_count 1"]
                if kind == "histogram"
                else [f"{name} 1"]
            )
    return "\n".join(lines) + "\n"


class Family(NamedTuple):
    """One metric by the name that it is scraped under."""

    name: str
    kind: str
    labels: tuple[str, ...]
    documentation: str


def filled_registry() -> tuple[CollectorRegistry, list[Collector]]:
    """What `run` registers with all roles, and the collectors of it; nothing reads a server."""

    def nothing() -> Any:
        raise AssertionError("no test here reads a server")

    metrics = Metrics("0")
    IngestMetrics(metrics.registry)
    SweepMetrics(metrics.registry)
    DecisionMetrics(metrics.registry)
    collectors = list(metrics.registry._collector_to_names)
    for late in (
        ReadinessMetrics(Readiness()),
        LagMetrics(Polled("lag", nothing, every_s=1, too_old_s=1)),
        FindingsMetrics(Polled("findings", nothing, every_s=1, too_old_s=1)),
    ):
        metrics.registry.register(late)
        collectors.append(late)
    return metrics.registry, collectors


def families() -> Iterator[Family]:
    """All families of the code."""
    for collector in filled_registry()[1]:
        for family in collector.collect():
            labels = getattr(collector, "_labelnames", None) or getattr(family, "_labelnames", ())
            if family.type == "info":
                labels = ("version",)
            name = family.name + _SUFFIXES.get(family.type, "")
            yield Family(name, family.type, tuple(labels or ()), family.documentation)


def names_in(promql: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each metric of ours in an expression, histograms without their suffix, with the labels that it is asked for."""
    histograms = {family.name for family in families() if family.kind == "histogram"}
    for name, matchers in _NAME.findall(promql):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        asked = dict(re.findall(r'(\w+)\s*[!=]~?\s*"((?:[^"\\]|\\.)*)"', matchers))
        yield (base if base in histograms else name), asked


def unknown_names(promql: str) -> list[str]:
    """What an expression asks for and the code does not have: metrics, and labels of metrics."""
    known = {family.name: {*family.labels, "le", "instance", "job", "role"} for family in families()}
    found = []
    for name, asked in names_in(promql):
        if name not in known:
            found.append(name)
        else:
            found += [f"{name}{{{label}}}" for label in asked if label not in known[name]]
    return found
