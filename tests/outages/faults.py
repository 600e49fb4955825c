"""What breaks, each fault by its name: a function that breaks it, waits as long as the dice say, and mends it.

`Scene.heal` comes after each: what a fault leaves broken works again by then.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

import psycopg
from confluent_kafka import Producer

from support.waiting import wait_until

from .faults_commands import COMMANDS
from .faults_points import POINTS
from .faults_strain import STRAIN, can_slow_kafka
from .link import Way
from .place import Scene
from .strike import Strike, a_while
from .upgrade import rolling_upgrade

# A standstill that outlasts leases (30 s) and the group's patience (45 s): others have taken over when it ends.
_LONG_S: Final = (50.0, 60.0)
_HOUR_S: Final = 3_600
_ENDS_WITHIN_S: Final = 120.0


@contextmanager
def _standing_still(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _killed(scene: Scene, rng: random.Random) -> None:
    rng.choice(scene.copies).kill()
    a_while(rng)


def _both_killed(scene: Scene, rng: random.Random) -> None:
    for program in scene.copies:
        program.kill()
        time.sleep(rng.uniform(0.0, 2.0))
    a_while(rng)


def _killed_again_and_again(scene: Scene, rng: random.Random) -> None:
    for _ in range(4):
        program = rng.choice(scene.copies)
        program.kill()
        program.start()
        time.sleep(rng.uniform(1.0, 6.0))


def _frozen(scene: Scene, rng: random.Random) -> None:
    rng.choice(scene.copies).freeze()
    a_while(rng)


def _frozen_until_others_took_over(scene: Scene, rng: random.Random) -> None:
    rng.choice(scene.copies).freeze()
    time.sleep(rng.uniform(*_LONG_S))


def _a_third_copy(scene: Scene, rng: random.Random) -> None:
    third = scene.programs.start("a third copy", "run", **scene.settings)
    time.sleep(rng.uniform(8.0, 20.0))
    if rng.random() < 0.5:
        third.kill()
    else:
        third.stop()


def _kafka_killed(scene: Scene, rng: random.Random) -> None:
    scene.kafka.kill()
    a_while(rng)


def _kafka_restarted(scene: Scene, _rng: random.Random) -> None:
    scene.kafka.stop()


def _kafka_stands_still(scene: Scene, rng: random.Random) -> None:
    with _standing_still(scene.kafka.pid):
        a_while(rng)


def _postgres_killed(scene: Scene, rng: random.Random) -> None:
    scene.postgres.kill()
    a_while(rng)


def _postgres_restarted(scene: Scene, _rng: random.Random) -> None:
    scene.postgres.stop()


def _postgres_connections_cut(scene: Scene, rng: random.Random) -> None:
    for _ in range(5):
        scene.whole.cut_connections()
        time.sleep(rng.uniform(0.1, 2.0))


def _postgres_has_no_connection_left(scene: Scene, rng: random.Random) -> None:
    with ExitStack() as stack:
        with suppress(psycopg.OperationalError):
            while True:
                stack.enter_context(psycopg.connect(scene.whole.dsn, connect_timeout=5))
                if rng.random() < 0.05:
                    scene.whole.cut_connections()  # so that there is somebody who wants a new one
        a_while(rng)


def _postgres_tables_locked(scene: Scene, rng: random.Random) -> None:
    table = rng.choice(["executions", "fills", "order_events", "stream_cursors", "leases", "sweeps"])
    with psycopg.connect(scene.whole.dsn) as connection:
        connection.execute(f"LOCK TABLE reconcile.{table} IN ACCESS EXCLUSIVE MODE")
        a_while(rng)


def _postgres_restored_to_an_older_copy(scene: Scene, rng: random.Random) -> None:
    """Stopped, copied, gone on with, and then the copy takes its place."""
    data = scene.postgres.data_dir
    scene.postgres.stop()
    copy = data.with_name("older")
    subprocess.run(["cp", "-a", str(data / "data"), str(copy)], check=True)
    scene.postgres.start()
    time.sleep(rng.uniform(8.0, 15.0))
    scene.postgres.stop()
    shutil.rmtree(data / "data")
    subprocess.run(["cp", "-a", str(copy), str(data / "data")], check=True)
    shutil.rmtree(copy)


def _disk_full(name: str) -> Strike:
    def strike(scene: Scene, rng: random.Random) -> None:
        scene.disks[name].fill()
        a_while(rng)

    return strike


def _line_cut(name: str) -> Strike:
    def strike(scene: Scene, rng: random.Random) -> None:
        for _ in range(rng.randint(1, 6)):
            scene.links[name].cut()
            time.sleep(rng.uniform(0.1, 3.0))

    return strike


def _line_refused(name: str) -> Strike:
    def strike(scene: Scene, rng: random.Random) -> None:
        scene.links[name].refuse()
        a_while(rng)

    return strike


def _line_slow(name: str) -> Strike:
    def strike(scene: Scene, rng: random.Random) -> None:
        scene.links[name].slow(rng.uniform(0.05, 0.5))
        a_while(rng)

    return strike


def _line_dead(name: str, *ways: Way, long: bool = False) -> Strike:
    def strike(scene: Scene, rng: random.Random) -> None:
        scene.links[name].hold(*ways)
        if long:
            time.sleep(rng.uniform(*_LONG_S))
        else:
            a_while(rng)
        if rng.random() < 0.5:
            scene.links[name].cut()

    return strike


def _clock(ahead_s: int) -> Strike:
    def strike(scene: Scene, rng: random.Random) -> None:
        scene.clock.set(ahead_s)
        time.sleep(rng.uniform(5.0, 20.0))
        scene.clock.set(0)
        copy = scene.copies[1]  # the one that has it
        wait_until(lambda: not copy.running, timeout=_ENDS_WITHIN_S, what="the copy whose clock was set back to end")

    return strike


def _poison(scene: Scene, rng: random.Random) -> None:
    """Records that nobody of ours wrote, among the others."""
    topics = scene.whole.topics
    producer = Producer({"bootstrap.servers": scene.kafka.bootstrap_servers, "log_level": 0})
    for topic in rng.sample(sorted(topics.applied), 3):
        for junk in (b"", b"junk", rng.randbytes(2_000), b"\xc3\x01" + rng.randbytes(40), b"{}"):
            producer.produce(topic, junk, key=rng.choice([None, b"a/b", rng.randbytes(9)]))
    assert producer.flush(30) == 0


def _frames(scene: Scene, rng: random.Random) -> None:
    control = scene.whole.simulator.control
    control.fault("drop", probability=0.2)
    control.fault("duplicate", probability=0.2, within=50)
    control.fault("reorder", probability=0.2, window=20)
    a_while(rng)
    control.fault(rng.choice(["disconnect", "disconnect_abrupt"]))
    a_while(rng)


def _rest(scene: Scene, rng: random.Random) -> None:
    control = scene.whole.simulator.control
    for status in (429, 500, 503):
        control.fault("rest_status", path="/v2", status=status, probability=0.2, count=0)
    a_while(rng)


FAULTS: Final[Mapping[str, Strike]] = {
    "copy killed": _killed,
    "both copies killed": _both_killed,
    "copies killed again and again": _killed_again_and_again,
    "copy frozen": _frozen,
    "copy frozen until others took over": _frozen_until_others_took_over,
    "third copy": _a_third_copy,
    "kafka killed": _kafka_killed,
    "kafka restarted": _kafka_restarted,
    "kafka frozen": _kafka_stands_still,
    "kafka's disk full": _disk_full("kafka"),
    "postgres killed": _postgres_killed,
    "postgres restarted": _postgres_restarted,
    "postgres connections cut": _postgres_connections_cut,
    "postgres out of connections": _postgres_has_no_connection_left,
    "postgres table locked": _postgres_tables_locked,
    "postgres restored": _postgres_restored_to_an_older_copy,
    "postgres's disk full": _disk_full("postgres"),
    **{f"line to {name} cut": _line_cut(name) for name in ("kafka", "postgres", "broker")},
    **{f"line to {name} refused": _line_refused(name) for name in ("kafka", "postgres", "broker")},
    **{f"line to {name} slow": _line_slow(name) for name in ("kafka", "postgres", "broker")},
    **{f"line to {name} dead": _line_dead(name, *Way) for name in ("kafka", "postgres", "broker")},
    **{f"line to {name} dead for long": _line_dead(name, *Way, long=True) for name in ("kafka", "postgres", "broker")},
    **{f"line from {name} dead": _line_dead(name, Way.BACK) for name in ("kafka", "postgres", "broker")},
    "clock an hour ahead": _clock(_HOUR_S),
    "clock an hour behind": _clock(-_HOUR_S),
    "poison": _poison,
    "frames lost, twice, late": _frames,
    "rest errors": _rest,
    **POINTS,
    **COMMANDS,
    **STRAIN,
    "rolling upgrade with a migration": rolling_upgrade,
}


def possible(scene: Scene) -> list[str]:
    """Those that this machine allows."""
    missing = {
        name
        for name, disk in (("kafka's disk full", "kafka"), ("postgres's disk full", "postgres"))
        if not scene.disks[disk].can_fill
    }
    if not scene.clock.can_jump:
        missing |= {"clock an hour ahead", "clock an hour behind"}
    if not can_slow_kafka():
        missing.add("kafka's disk slow")
    return [name for name in FAULTS if name not in missing]
