"""Members killed and stopped while records come (I3, I4): each record once, no zombie's commit, no false alarm.

For both group protocols, in processes of their own, so that SIGKILL and SIGSTOP are what they are in life.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from stream_reconcile.log.connection import KafkaConfig
from support.histories import history_log
from support.member_processes import MemberProcess, member_process
from support.members import Stage, load
from support.real_log import RealLog
from support.waiting import wait_until
from support.wire_data import ACCOUNT

# A classic member says itself how long it may be silent; for the other protocol the broker does (6 s in tests).
CLASSIC = {"session.timeout.ms": 2_000, "heartbeat.interval.ms": 500}
BOTH = pytest.mark.parametrize("protocol", ["classic", "consumer"])
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def stage(kafka: str, topic_prefix: str, database: str, protocol: str) -> Iterator[Stage]:
    with RealLog(kafka, topic_prefix) as log:
        if protocol == "classic":
            log.kafka = KafkaConfig(kafka, CLASSIC)
        yield Stage(log, database, topic_prefix)


def shared_by(stage: Stage, members: int) -> bool:
    owners = stage.owners()
    return len(owners) == len(stage.log.partitions) and len(set(owners.values())) == members


@BOTH
def test_members_killed_and_stopped_under_load(stage: Stage, protocol: str, tmp_path: Path) -> None:
    log, _ = history_log(81, 400, ACCOUNT, sweep=True)
    rng = random.Random(81)
    with ExitStack() as stack:

        def join() -> MemberProcess:
            return stack.enter_context(member_process(stage, tmp_path, protocol=protocol))

        members = [join(), join()]
        for member in members:
            member.wait_ready()
        wait_until(lambda: shared_by(stage, 2), what="both to have partitions", timeout=30)
        with load(stage, log.records, at_once=20, every_s=0.15) as sender:
            # For a moment, again and again: it keeps its partitions, and must go on as if nothing had been.
            for _ in range(4):
                stopped_for(members[0], rng.uniform(0.1, 0.6))
            # For longer than the group waits: it comes back as a zombie.
            stop(members[0])
            lost_to_another(stage, members[0])
            cont(members[0])
            members[1].kill()
            members[1] = join()
            stopped_for(members[0], 0.3)
            members[0].wait_ready()
            members[1].wait_ready()
            wait_until(lambda: not sender.is_alive(), timeout=60, what="all to be sent")
        stage.wait_drained()
        wait_until(lambda: shared_by(stage, 2), what="both to have partitions again", timeout=30)
        for member in members:
            member.stop()
    stage.assert_applied()
    stage.assert_no_alarm()


@BOTH
def test_a_zombies_commit_is_refused_and_counted_and_it_carries_on(stage: Stage, protocol: str, tmp_path: Path) -> None:
    log, _ = history_log(82, 100, ACCOUNT)
    half = len(log.records) // 2
    with member_process(stage, tmp_path, protocol=protocol) as zombie:
        zombie.wait_ready()
        wait_until(lambda: shared_by(stage, 1), what="the first member to have all")
        before = stage.owners()
        with stage.connection() as gate:
            # Its transaction waits before the fence, as one that was sent by a process that is then stopped.
            gate.execute("SELECT pg_advisory_lock(hashtextextended('stream-reconcile.' || current_schema(), 0))")
            stage.log.produce(log.records[:half])
            wait_until(lambda: waiting(stage, "advisory"), what="the member to be on its way to commit")
            stop(zombie)
            with member_process(stage, tmp_path, protocol=protocol) as heir:
                wait_until(lambda: not set(stage.owners().values()) & set(before.values()), timeout=40, what="the heir")
                assert set(stage.cursors().values()) == {0}
                gate.execute("SELECT pg_advisory_unlock_all()")
                stage.wait_drained()
                cont(zombie)
                wait_until(lambda: zombie.metric("refused_commits_total") == 1, what="the refused commit to be counted")
                wait_until(lambda: zombie.metric("second_writer_total") >= 1, what="the lost partitions to be counted")
                stage.log.produce(log.records[half:])
                wait_until(lambda: shared_by(stage, 2), what="the zombie to be a member again", timeout=40)
                stage.wait_drained()
                zombie.wait_ready()
                assert zombie.metric("refused_commits_total") == 1
                assert heir.metric("refused_commits_total") == 0
                zombie.stop()
                heir.stop()
    stage.assert_applied()
    stage.assert_no_alarm()


@pytest.mark.parametrize("protocol", ["classic"])
def test_a_zombie_that_holds_the_cursor_does_not_hold_up_its_heir(stage: Stage, protocol: str, tmp_path: Path) -> None:
    log, _ = history_log(83, 100, ACCOUNT)
    half = len(log.records) // 2
    with member_process(stage, tmp_path, protocol=protocol) as zombie:
        zombie.wait_ready()
        wait_until(lambda: shared_by(stage, 1), what="the first member to have all")
        before = stage.owners()
        with stage.connection() as gate, gate.transaction():
            # Its transaction waits behind the fence: it holds its cursor rows, and its process is stopped.
            gate.execute("LOCK TABLE executions IN SHARE MODE")
            stage.log.produce(log.records[:half])
            wait_until(lambda: waiting(stage, "relation"), what="the member to be inside its transaction")
            stop(zombie)
            with member_process(stage, tmp_path, protocol=protocol) as heir:
                # Whoever claims the cursors ends it after 5 s, long before any time limit of Postgres's would.
                wait_until(lambda: not set(stage.owners().values()) & set(before.values()), timeout=40, what="the heir")
                assert "ended_blocking_sessions" in heir.output
                gate.execute("ROLLBACK")
                stage.wait_drained()
                cont(zombie)
                wait_until(lambda: zombie.metric("second_writer_total") >= 1, what="the lost partitions to be counted")
                stage.log.produce(log.records[half:])
                wait_until(lambda: shared_by(stage, 2), what="the zombie to be a member again", timeout=40)
                stage.wait_drained()
                zombie.wait_ready()
    stage.assert_applied()
    stage.assert_no_alarm()


def waiting(stage: Stage, for_a: str) -> bool:
    """Whether a session of the stage's database waits for such a lock."""
    in_this_database = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    return bool(stage.rows(f"SELECT 1 FROM pg_locks WHERE locktype = %s AND NOT granted AND {in_this_database}", for_a))


def stop(member: MemberProcess) -> None:
    os.kill(member.pid, signal.SIGSTOP)


def cont(member: MemberProcess) -> None:
    os.kill(member.pid, signal.SIGCONT)


def stopped_for(member: MemberProcess, seconds: float) -> None:
    stop(member)
    threading.Event().wait(seconds)  # the fault itself, not a wait for something
    cont(member)


def lost_to_another(stage: Stage, stopped: MemberProcess) -> None:
    """Until one member has all partitions."""
    wait_until(
        lambda: shared_by(stage, 1), timeout=40, what=f"the partitions of process {stopped.pid} to be taken over"
    )
