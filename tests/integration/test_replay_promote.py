"""Promote: the replay's tables become the live ones under a member that goes on; what hangs on them goes with them."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from stream_reconcile.core.errors import RefusedError
from stream_reconcile.core.replay.until import Offsets
from stream_reconcile.jobs.replay.promote import promote
from stream_reconcile.log.topics import Partition
from support.histories import history_log, shuffled
from support.members import Stage, applying, load
from support.real_log import RealLog
from support.replays import AGAIN, config_of, differences, replay_to_the_end, tell_a_fault_story
from support.wire_data import ACCOUNT


@pytest.fixture
def stage(kafka: str, topic_prefix: str, database: str) -> Iterator[Stage]:
    with RealLog(kafka, topic_prefix) as log:
        yield Stage(log, database, f"{topic_prefix}-group")


def promoted(stage: Stage, **more: Any) -> Any:
    return promote(config_of(stage), stage.log.codec, who="tester", why="a parser was put right", **more)


@contextlib.contextmanager
def reading(stage: Stage) -> Iterator[list[int]]:
    """Counts of the history as a reader sees them, again and again."""
    seen: list[int] = []
    stop = threading.Event()

    def read() -> None:
        with stage.connection() as connection:
            while not stop.is_set():
                row = connection.execute("SELECT count(*) FROM history").fetchone()
                seen.append(row[0] if row else -1)
                stop.wait(0.01)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(20)


def rights(stage: Stage, table: str) -> list[tuple[Any, ...]]:
    return stage.rows(
        "SELECT grantee::regrole::text, privilege_type FROM pg_class, aclexplode(relacl)"
        " WHERE oid = %s::regclass ORDER BY 1, 2",
        table,
    )


def test_a_member_goes_on_through_a_promote_and_readers_never_see_less(stage: Stage) -> None:
    log, _history = history_log(77, 250, ACCOUNT, sweep=True)
    records = shuffled(log, 3).records
    half = len(records) // 2
    stage.log.produce(records[:half])
    stage.execute(
        "CREATE VIEW history WITH (security_barrier = true) AS SELECT alpaca_order_id, event FROM order_events"
    )
    stage.execute("CREATE VIEW of_history AS SELECT event, count(*) AS n FROM history GROUP BY event")
    stage.execute("CREATE SCHEMA others")
    stage.execute(
        "CREATE VIEW others.filled AS SELECT e.symbol, f.qty FROM executions e JOIN fills f USING (alpaca_order_id)"
    )
    stage.execute("CREATE INDEX by_status ON executions (status)")
    role = f"dashboard_{uuid.uuid4().hex[:8]}"
    stage.execute(f"CREATE ROLE {role}")
    stage.execute(f"GRANT SELECT ON executions, history TO {role}")
    try:
        with applying(stage) as member:
            stage.wait_drained()
            before = dict(stage.rows("SELECT event_key, recorded_at FROM order_events"))
            standing = {table: rights(stage, table) for table in ("executions", "order_events", "history")}
            (epochs,) = stage.rows("SELECT min(epoch), max(epoch) FROM stream_cursors")
            with load(stage, records[half:], at_once=8, every_s=0.1) as sender, reading(stage) as seen:
                replay_to_the_end(stage, share=0)
                done = promoted(stage)
                assert sender.is_alive(), "it was to happen under flow"
            stage.wait_drained()
            assert seen == sorted(seen)
            assert seen[-1] > len(before)
            assert member.metric("second_writer_total") == 0
        stage.assert_applied()
        stage.assert_no_alarm()

        # What was written first before is known since then; what hangs on the tables hangs on the new ones.
        after = dict(stage.rows("SELECT event_key, recorded_at FROM order_events"))
        assert {key: after[key] for key in before} == before
        assert {table: rights(stage, table) for table in standing} == standing
        ((count, distinct, filled),) = stage.rows(
            "SELECT (SELECT count(*) FROM history), (SELECT sum(n) FROM of_history),"
            " (SELECT count(*) FROM others.filled)"
        )
        assert (count, distinct) == (len(after), len(after))
        assert (filled,) == stage.rows("SELECT count(*) FROM fills")[0]
        assert stage.rows("SELECT reloptions FROM pg_class WHERE relname = 'history'") == [(["security_barrier=true"],)]
        assert stage.rows("SELECT schemaname::text FROM pg_indexes WHERE indexname = 'by_status' ORDER BY 1") == [
            (AGAIN,), ("reconcile",)
        ]  # fmt: skip
        ((order_id,),) = stage.rows("SELECT max(alpaca_order_id) FROM executions")
        assert stage.rows("SELECT why(%s) ->> 'order_id'", order_id) == [(order_id,)]

        # Members took it for a rewind: a new epoch, the owner as before; and it is written down.
        ((lowest,),) = stage.rows("SELECT min(epoch) FROM stream_cursors")
        assert lowest > epochs[1]
        ((action_id, who, why, old, new),) = stage.rows(
            "SELECT action_id, who, why, before, after FROM operator_actions WHERE action = 'replay_promote'"
        )
        assert (action_id, who, why) == (done.action_id, "tester", "a parser was put right")
        assert old["next_offsets"] == new["next_offsets"]
        assert new["old_tables_in"] == AGAIN

        # The old tables are a replay like any other: they are brought up, compared, and promoted back.
        assert differences(stage) == []
        promoted(stage)
        stage.assert_applied()
        assert stage.rows("SELECT count(*) FROM history") == [(len(after),)]
    finally:
        stage.execute(f"DROP OWNED BY {role}")
        stage.execute(f"DROP ROLE {role}")


def test_what_a_promote_would_lose_or_leave_behind_is_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    tell_a_fault_story(stage, orders=40)
    with applying(stage):
        stage.wait_drained()
    updates = Partition(stage.log.topics.trade_updates, 0)
    tables = (
        "SELECT oid FROM pg_class WHERE relname IN ('executions', 'fills') AND relnamespace = 'reconcile'::regnamespace"
    )
    standing = stage.rows(tables)

    replay_to_the_end(stage, since=Offsets({(*updates,): 5}))
    with pytest.raises(RefusedError, match=r"was begun at .*:0:5 and lacks"):
        promoted(stage)
    stage.execute(f"DROP SCHEMA {AGAIN} CASCADE")

    stage.execute("CREATE MATERIALIZED VIEW kept AS SELECT count(*) FROM executions")
    replay_to_the_end(stage)
    with pytest.raises(RefusedError, match="materialized view kept"):
        promoted(stage)
    stage.execute("DROP MATERIALIZED VIEW kept")

    # A reader that holds on to a table for long: nothing changes, and the message says so.
    with stage.connection() as reader, monkeypatch.context() as patch:
        patch.setattr("stream_reconcile.jobs.replay.promote.TRIES", 2)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM executions")
        with pytest.raises(Exception, match="nothing was changed"):
            promoted(stage)
    # So does a failure in the middle; what was put there for the time of the promote is gone.
    with monkeypatch.context() as patch:
        patch.setattr("stream_reconcile.store.promote.REPLAY_GROUP", object())
        with pytest.raises(psycopg.Error):
            promoted(stage)
    assert stage.rows(tables) == standing
    assert stage.rows("SELECT FROM pg_trigger WHERE tgname = 'carry_recorded_at'") == []
    assert stage.rows("SELECT FROM pg_namespace WHERE nspname LIKE '%%swap'") == []
    assert stage.rows("SELECT FROM operator_actions") == []

    # What the log no longer holds is missing from the replay; a dead letter of it is taken over all the same.
    stage.execute(f"DROP SCHEMA {AGAIN} CASCADE")
    ((letter,),) = stage.rows(
        'SELECT min("offset") FROM dead_letters WHERE topic = %s AND partition = 0', updates.topic
    )
    stage.log.delete_before(updates, letter + 1)
    replay_to_the_end(stage)
    with pytest.raises(RefusedError, match="--accept-lost"):
        promoted(stage)
    letters = stage.rows('SELECT topic, partition, "offset", payload FROM dead_letters ORDER BY 1, 2, 3')
    open_f2 = "SELECT subject FROM discrepancies WHERE type = 'undecodable' AND state = 'open' ORDER BY 1"
    subjects = stage.rows(open_f2)
    # A letter of a record that an earlier parser could not read, and this one can.
    snapshots = stage.log.topics.order_snapshots
    stage.execute(
        'INSERT INTO dead_letters (topic_id, topic, partition, "offset", account_id, reason, error)'
        " VALUES ('t', %s, 0, 0, %s, 'magic', 'it could not be read')",
        snapshots,
        ACCOUNT,
    )
    stage.execute(
        "INSERT INTO discrepancies (account_id, type, subject) VALUES (%s, 'undecodable', %s)",
        ACCOUNT,
        f"{snapshots}:0:0",
    )
    promoted(stage, accept_lost=True)
    assert stage.rows('SELECT topic, partition, "offset", payload FROM dead_letters ORDER BY 1, 2, 3') == letters
    assert stage.rows(open_f2) == subjects
    assert stage.rows("SELECT state, resolved_by FROM discrepancies WHERE subject = %s", f"{snapshots}:0:0") == [
        ("resolved", "tester")
    ]
    assert stage.rows(tables) != standing
