"""What the sweep counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)


class SweepMetrics:
    """Families of all accounts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.runs = Counter(
            "reconcile_sweep_runs",
            "Sweeps that ended: `proved` the rows equal, `complete` but something open, or `incomplete`.",
            ["account_id", "kind", "outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "reconcile_sweep_seconds",
            "Time of a sweep, from its first request to its end.",
            ["kind"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.requests = Counter(
            "reconcile_broker_requests",
            "Requests to the broker's REST API, those tried again included; outcome is the HTTP status, or what came "
            "in place of an answer.",
            ["account_id", "route", "outcome"],
            registry=registry,
        )
        self.budget_left = Gauge(
            "reconcile_broker_budget_left",
            "Requests that may still be sent in the broker's current window.",
            ["account_id"],
            registry=registry,
        )
        self.published = Counter(
            "reconcile_sweep_published",
            "Records that sweeps published, by what they are: an order's snapshot, or a fill's activity.",
            ["account_id", "why"],
            registry=registry,
        )
        self.silent = Counter(
            "reconcile_sweep_silent_streams",
            "Times a sweep found that the stream carries nothing, and asked for a new socket.",
            ["account_id"],
            registry=registry,
        )
        self.sealed = Gauge(
            "reconcile_checkpoint_sealed_timestamp_seconds",
            "When the newest checkpoint of this process was sealed.",
            ["account_id"],
            registry=registry,
        )
        self.urgent = Counter(
            "reconcile_sweep_urgent",
            "Hot sweeps that did not wait for their interval: `sum`, an order's fills stopped adding up; `chain`, a "
            "fill does not follow on the one before in its symbol.",
            ["account_id", "why"],
            registry=registry,
        )
