"""F5: what apply needs next is not in the log any more. Noticed, recorded, and never skipped to the end."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stream_reconcile.log.topics import Partition
from stream_reconcile.store.cursors import LogState
from support.histories import history_log
from support.log_records import TOPIC_ID
from support.member_processes import member_process
from support.members import Stage, applying
from support.real_log import RealLog
from support.waiting import wait_until
from support.wire_data import ACCOUNT, UPDATES
from support.writer_bench import Bench

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def stage(kafka: str, topic_prefix: str, database: str) -> Iterator[Stage]:
    with RealLog(kafka, topic_prefix) as log:
        yield Stage(log, database, topic_prefix)


@pytest.fixture
def place(stage: Stage) -> Partition:
    return Partition(stage.log.topics.trade_updates, 1)


def last_record_at(stage: Stage, place: Partition) -> datetime:
    query = "SELECT last_record_at FROM stream_cursors WHERE topic = %s AND partition = %s"
    return stage.rows(query, *place)[0][0]


def test_records_deleted_before_they_were_applied(stage: Stage, place: Partition) -> None:
    log, _ = history_log(51, 60, ACCOUNT)
    early, lost, late = log.records[:40], log.records[40:80], log.records[80:]
    stage.log.produce(early, partition=1)
    with applying(stage):
        stage.wait_drained()
    kept, until = stage.log.records(), last_record_at(stage, place)
    stage.log.produce([*lost, *late], partition=1)
    stage.log.delete_before(place, 80)
    with applying(stage) as member:
        stage.wait_drained()
        member.wait_ready()
        assert member.metric("batch_events_sum") == len(late)
    stage.assert_applied([*kept, *stage.log.records()])
    ((_, subject, state, evidence),) = stage.findings("retention_loss")
    assert (subject, state) == (f"{place.topic}:1", "open")
    assert evidence["broker"]["first_offset"] == 80
    assert evidence["ours"]["next_offset"] == evidence["ours"]["max_offset"] == 40
    ((start, end, reason),) = stage.gaps()
    assert (start, reason) == (until, f"log_expired {subject}")
    assert end > start
    ((_, gap, state, _),) = stage.findings("stream_gap")
    assert state == "open"
    assert stage.rows("SELECT gap_id::text FROM stream_gaps") == [(gap,)]


def test_a_database_that_never_applied_needs_the_first_record(stage: Stage, place: Partition) -> None:
    log, _ = history_log(56, 30, ACCOUNT)
    stage.log.produce(log.records, partition=1)
    stage.log.delete_before(place, 20)
    with applying(stage) as member:
        stage.wait_drained()
        member.wait_ready()
    stage.assert_applied(stage.log.records())
    ((_, subject, state, evidence),) = stage.findings("retention_loss")
    assert (subject, state) == (f"{place.topic}:1", "open")
    assert (evidence["broker"]["first_offset"], evidence["broker"]["loss"]) == (20, "expired")
    ((start, _, reason),) = stage.gaps()
    assert (start, reason) == (EPOCH, f"log_expired {subject}")


def test_records_deleted_while_a_member_stands_still(stage: Stage, place: Partition, tmp_path: Path) -> None:
    log, _ = history_log(52, 60, ACCOUNT)
    stage.log.produce(log.records[:40], partition=1)
    with member_process(stage, tmp_path) as member:
        member.wait_ready()
        stage.wait_drained()
        kept = stage.log.records()
        os.kill(member.pid, signal.SIGSTOP)
        # The request that is under way gets the first record; that one is still applied when the member goes on.
        stage.log.produce(log.records[40:41], partition=1)
        stage.log.produce(log.records[41:], partition=1)
        all_of_it = stage.log.records()
        stage.log.delete_before(place, 120)
        os.kill(member.pid, signal.SIGCONT)
        stage.wait_drained()
        member.wait_ready()
        assert "the log is gone at a cursor" in member.output
    ((_, subject, state, evidence),) = stage.findings("retention_loss")
    assert (subject, state) == (f"{place.topic}:1", "open")
    assert evidence["broker"]["first_offset"] == 120
    came_to = evidence["ours"]["next_offset"]
    assert 40 <= came_to < 120
    fetched = [record for record in all_of_it if 40 <= record.place.offset < came_to]
    stage.assert_applied([*kept, *fetched, *stage.log.records()])
    ((_, _, reason),) = stage.gaps()
    assert reason == f"log_expired {subject}"


def test_a_rewind_behind_the_first_record_loses_nothing_and_opens_no_window(stage: Stage, place: Partition) -> None:
    log, _ = history_log(53, 30, ACCOUNT)
    stage.log.produce(log.records, partition=1)
    with applying(stage):
        stage.wait_drained()
    everything = stage.log.records()
    stage.log.delete_before(place, 20)
    rewind = "UPDATE stream_cursors SET next_offset = 5, epoch = epoch + 1 WHERE topic = %s AND partition = %s"
    assert stage.execute(rewind, *place) == 1
    with applying(stage):
        stage.wait_drained()
    stage.assert_applied(everything)
    ((_, _, _, evidence),) = stage.findings("retention_loss")
    assert evidence["broker"]["loss"] == "rewound_past_start"
    assert stage.gaps() == []


def test_a_last_record_dated_ahead_of_now_says_nothing_of_when_the_gap_began(database: str) -> None:
    with contextlib.closing(Bench(database)) as bench:
        bench.connection.execute("INSERT INTO accounts (account_id, key_fingerprint) VALUES (%s, 'k')", [ACCOUNT])
        cursor = bench.cursors.claim(UPDATES, 0, LogState(0, TOPIC_ID, "cluster")).cursor
        bench.connection.execute("UPDATE stream_cursors SET last_record_at = now() + interval '1 hour'")
        restarted = bench.cursors.restart(UPDATES, 0, cursor, 0, LogState(7, TOPIC_ID, "cluster"))
        assert restarted.next_offset == 7
        ((start, reason),) = bench.rows("SELECT window_start, reason FROM stream_gaps")
    assert (start, reason) == (EPOCH, f"log_expired {UPDATES}:0")


@pytest.mark.parametrize("while_it_runs", [True, False])
def test_a_topic_made_anew_is_not_read_as_a_continuation(stage: Stage, place: Partition, while_it_runs: bool) -> None:
    log, _ = history_log(54, 60, ACCOUNT)
    before, after = log.records[:60], log.records[60:]
    stage.log.produce(before, partition=1)
    with applying(stage) as member:
        stage.wait_drained()
        member.wait_ready()
        kept = stage.log.records()
        if while_it_runs:  # idle, no record comes that could tell
            stage.log.make_anew(place.topic)
            wait_until(lambda: len(stage.findings("retention_loss")) == 2, timeout=60, what="F5 of both partitions")
    if not while_it_runs:
        stage.log.make_anew(place.topic)
    # More records than the old topic had: a cursor that is taken for one of this topic would skip the first 60.
    stage.log.produce(after, partition=1)
    assert len(after) > len(before)
    with applying(stage) as member:
        stage.wait_drained()
        member.wait_ready()
        assert member.metric("batch_events_sum") == len(after)
    stage.assert_applied([*kept, *stage.log.records()])
    topic_id = stage.log.admin.topic_ids([place.topic])[place.topic]
    found = stage.findings("retention_loss")
    assert [(subject, state) for _, subject, state, _ in found] == [(f"{place.topic}:{n}", "open") for n in (0, 1)]
    assert {evidence["broker"]["topic_id"] for *_, evidence in found} == {topic_id}
    assert {evidence["broker"]["loss"] for *_, evidence in found} == {"recreated"}
    assert [(start, reason) for start, _, reason in stage.gaps()] == [
        (EPOCH, f"log_recreated {place.topic}:{n}") for n in (0, 1)
    ]
    ids = stage.rows("SELECT DISTINCT topic_id FROM stream_cursors WHERE topic = %s", place.topic)
    assert ids == [(topic_id,)]


def test_without_one_of_its_topics_it_applies_the_others(stage: Stage, place: Partition) -> None:
    log, history = history_log(55, 40, ACCOUNT, sweep=True)
    frames = [record for record in log.records if record.place.topic == UPDATES]
    others = [record for record in log.records if record.place.topic != UPDATES]
    stage.log.produce(frames)
    with applying(stage) as member:
        stage.wait_drained()
        member.wait_ready()
        kept = stage.log.records()
        stage.log.delete(place.topic)
        assert "was made anew or deleted" in member.wait_not_ready(place.topic)
        stage.log.produce(others)
        wait_until(
            lambda: stage.rows("SELECT count(*) FROM order_events WHERE source = 'sweep'")[0][0] == len(history.truth),
            timeout=60,
            what="the snapshots",
        )
        stage.log.make_topics()
        wait_until(lambda: len(stage.findings("retention_loss")) == 2, timeout=60, what="F5 of both partitions")
        stage.wait_drained()
        member.wait_ready()
    stage.assert_applied([*kept, *stage.log.records()])
