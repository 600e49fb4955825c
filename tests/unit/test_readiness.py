"""Readiness of parts: reports, probes, and what silence means."""

from __future__ import annotations

import threading

import pytest
from prometheus_client import CollectorRegistry

from stream_reconcile.core.errors import PostgresUnreachable
from stream_reconcile.web.readiness import STARTING, Readiness, ReadinessMetrics
from support.waiting import wait_until


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_no_part_no_obstacle() -> None:
    assert Readiness().is_ready()


def test_an_expected_part_is_not_ready_until_it_reports() -> None:
    readiness = Readiness()
    registry = CollectorRegistry()
    registry.register(ReadinessMetrics(readiness))
    readiness.expect("apply")
    assert registry.get_sample_value("reconcile_ready", {"part": "apply"}) == 0
    assert readiness.statuses()["apply"].why == STARTING
    assert not readiness.is_ready()
    readiness.report("apply", ready=True)
    assert readiness.is_ready()
    assert registry.get_sample_value("reconcile_ready", {"part": "apply"}) == 1
    readiness.report("apply", ready=False, why="Postgres is away")
    readiness.report("apply", ready=False, why="Postgres is still away")
    assert readiness.as_json()["parts"]["apply"]["why"] == "Postgres is still away"
    assert registry.get_sample_value("reconcile_ready", {"part": "apply"}) == 0


def test_since_is_the_time_of_the_change_not_of_the_report() -> None:
    readiness = Readiness()
    readiness.report("kafka", ready=True)
    since = readiness.statuses()["kafka"].since
    readiness.report("kafka", ready=True)
    assert readiness.statuses()["kafka"].since == since


def test_silence_makes_a_part_unready() -> None:
    clock = Clock()
    readiness = Readiness(clock=clock)
    readiness.expect("ingest", silent_after_s=20)
    readiness.report("ingest", ready=True)
    clock.now = 20
    assert readiness.is_ready()
    clock.now = 21
    assert readiness.statuses()["ingest"].why == "it has not answered for 21 s"
    readiness.report("ingest", ready=True)
    assert readiness.is_ready()


def test_a_probe_turns_a_part_red_and_green_again() -> None:
    away = threading.Event()

    def check() -> None:
        if away.is_set():
            raise PostgresUnreachable("Postgres at h:1 can't be reached")

    readiness = Readiness()
    readiness.watch("postgres", check, every_s=0.01)
    try:
        wait_until(readiness.is_ready, what="the first look")
        away.set()
        wait_until(lambda: not readiness.is_ready(), what="red")
        assert readiness.statuses()["postgres"].why == "Postgres at h:1 can't be reached"
        away.clear()
        wait_until(readiness.is_ready, what="green")
    finally:
        readiness.close()


def test_a_probe_that_hangs_makes_its_part_unready() -> None:
    hang, free = threading.Event(), threading.Event()

    def check() -> None:
        if hang.is_set():
            free.wait(30)

    clock = Clock()
    readiness = Readiness(clock=clock)
    readiness.watch("kafka", check, every_s=0.01)
    try:
        wait_until(readiness.is_ready, what="the first look")
        hang.set()
        clock.now = 100
        wait_until(lambda: not readiness.is_ready(), what="red by silence")
    finally:
        free.set()
        readiness.close()


def test_a_bug_in_a_probe_shows_as_unready(caplog: pytest.LogCaptureFixture) -> None:
    def check() -> None:
        raise ZeroDivisionError("secret detail")

    readiness = Readiness()
    readiness.watch("apply", check, every_s=0.01)
    try:
        wait_until(lambda: readiness.statuses()["apply"].why != STARTING, what="the first look")
        assert readiness.statuses()["apply"].why == "looking at it failed (ZeroDivisionError); see the log"
    finally:
        readiness.close()
