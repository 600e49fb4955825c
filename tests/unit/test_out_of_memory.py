"""A process that ran out of memory ends, wherever that was noticed, and does not go on while a part stands still."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import logging, threading
from stream_reconcile.jobs.out_of_memory import end_when_out_of_memory
from stream_reconcile.jobs.supervisor import Job, Supervisor
from stream_reconcile.metrics import Metrics
from stream_reconcile.web.readiness import Readiness

def fail(*_):
    raise {error}

def in_a_thread():
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()

def where_nobody_catches():
    class Thing:
        __del__ = fail
    Thing()

def in_a_job():
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    Supervisor([Job("apply", fail)], Readiness(), Metrics("0").job_restarts, stop, first_delay_s=30).run()

def in_a_client_of_kafka():
    logging.getLogger("stream_reconcile.kafka").critical("THREAD [x#producer-1] [thrd:main]: {said}")

end_when_out_of_memory()
for where in {places}:
    globals()[where]()
print("it goes on")
"""
PLACES = ("in_a_thread", "where_nobody_catches", "in_a_job", "in_a_client_of_kafka")


def run(*places: str, error: str, said: str) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(places=places, error=error, said=said)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("where", PLACES)
def test_it_ends(where: str) -> None:
    done = run(where, error="MemoryError", said="Unable to create broker thread")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("no memory was left, so this process ends")


def test_other_failures_do_not_end_it() -> None:
    done = run(*PLACES, error="ValueError", said="1 request timed out")
    assert done.returncode == 0
    assert done.stdout.endswith("it goes on\n")
    assert "no memory" not in done.stderr
