"""The supervisor: which failures end the process, which begin again, and how it all stops."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from stream_reconcile.core.errors import KafkaUnreachable, SchemaMismatch
from stream_reconcile.jobs.supervisor import Job, JobsLate, Supervisor, retried, signals_set
from stream_reconcile.metrics import Metrics
from stream_reconcile.web.readiness import Readiness
from support.waiting import wait_until


class Running:
    """A supervisor in a thread, as `run` has it in the main one."""

    def __init__(self, *jobs: Job, stop_limit_s: float = 5.0) -> None:
        self.stop = threading.Event()
        self.readiness = Readiness()
        self.metrics = Metrics("0")
        self._pool = ThreadPoolExecutor(1)
        supervisor = Supervisor(
            jobs,
            self.readiness,
            self.metrics.job_restarts,
            self.stop,
            stop_limit_s=stop_limit_s,
            first_delay_s=0.01,
        )
        self.ended: Future[None] = self._pool.submit(supervisor.run)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop.set()
        self._pool.shutdown()

    def restarts(self, job: str) -> float:
        return self.metrics.registry.get_sample_value("reconcile_job_restarts_total", {"part": job}) or 0


def wait_for_stop(stop: threading.Event) -> None:
    stop.wait()


def good(part: str) -> Job:
    return Job(part, wait_for_stop)


def test_jobs_end_in_order() -> None:
    with Running(good("ingest"), good("apply")) as running:
        assert not running.ended.done()
        running.stop.set()
        running.ended.result(timeout=5)


def failing_first(times: int, error: Callable[[], Exception]) -> Job:
    left = iter(range(times))

    def run(stop: threading.Event) -> None:
        if next(left, None) is not None:
            raise error()
        stop.wait()

    return Job("apply", run)


def test_a_mistake_of_ours_begins_again_and_leaves_the_others_alone() -> None:
    others: list[int] = []

    def steady(stop: threading.Event) -> None:
        others.append(1)
        stop.wait()

    with Running(failing_first(3, lambda: KeyError("x")), Job("ingest", steady)) as running:
        wait_until(lambda: running.restarts("apply") == 3, what="three restarts")
        why = running.readiness.statuses()["apply"].why
        assert "KeyError" in why
        assert "begins again" in why
        running.stop.set()
        running.ended.result(timeout=5)
    assert others == [1]


def test_a_job_that_ends_by_itself_begins_again() -> None:
    with Running(Job("apply", lambda stop: None)) as running:
        wait_until(lambda: running.restarts("apply") >= 2, what="two restarts")
        assert "ended by itself" in running.readiness.statuses()["apply"].why


def test_a_mistake_in_the_set_up_ends_everything() -> None:
    with Running(
        failing_first(1, lambda: SchemaMismatch("schema too new: start the newer program")), good("ingest")
    ) as running:
        with pytest.raises(SchemaMismatch, match="too new"):
            running.ended.result(timeout=5)
        assert running.stop.is_set()
        assert running.restarts("apply") == 0


def test_a_job_that_does_not_end_is_named() -> None:
    began, free = threading.Event(), threading.Event()

    def hang(stop: threading.Event) -> None:
        began.set()
        free.wait()

    with Running(Job("apply", hang), good("ingest"), stop_limit_s=0.2) as running:
        assert began.wait(5)
        running.stop.set()
        with pytest.raises(JobsLate, match=r"^apply did not end within 0\.2 s"):
            running.ended.result(timeout=5)
        free.set()


def test_what_time_may_heal_is_tried_again() -> None:
    heard: list[str] = []
    answers = iter([KafkaUnreachable("away"), KafkaUnreachable("still away"), None])

    def attempt() -> None:
        answer = next(answers)
        if answer is not None:
            raise answer

    done = retried(attempt, threading.Event(), lambda error: heard.append(str(error)), first_delay_s=0.001)
    assert done
    assert heard == ["away", "still away"]


def test_what_only_a_person_can_heal_is_not() -> None:
    def attempt() -> None:
        raise SchemaMismatch("no")

    with pytest.raises(SchemaMismatch):
        retried(attempt, threading.Event(), lambda error: None)


def test_trying_ends_when_told_to_stop() -> None:
    stop = threading.Event()

    def attempt() -> None:
        stop.set()
        raise KafkaUnreachable("away")

    assert not retried(attempt, stop, lambda error: None)


@pytest.mark.timeout(30)
def test_a_signal_in_the_midst_of_a_wait_is_heard() -> None:
    stop = threading.Event()
    with signals_set(stop):
        # As `stop.wait()` holds it for a moment: a handler that wants it too, in this very thread, would never end.
        with stop._cond:
            signal.raise_signal(signal.SIGTERM)
        assert stop.wait(10)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_without_a_signal_nothing_is_set() -> None:
    stop = threading.Event()
    with signals_set(stop):
        pass
    assert not stop.is_set()
