"""What is short or slow: locks in the other order, disks whose writes take long, memory."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import psycopg
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # given on without a word about it
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from support.waiting import wait_until

from .place import Scene
from .sight import CAUGHT_WITHIN_S, Held
from .strike import Strike, a_while

_SECONDS: Final = (5.0, 12.0)
_DEADLOCKS: Final = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
_COMMIT_DELAY_US: Final = 100_000
"""The most that Postgres takes."""
_FSYNC_US: Final = 100_000
_STRACE_ATTACHES_WITHIN_S: Final = 30.0


def _deadlocks(scene: Scene, rng: random.Random) -> None:
    """Another session holds what the writer wants and then wants what the writer holds; the writer is ended (40P01).

    40001 can't arise: all that writes is READ COMMITTED, and what reads in a snapshot only reads.
    """
    before, ends = scene.whole.value(_DEADLOCKS), time.monotonic() + rng.uniform(*_SECONDS)
    while time.monotonic() < ends:
        # Longer than the writer's (1 s), who is therefore the one that finds the deadlock, and is ended for it.
        with Held(scene, "SET deadlock_timeout = '5s'", "LOCK TABLE order_events IN SHARE MODE") as held:
            held.caught_at_any("stream-reconcile apply")
            with suppress(psycopg.errors.DeadlockDetected):
                held.execute("SELECT FROM stream_cursors FOR UPDATE")
    wait_until(lambda: scene.whole.value(_DEADLOCKS) > before, timeout=CAUGHT_WITHIN_S, what="deadlocks to be counted")


def _postgres_commits_slowly(scene: Scene, rng: random.Random) -> None:
    """Each commit waits before its log is flushed, as if the flush took so long."""
    settings = {"commit_delay": _COMMIT_DELAY_US, "commit_siblings": 0}
    try:
        for name, value in settings.items():
            scene.whole.rows(f"ALTER SYSTEM SET {name} = {value}")
        scene.whole.rows("SELECT pg_reload_conf()")
        a_while(rng)
        a_while(rng)
    finally:
        for name in settings:
            scene.whole.rows(f"ALTER SYSTEM RESET {name}")
        scene.whole.rows("SELECT pg_reload_conf()")


def _kafkas_disk_is_slow(scene: Scene, rng: random.Random) -> None:
    """Each record is flushed to the disk before it is acknowledged, and each flush takes 100 ms, by strace."""
    admin = AdminClient({"bootstrap.servers": scene.kafka.bootstrap_servers, "log_level": 0})
    _flush_each(scene, admin, AlterConfigOpType.SET)
    delay = f"inject=fsync,fdatasync:delay_enter={_FSYNC_US}"
    command = [str(shutil.which("strace")), "-f", "-qq", "-o", "/dev/null", "-e", delay, "-p", str(scene.kafka.pid)]
    tracer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(
            lambda: tracer.poll() is not None or _traced(scene.kafka.pid),
            timeout=_STRACE_ATTACHES_WITHIN_S,
            what="strace to attach to Kafka",
        )
        assert tracer.poll() is None, f"strace ended with {tracer.returncode}"
        a_while(rng)
        a_while(rng)
    finally:
        tracer.send_signal(signal.SIGINT)  # it lets go of Kafka, which goes on
        tracer.wait(_STRACE_ATTACHES_WITHIN_S)
        _flush_each(scene, admin, AlterConfigOpType.DELETE)


def _flush_each(scene: Scene, admin: AdminClient, how: AlterConfigOpType) -> None:
    entry = ConfigEntry("flush.messages", "1", incremental_operation=how)
    topics = [ConfigResource("TOPIC", name, incremental_configs=[entry]) for name in scene.whole.topics.applied]
    for done in admin.incremental_alter_configs(topics).values():
        done.result(30)


def _traced(pid: int) -> bool:
    return _status(pid, "TracerPid") != 0


def _out_of_memory(scene: Scene, rng: random.Random) -> None:
    """One copy gets no more address space than it has, and its lines are cut, so that it needs some."""
    program = rng.choice(scene.copies)
    pid = program.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (_status(pid, "VmSize") * 1024, hard))
    for link in scene.links.values():
        link.cut()
    a_while(rng)
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_AS, (soft, hard))
    # One that has not noticed may do so much later, in the middle of the next fault: librdkafka's word that it got no
    # thread is heard when that client is polled again.
    if not program.ended_by_itself:
        program.kill()


def _status(pid: int, name: str) -> int:
    """A number of /proc/PID/status (kB where it is one of memory)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise AssertionError(name)


def can_slow_kafka() -> bool:
    """Whether strace is here, which needs the right to trace another process."""
    return shutil.which("strace") is not None


STRAIN: Final[Mapping[str, Strike]] = {
    "deadlocks": _deadlocks,
    "kafka's disk slow": _kafkas_disk_is_slow,
    "postgres commits slowly": _postgres_commits_slowly,
    "copy out of memory": _out_of_memory,
}
