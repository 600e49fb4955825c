"""Rewinds of a group that runs, under flow, with members that come and go (I3, I4, I10); and what Kafka's tool sees."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stream_reconcile.core.lag_state import LagState
from stream_reconcile.jobs.lag import LagReader
from support.histories import history_log
from support.kafka_tools import GroupLine, consumer_group
from support.member_processes import member_process
from support.members import SCHEMA, Stage, applying, load
from support.real_log import RealLog
from support.rewinding import reading, rewind, rewinder, undo
from support.waiting import wait_until
from support.wire_data import ACCOUNT

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def stage(kafka: str, topic_prefix: str, database: str) -> Iterator[Stage]:
    with RealLog(kafka, topic_prefix, partitions=3) as log:
        yield Stage(log, database, topic_prefix)


def lag(stage: Stage, limit_seconds: float = 30) -> LagReader:
    topics = stage.log.topics
    return LagReader(stage.dsn, SCHEMA, stage.log.kafka, group=stage.group, topics=topics, limit_seconds=limit_seconds)


def kafkas_tool_agrees_with_lag(stage: Stage) -> bool:
    with lag(stage) as reader:
        ours = {part[:2]: GroupLine(part.next_offset, part.end_offset, part.lag) for part in reader.read().partitions}
    return dict(consumer_group(stage.log.kafka.bootstrap_servers, stage.group)) == ours


def test_rewinds_of_a_live_group_of_three_under_flow(stage: Stage) -> None:
    log, _ = history_log(91, 250, ACCOUNT, sweep=True)
    third = len(log.records) // 3
    stage.log.produce(log.records[:third])
    updates = stage.log.topics.trade_updates
    with ExitStack() as stack, reading(stage.connection) as reader:
        members = [stack.enter_context(applying(stage)) for _ in range(2)]
        leaver = stack.enter_context(applying(stage))
        for member in (*members, leaver):
            member.wait_ready()
        stage.wait_drained()
        wait_until(lambda: len(set(stage.owners().values())) == 3, what="all three to have partitions", timeout=40)
        wait_until(lambda: kafkas_tool_agrees_with_lag(stage), what="Kafka's own tool to say what lag says")
        middle = datetime.now(UTC)
        with load(stage, log.records[third:], at_once=15, every_s=0.05) as sender:
            assert rewind(stage, updates, to_offset=3) is not None
            assert rewind(stage, to_earliest=True) is not None
            undo(stage)
            leaver.stop()  # its partitions go to the others, under new epochs
            for number in range(3):
                rewind(stage, f"{updates}:{number}", shift_by=-40)
                rewind(stage, to_datetime=middle.isoformat())
                undo(stage)
            back = stack.enter_context(applying(stage))
            rewind(stage, by_duration="10s")
            back.wait_ready()
            rewind(stage, to_earliest=True)
            wait_until(lambda: not sender.is_alive(), timeout=60, what="all to be sent")
        stage.wait_drained()
        done = rewind(stage, to_earliest=True)
        assert done is not None
        with rewinder(stage).watching(done) as look:
            wait_until(lambda: look().passed, what="the old position to be passed", timeout=30)
        stage.wait_drained()
        wait_until(lambda: kafkas_tool_agrees_with_lag(stage), what="Kafka's own tool to say what lag says")
    assert reader.looks > 20
    assert reader.went_back == []
    stage.assert_applied()
    stage.assert_no_alarm()
    recorded = stage.rows("SELECT action, who, why, before, after FROM operator_actions ORDER BY action_id")
    assert {action for action, *_ in recorded} == {"rewind", "rewind_undo"}
    assert all(" (login " in who and why == "a test" for _, who, why, *_ in recorded)
    for action, _, _, before, after in recorded:
        for old, new in zip(before["cursors"], after["cursors"], strict=True):
            assert new["epoch"] > old["epoch"]
            assert (new["next_offset"] < old["next_offset"]) == (action == "rewind")


def test_a_rewind_looks_like_no_stall_until_the_old_position_is_reached(stage: Stage) -> None:
    log, _ = history_log(92, 40, ACCOUNT)
    stage.log.produce(log.records)
    with applying(stage):
        stage.wait_drained()
    done = rewind(stage, to_earliest=True)
    assert done is not None
    back = sum(one.before for one in done.moved)
    with lag(stage, limit_seconds=0) as reader:
        # All of it is too old, and nobody is in the group: without the rewind it would be STOP.
        report = reader.read()
        assert {part.state for part in report.partitions} == {LagState.OK, LagState.REWIND}
        assert sum(part.rewound for part in report.partitions) == report.records == back
        assert not report.is_bad_news
        with applying(stage) as member:
            stage.wait_drained()
            assert sum(part.rewound for part in reader.read().partitions) == 0
            # Taken up at once, or within a second: how long it takes is what `--execute` waits for.
            again = rewind(stage, stage.log.topics.trade_updates, to_offset=0)
            assert again is not None
            begun = time.monotonic()
            with rewinder(stage).watching(again) as look:
                wait_until(lambda: look().taken_up == len(again.moved), what="the rewind to be taken up", timeout=10)
                assert time.monotonic() - begun < 5
                wait_until(lambda: look().passed, what="the old position to be passed", timeout=10)
            member.wait_ready()
    stage.assert_applied()


def test_a_member_stopped_before_a_rewind_is_refused_and_carries_on(stage: Stage, tmp_path: Path) -> None:
    log, _ = history_log(93, 60, ACCOUNT)
    half = len(log.records) // 2
    stage.log.produce(log.records[:half])
    with member_process(stage, tmp_path, protocol="classic") as zombie:
        zombie.wait_ready()
        stage.wait_drained()
        with stage.connection() as gate:
            # Its transaction waits before the fence, as one that was sent by a process that is then stopped.
            gate.execute("SELECT pg_advisory_lock(hashtextextended('stream-reconcile.' || current_schema(), 0))")
            stage.log.produce(log.records[half:])
            in_this_database = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            waits = f"SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND {in_this_database}"
            wait_until(lambda: stage.rows(waits), what="the member to be on its way to commit")
            os.kill(zombie.pid, signal.SIGSTOP)
            done = rewind(stage, to_earliest=True)
            assert done is not None
            stood = stage.cursors()
            gate.execute("SELECT pg_advisory_unlock_all()")
            wait_until(lambda: not stage.rows(waits), what="its transaction to come to its end")
            assert stage.cursors() == stood
            assert sum(stood.values()) == 0
            os.kill(zombie.pid, signal.SIGCONT)
        wait_until(lambda: zombie.metric("refused_commits_total") >= 1, what="the refused commit to be counted")
        stage.wait_drained()
        zombie.wait_ready()
        assert zombie.metric("second_writer_total") == 0
        zombie.stop()
    stage.assert_applied()
    stage.assert_no_alarm()
