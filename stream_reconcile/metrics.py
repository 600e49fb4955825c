"""Every metric, with a registry of its own that is handed around: no globals, so tests and several jobs can't collide.

Names follow DESIGN §6: consumer lag as kafka_exporter calls it (that is what dashboards import; see `metrics_lag`), all
else `reconcile_…` in base units. docs/metrics.md lists them all, and a test compares the two. A label's values are
bounded: what the broker may invent (event, status, field) has at most `MOST_NAMES` values, then `other`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, disable_created_metrics

MOST_NAMES = 50
OTHER = "other"

# What a name of the broker's looks like. Anything else could be a payload in disguise, and is not shown.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

_BATCH_EVENTS = (1, 2, 5, 10, 50, 100, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
_COMMIT_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STAGE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)


class BoundedNames:
    """Counts by a name that comes from outside: the first `MOST_NAMES` plain ones by name, all others as `other`."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._known: set[str] = set()

    def add(self, counts: Mapping[str, int]) -> None:
        """Count each name so many times."""
        for name, count in counts.items():
            self._counter.labels(self._label(name)).inc(count)

    def _label(self, name: str) -> str:
        if name in self._known:
            return name
        if len(self._known) < MOST_NAMES and _PLAIN_NAME.fullmatch(name):
            self._known.add(name)
            return name
        return OTHER


class ApplyMetrics:
    """What apply counts. Everything counts committed work only: call it after the commit."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"reconcile_apply_{name}", text, labels, registry=registry)

        self.events = counter("events", "Observations of orders applied, whether or not they changed a row.")
        self.duplicates = counter("duplicates", "Observations that were in the history already.")
        self.unknown_events = BoundedNames(
            counter("unknown_events", "Frames with an event that this version does not know.", "event")
        )
        self.unknown_statuses = BoundedNames(
            counter("unknown_statuses", "Observations with a status that this version does not know.", "status")
        )
        self.unknown_fields = BoundedNames(
            counter("unknown_fields", "Fields that this version does not know.", "field")
        )
        self.dead_letters = BoundedNames(counter("dead_letters", "Records put into dead_letters.", "reason"))
        self.no_statement = BoundedNames(
            counter("no_statement", "Records that say nothing about an order (acks, errors, heartbeats).", "kind")
        )
        self.second_writer = counter("second_writer", "Times that partitions were found lost to another member.")
        self.refused_commits = counter("refused_commits", "Commits that Postgres refused because the cursor had moved.")
        self.offset_holes = counter("offset_holes", "Missing offsets in the log that were passed over.")
        self._batch_events = Histogram(
            "reconcile_apply_batch_events", "Records in a committed batch.", buckets=_BATCH_EVENTS, registry=registry
        )
        self._commit_seconds = Histogram(
            "reconcile_apply_commit_seconds",
            "Time of a batch's transaction, from its first statement to the acknowledged commit.",
            buckets=_COMMIT_SECONDS,
            registry=registry,
        )

        def stage(name: str, text: str) -> Histogram:
            return Histogram(
                f"reconcile_apply_{name}_seconds",
                f"{text}: of the oldest record of each committed batch, those of a rewind left out.",
                buckets=_STAGE_SECONDS,
                registry=registry,
            )

        self._produced_to_consumed = stage("produced_to_consumed", "From Kafka's timestamp until apply took it up")
        self._consumed_to_committed = stage("consumed_to_committed", "From its taking up until its rows were committed")
        self._received_to_committed = stage(
            "received_to_committed", "From a frame's receipt until its rows were committed"
        )

    def stages_passed(self, *, received: float | None, produced: float, consumed: float, committed: float) -> None:
        """When the oldest record of a committed batch passed each stage, in seconds since the epoch.

        One call a batch, not one a record. Clocks of several machines meet here: what would be negative counts as 0.
        """
        self._produced_to_consumed.observe(max(0.0, consumed - produced))
        self._consumed_to_committed.observe(max(0.0, committed - consumed))
        if received is not None:
            self._received_to_committed.observe(max(0.0, committed - received))

    def batch_committed(self, *, records: int, seconds: float) -> None:
        """One batch of `records` records was committed, `seconds` after its first statement."""
        self._batch_events.observe(records)
        self._commit_seconds.observe(seconds)


class HttpMetrics:
    """What the web server counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.cut_off = Counter(
            "reconcile_http_cut_off",
            "Connections dropped because the reader did not take what it was sent.",
            registry=registry,
        )


class Metrics:
    """All metrics of a process, in one registry; `version` is that of the program."""

    def __init__(self, version: str) -> None:
        # Or each counter has a second series that nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library gives it no types
        self.registry = CollectorRegistry()
        Info("reconcile_build", "The version that runs.", registry=self.registry).info({"version": version})
        self.apply = ApplyMetrics(self.registry)
        self.http = HttpMetrics(self.registry)
        self.job_restarts = Counter(
            # Not `job`: that label is Prometheus's own, and it would rename ours.
            "reconcile_job_restarts",
            "Times a job failed and was started again.",
            ["part"],
            registry=self.registry,
        )
        self.logins_refused = Counter(
            "reconcile_logins_refused",
            "Times that Postgres or Kafka refused our login, or that a certificate was refused, when looked at.",
            ["part"],
            registry=self.registry,
        )
