"""Replay: the log again into a second schema is the live one, and what was changed by hand is named."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from stream_reconcile.core.errors import ConfigError, FencedError
from stream_reconcile.core.replay.until import Offsets
from stream_reconcile.jobs.replay.run import Replay
from stream_reconcile.log.topics import Partition
from stream_reconcile.store.replay_schema import drop
from support.command import environment
from support.members import Stage, applying
from support.real_log import RealLog
from support.replays import AGAIN, config_of, differences, replay_to_the_end, tell_a_fault_story
from support.servers import SCHEMA
from support.waiting import wait_until
from support.wire_data import ACCOUNT

REPLAYS = Path(__file__).resolve().parents[1] / "support" / "replays.py"


@pytest.fixture
def stage(kafka: str, topic_prefix: str, database: str) -> Iterator[Stage]:
    with RealLog(kafka, topic_prefix) as log:
        yield Stage(log, database, f"{topic_prefix}-group")


def again(stage: Stage, query: str, schema: str = AGAIN) -> list[tuple[object, ...]]:
    """Rows of a query in the schema of the replay."""
    with psycopg.connect(stage.dsn, options=f"-c search_path={schema}") as connection:
        return connection.execute(query.encode()).fetchall()


def test_i10_a_replay_is_the_live_schema_and_what_was_changed_by_hand_is_named(stage: Stage) -> None:
    tell_a_fault_story(stage)
    with applying(stage):
        stage.wait_drained()
    findings = stage.rows("SELECT count(*), max(last_seen_at) FROM discrepancies")
    decisions = stage.rows("SELECT decision_id, state, bound_at, xmin::text FROM trade_decisions ORDER BY 1")

    told = replay_to_the_end(stage)
    assert (told["records"], told["lost"]) == (sum(stage.log.ends().values()), [])
    assert differences(stage) == []
    # It had something to say of each kind, and wrote nothing that is live.
    ((bound, letters, evidence, reversals, held),) = again(
        stage,
        "SELECT (SELECT count(*) FROM executions WHERE decision_id IS NOT NULL), (SELECT count(*) FROM dead_letters),"
        " (SELECT count(*) FROM fill_evidence), (SELECT count(*) FROM fills WHERE entry = 'reversal'),"
        " (SELECT count(*) FROM position_snapshots) + (SELECT count(*) FROM account_snapshots)",
    )
    assert min(bound, evidence, reversals) > 0  # type: ignore[type-var]  # numbers
    assert (letters, held) == (4, 2)
    assert stage.rows("SELECT count(*), max(last_seen_at) FROM discrepancies") == findings
    assert stage.rows("SELECT decision_id, state, bound_at, xmin::text FROM trade_decisions ORDER BY 1") == decisions

    # A rewind under way changes no row, and a decision that came late is told from a difference of the log.
    stage.execute("UPDATE stream_cursors SET next_offset = 0, epoch = epoch + 1")
    assert differences(stage) == []
    ((late,),) = stage.rows(
        "SELECT min(client_order_id) FROM executions WHERE decision_id IS NULL AND client_order_id <> ''"
    )
    stage.execute("INSERT INTO trade_decisions (account_id, client_order_id) VALUES (%s, %s)", ACCOUNT, late)
    replay_to_the_end(stage, schema="later")
    noted = differences(stage, schema="later")
    assert noted
    assert all("after the live row" in d.note and d.columns.keys() <= {"decision_id", "origin"} for d in noted)
    stage.execute("DELETE FROM trade_decisions WHERE client_order_id = %s", late)

    ((altered, *place),) = stage.rows(
        "UPDATE executions SET status = 'altered' WHERE alpaca_order_id = (SELECT min(alpaca_order_id) FROM executions)"
        " RETURNING alpaca_order_id, last_topic, last_partition, last_offset"
    )
    ((deleted, *deleted_place),) = stage.rows(
        "DELETE FROM fills WHERE fill_key = (SELECT max(fill_key) FROM fills)"
        ' RETURNING fill_key, topic, partition, "offset"'
    )
    stage.execute(
        "INSERT INTO executions (account_id, alpaca_order_id, updated_at_ns, status_rank, snapshot_ns, stated,"
        " last_source, last_topic, last_partition, last_offset) VALUES ('a', 'added', 1, 1, 0, 0, 'stream', %s, 1, 5)",
        stage.log.topics.trade_updates,
    )
    found = {(d.table, d.kind): d for d in differences(stage)}
    assert found.keys() == {("executions", "changed"), ("executions", "only_live"), ("fills", "only_replay")}
    changed = found["executions", "changed"]
    assert changed.key["alpaca_order_id"] == altered
    assert changed.columns.keys() == {"status"}
    assert changed.columns["status"][0] == "altered"
    assert [list(p) for p in changed.records] == [[*place, True]]
    assert found["fills", "only_replay"].key["fill_key"] == deleted
    assert [list(p) for p in found["fills", "only_replay"].records] == [[*deleted_place, True]]
    added = found["executions", "only_live"]
    assert added.key["alpaca_order_id"] == "added"
    assert [p.offset for p in added.records] == [5]


def test_killed_it_goes_on_from_its_own_cursors_and_a_second_one_fences_the_first(stage: Stage) -> None:
    tell_a_fault_story(stage, orders=200)
    with applying(stage):
        stage.wait_drained()
        ends = stage.log.ends()
        # A process of its own that is killed in the middle: small batches, and a rest after each (live is not behind).
        program = "import sys, time; from support.replays import slowly; slowly(*sys.argv[1:])"
        child = subprocess.Popen(
            [sys.executable, "-c", program, stage.log.kafka.bootstrap_servers, stage.log.topics.prefix, stage.dsn],
            env=environment({"PYTHONPATH": str(REPLAYS.parents[1])}),
        )
        try:
            some = "SELECT sum(next_offset) FROM stream_cursors"

            def begun() -> bool:
                assert child.poll() is None
                with contextlib.suppress(psycopg.errors.UndefinedTable):
                    return (again(stage, some)[0][0] or 0) > 100  # type: ignore[operator]  # a number
                return False

            wait_until(begun, timeout=40, what="the replay to be under way")
        finally:
            child.kill()
            child.wait(20)
        ((stood,),) = again(stage, some)
        assert 100 < stood < sum(ends.values())  # type: ignore[operator]  # a number

        with Replay(config_of(stage), stage.log.codec, owner="first") as first:
            assert sum(first.position.values()) == stood
            half = {p: first.position[p] + (end - first.position[p]) // 2 for p, end in ends.items()}
            first.to(half)
            assert first.position == half
            with Replay(config_of(stage), stage.log.codec, owner="second") as second:
                with pytest.raises(FencedError):
                    first.to(ends)
                second.to(ends)
                assert second.position == ends
        assert differences(stage) == []


def test_what_the_log_no_longer_holds_is_said(stage: Stage) -> None:
    tell_a_fault_story(stage, orders=60)
    with applying(stage):
        stage.wait_drained()
    cut = Partition(stage.log.topics.trade_updates, 0)
    middle = stage.log.ends()[cut] // 2
    stage.log.delete_before(cut, middle)
    told = replay_to_the_end(stage)
    assert [(lost.topic, lost.partition, lost.first, lost.next) for lost in told["lost"]] == [(*cut, 0, middle)]
    found = differences(stage)
    gone = [d for d in found if d.kind == "only_live" and d.table == "order_events"]
    assert gone
    assert all(not place.retained for d in gone for place in d.records)
    assert all(place.offset < middle for d in gone for place in d.records)

    # It expires further between two runs.
    assert replay_to_the_end(stage, schema="later", since=Offsets({(*cut,): middle + 1}))["lost"] == []
    with Replay(config_of(stage, schema="short"), stage.log.codec, owner="test") as job:
        job.to({cut: middle + 2})
        stage.log.delete_before(cut, middle + 4)
        job.to(job.log_now().ends)
        assert [lost[2:4] for lost in job.lost] == [(0, middle), (middle + 2, middle + 4)]
        assert job.position == job.log_now().ends

    # A process that lost the schema in between notes nothing: what its heir has read is not lost.
    with Replay(config_of(stage, schema="heirs"), stage.log.codec, owner="zombie") as zombie:
        zombie.to({cut: middle + 5})
        with Replay(config_of(stage, schema="heirs"), stage.log.codec, owner="heir") as heir:
            heir.to({cut: middle + 6})
            stage.log.delete_before(cut, middle + 7)
            heir.to(heir.log_now().ends)
            with pytest.raises(FencedError):
                zombie.to(zombie.log_now().ends)
            noted = (
                "SELECT w.first, w.next FROM replay_state, jsonb_to_recordset(lost) w(first int, next int) ORDER BY 1"
            )
            assert again(stage, noted, "heirs") == [(0, middle + 4), (middle + 6, middle + 7)]


def test_only_what_a_replay_made_is_taken_for_one(stage: Stage) -> None:
    for schema, why in ((SCHEMA, "is the live schema"), ("nowhere", "does not exist"), ("mine", "was not made by")):
        if schema == "mine":
            stage.execute("CREATE SCHEMA mine CREATE TABLE executions (i int)")
        with pytest.raises(ConfigError, match=why):
            drop(stage.dsn, SCHEMA, schema)
    for schema, why in ((SCHEMA, "is the live schema"), ("mine", "was not made by")):
        with pytest.raises(ConfigError, match=why):
            Replay(config_of(stage, schema=schema), stage.log.codec, owner="test")
    replay_to_the_end(stage)
    drop(stage.dsn, SCHEMA, AGAIN)
    assert stage.rows("SELECT FROM pg_namespace WHERE nspname = %s", AGAIN) == []
