"""Where a member begins: at the cursor in Postgres, whatever Kafka's group says (DESIGN §3)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from stream_reconcile.log.topics import Partition
from support.histories import history_log
from support.members import Stage, applying
from support.real_log import RealLog
from support.waiting import wait_until
from support.wire_data import ACCOUNT


@pytest.fixture
def stage(kafka: str, topic_prefix: str, database: str) -> Iterator[Stage]:
    with RealLog(kafka, topic_prefix) as log:
        yield Stage(log, database, topic_prefix)


@pytest.mark.parametrize("where", ["start", "end"])
def test_a_restart_goes_on_from_the_database_and_not_from_the_group(stage: Stage, where: str) -> None:
    log, _ = history_log(41, 60, ACCOUNT, sweep=True)
    first, second = log.records[::2], log.records[1::2]
    stage.log.produce(first)
    with applying(stage):
        stage.wait_drained()
    before = stage.cursors()
    stage.log.produce(second)
    ends = stage.log.ends()
    stage.move_group(dict.fromkeys(ends, 0) if where == "start" else ends)
    with applying(stage) as member:
        stage.wait_drained()
        # Each record of the second half once: nothing was read again, nothing was left out.
        batches = member.metric("batch_events_sum")
    assert batches == sum(ends[p] - before[p] for p in ends) == len(second)
    stage.assert_applied()
    stage.assert_no_alarm()


def test_without_a_cursor_it_begins_at_the_first_record_and_says_so(stage: Stage) -> None:
    log, _ = history_log(42, 40, ACCOUNT)
    stage.log.produce(log.records)
    with structlog.testing.capture_logs() as said, applying(stage):
        stage.wait_drained()
    (claimed,) = (line for line in said if line["event"] == "partitions_claimed")
    assert claimed["never_applied_before"] == len(stage.log.partitions)
    stage.assert_no_alarm()

    # One row is lost, and with it what was known of that partition; the group still knows how far it had come.
    place = max(stage.log.ends().items(), key=lambda item: item[1])[0]
    query = "DELETE FROM stream_cursors WHERE topic = %s AND partition = %s"
    assert stage.execute(query, *place) == 1
    with structlog.testing.capture_logs() as said, applying(stage) as member:
        stage.wait_drained()
        assert member.metric("batch_events_sum") == stage.log.ends()[place]
        assert member.metric("duplicates_total") == member.metric("events_total") > 0
        subject = f"{place.topic}:{place.partition}"
        wait_until(
            lambda: stage.findings("cursor_mismatch")[0][1:3] == (subject, "resolved"), what="F4 to close by itself"
        )
    (claimed,) = (line for line in said if line["event"] == "partitions_claimed")
    assert claimed["never_applied_before"] == 1
    ((_, _, _, evidence),) = stage.findings("cursor_mismatch")
    assert evidence == {"broker": None, "ours": {"acknowledged": stage.log.ends()[place], "found": 0}}
    stage.assert_applied()


def test_records_of_an_account_that_is_not_pinned_stop_it_and_write_nothing(stage: Stage) -> None:
    ours, _ = history_log(43, 20, ACCOUNT)
    stranger, _ = history_log(44, 20, "acct-stranger")
    stage.log.produce(stranger.records)
    with applying(stage) as member:
        why = member.wait_not_ready("acct-stranger")
        assert "is not pinned here: check the topic prefix, the database and the account behind the key" in why
        stage.log.produce(ours.records)
        wait_until(lambda: len(stage.cursors()) == len(stage.log.partitions), what="the cursors")
    assert set(stage.cursors().values()) == {0}
    for table in ("executions", "order_events", "fills", "dead_letters"):
        assert stage.rows(f"SELECT * FROM {table}") == []
    assert stage.execute("INSERT INTO accounts (account_id, key_fingerprint) VALUES ('acct-stranger', 'test')") == 1
    with applying(stage) as member:
        stage.wait_drained()
        member.wait_ready()
    stage.assert_applied([record for record in stage.log.records() if record.account_id == ACCOUNT])


def test_what_the_old_owner_commits_while_a_claim_waits_is_no_lost_log(stage: Stage) -> None:
    log, _ = history_log(45, 40, ACCOUNT)
    early, late = log.records[:60], log.records[60:]
    stage.log.produce(early, partition=1)
    with applying(stage):
        stage.wait_drained()
    place = Partition(stage.log.topics.trade_updates, 1)
    advance = "UPDATE stream_cursors SET next_offset = %s, max_offset = %s WHERE topic = %s AND partition = %s"
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with stage.connection() as owner, owner.transaction():
        owner.execute(advance, [59, 60, *place])  # its transaction is under way, and holds the row
        with applying(stage) as member:
            wait_until(lambda: stage.rows(waiting), what="the claim to wait")
            stage.log.produce(late, partition=1)
            end = stage.log.ends()[place]
            owner.execute(advance, [end, end, *place])
            owner.execute("COMMIT")
            member.wait_ready()
            assert member.metric("batch_events_sum") == 0
    stage.assert_no_alarm()
    assert stage.cursors() == stage.log.ends()
