"""Metrics of apply: what they count, and that the broker can't make them grow."""

from __future__ import annotations

from stream_reconcile.metrics import MOST_NAMES, Metrics


def test_names_of_the_broker_are_bounded_and_plain() -> None:
    metrics = Metrics("0")
    metrics.apply.unknown_events.add({"weird name {}": 2, "": 1, "x" * 65: 1})
    metrics.apply.unknown_events.add({f"event_{n}": 1 for n in range(MOST_NAMES + 10)})
    metrics.apply.unknown_events.add({"event_0": 1})

    def value(event: str) -> float | None:
        return metrics.registry.get_sample_value("reconcile_apply_unknown_events_total", {"event": event})

    assert value("event_0") == 2
    assert value(f"event_{MOST_NAMES}") is None
    assert value("other") == 14


def test_a_committed_batch() -> None:
    metrics = Metrics("0")
    metrics.apply.batch_committed(records=500, seconds=0.02)
    sample = metrics.registry.get_sample_value
    assert sample("reconcile_apply_batch_events_sum") == 500
    assert sample("reconcile_apply_commit_seconds_bucket", {"le": "0.025"}) == 1


def test_two_processes_parts_do_not_share_counters() -> None:
    first, second = Metrics("0"), Metrics("0")
    first.apply.events.inc()
    assert second.registry.get_sample_value("reconcile_apply_events_total") == 0
