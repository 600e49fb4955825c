"""Runs the jobs of a process, each in a thread of its own, until told to stop or a job says that going on is no use.

A job mends by itself what it can (it retries what is away, and reports it). What it raises is either a mistake in the
set-up, which ends the process with the error's exit status, or a mistake of ours: that job alone begins again, slower
each time, with its readiness red, while the others go on. A frame that ingest does not read is gone; a job that begins
again costs nothing. Where no memory is left, the process ends (`out_of_memory`).
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final, Protocol

import structlog
from prometheus_client import Counter

from stream_reconcile.core.errors import ConfigError, ReconcileError, RefusedError
from stream_reconcile.jobs import out_of_memory

log = structlog.get_logger()

FIRST_DELAY_S: Final = 1.0
LONGEST_DELAY_S: Final = 60.0
# A job that ran so long without failing begins with the shortest delay again.
SETTLED_S: Final = 300.0
# Less than the 30 s that Kubernetes gives a pod to end.
STOP_LIMIT_S: Final = 25.0

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Health(Protocol):
    """Where the state of a part is reported; `web.readiness.Readiness` is one."""

    def report(self, part: str, *, ready: bool, why: str = "") -> None:
        """Set the state of a part; `why` says in a sentence what is wrong and what to do."""
        ...


class JobsLate(ReconcileError):
    """Jobs did not end in time. Their threads may wait for ever: end the process without waiting for them."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `run` returns soon after its event is set; `part` is what readiness calls it."""

    part: str
    run: Callable[[threading.Event], None]


class Supervisor:
    """The jobs of this process. `restarts` counts by job (label `job`)."""

    def __init__(
        self,
        jobs: Sequence[Job],
        health: Health,
        restarts: Counter,
        stop: threading.Event,
        *,
        stop_limit_s: float = STOP_LIMIT_S,
        first_delay_s: float = FIRST_DELAY_S,
    ) -> None:
        self._jobs = jobs
        self._health = health
        self._restarts = restarts
        self._stop = stop
        self._stop_limit_s = stop_limit_s
        self._first_delay_s = first_delay_s
        self._fatal: ReconcileError | None = None

    def run(self) -> None:
        """Run all jobs until the stop event is set; then wait for them to end, within the limit.

        Raises what a job called fatal (after all have ended), JobsLate for a job that does not end in time.
        """
        threads = {
            job.part: threading.Thread(target=self._keep_running, args=(job,), name=job.part, daemon=True)
            for job in self._jobs
        }
        for thread in threads.values():
            thread.start()
        self._stop.wait()
        log.info("stopping", jobs=list(threads))
        deadline = time.monotonic() + self._stop_limit_s
        for thread in threads.values():
            thread.join(max(0.0, deadline - time.monotonic()))
        if self._fatal is not None:
            raise self._fatal
        if late := [part for part, thread in threads.items() if thread.is_alive()]:
            raise JobsLate(
                f"{', '.join(late)} did not end within {self._stop_limit_s:g} s and is cut off; nothing is lost by "
                "that, the next start goes on where the database stands"
            )

    def _keep_running(self, job: Job) -> None:
        failures = 0
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                job.run(self._stop)
            except (ConfigError, RefusedError) as error:
                self._health.report(job.part, ready=False, why=str(error))
                self._fatal = error
                self._stop.set()
                return
            except MemoryError:
                out_of_memory.end()
            except Exception as error:
                log.exception("job_failed", job=job.part)
                why = f"{job.part} failed ({type(error).__name__}; see the log) and begins again"
            else:
                if self._stop.is_set():
                    return
                why = f"{job.part} ended by itself and begins again"
            self._restarts.labels(job.part).inc()
            failures = 0 if time.monotonic() - begun > SETTLED_S else failures + 1
            delay = min(LONGEST_DELAY_S, self._first_delay_s * 2 ** min(failures - 1, 10))
            self._health.report(job.part, ready=False, why=why)
            log.warning("job_begins_again", job=job.part, in_s=round(delay, 1))
            self._stop.wait(random.uniform(delay / 2, delay))  # noqa: S311 - jitter


@contextmanager
def signals_set(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`; the second one ends the process at once. For the main thread."""

    read_end, write_end = os.pipe()
    told: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        if told or stop.is_set():
            os._exit(128 + number)
        told.append(number)
        # Not `stop.set()`: that takes a lock which the thread that runs this may hold, in the midst of `stop.wait()`.
        os.write(write_end, b".")

    def set_it() -> None:
        if os.read(read_end, 1):
            stop.set()

    setter = threading.Thread(target=set_it, name="signals", daemon=True)
    setter.start()
    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(write_end)  # ends the read, if no signal has
        setter.join(1.0)  # a child of this process may hold the pipe open
        os.close(read_end)


def retried(
    attempt: Callable[[], None],
    stop: threading.Event,
    report: Callable[[ReconcileError], None],
    *,
    first_delay_s: float = FIRST_DELAY_S,
    longest_delay_s: float = 15.0,
) -> bool:
    """Call `attempt` until it does not raise an error that time may heal; False if told to stop before.

    `report` hears of each failure. Raises ConfigError and RefusedError at once: only a person can heal those.
    """
    delay = first_delay_s
    while not stop.is_set():
        try:
            attempt()
        except (ConfigError, RefusedError):
            raise
        except ReconcileError as error:
            report(error)
        else:
            return True
        stop.wait(random.uniform(delay / 2, delay))  # noqa: S311 - jitter
        delay = min(longest_delay_s, 2 * delay)
    return False
