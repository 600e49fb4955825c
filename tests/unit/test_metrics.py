"""Metrics of apply: what they count, and that the broker can't make them grow."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import pytest
from prometheus_client import CollectorRegistry

from stream_reconcile.core.errors import CredentialsRefused
from stream_reconcile.jobs.findings import Findings, FindingsMetrics
from stream_reconcile.jobs.polled import Polled
from stream_reconcile.jobs.probes import counting_refusals
from stream_reconcile.metrics import MOST_NAMES, Metrics
from stream_reconcile.store.readers import DiscrepancyCount
from support.waiting import wait_until


class Known:
    """A reader of findings that are known beforehand."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def read(self) -> Findings:
        return self._findings


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


def test_findings_say_which_block_a_proof() -> None:
    found = Findings((DiscrepancyCount("a", "missing_fill", 2), DiscrepancyCount("a", "external_order", 1)), 3, ())
    registry = CollectorRegistry()
    polled = Polled("findings", lambda: Known(found), every_s=0.05, too_old_s=60)
    registry.register(FindingsMetrics(polled))
    polled.start()
    try:

        def value(kind: str, blocks: str) -> float | None:
            labels = {"account_id": "a", "type": kind, "blocks_proof": blocks}
            return registry.get_sample_value("reconcile_discrepancies_open", labels)

        wait_until(lambda: value("missing_fill", "yes") == 2, what="the first reading")
        assert value("external_order", "no") == 1
        assert registry.get_sample_value("reconcile_dead_letters_open") == 3
    finally:
        polled.close()


def test_a_refused_login_is_counted_and_raised() -> None:
    metrics = Metrics("0")

    def refuse() -> None:
        raise CredentialsRefused("the password is wrong")

    probe = counting_refusals(refuse, metrics.logins_refused.labels("postgres").inc)
    for _again in range(2):
        with pytest.raises(CredentialsRefused):
            probe()
    assert metrics.registry.get_sample_value("reconcile_logins_refused_total", {"part": "postgres"}) == 2
