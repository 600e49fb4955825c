"""stream_sessions and stream_gaps in a real Postgres: compare-and-set, windows, F1, and an older copy."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from stream_reconcile.core.errors import FencedError
from stream_reconcile.core.gaps import (
    CloseSession,
    EndWindows,
    MoveGoodUntil,
    OpenWindow,
    Reason,
    Row,
    Verify,
    Write,
)
from stream_reconcile.store import leases, sessions
from stream_reconcile.store.connect import connect
from stream_reconcile.store.leases import Lease
from support.servers import SCHEMA

pytestmark = pytest.mark.rows_only

T0 = 1_789_737_890_019_957_863  # 2026-09-18T13:24:50.019957863Z
AT_T0 = datetime(2026, 9, 18, 13, 24, 50, 19957, tzinfo=UTC)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database, SCHEMA, name="test") as made:
        yield made


@pytest.fixture
def lease(connection: psycopg.Connection[Any]) -> Lease:
    made = leases.acquire(connection, "ingest", "A", "owner")
    assert made is not None
    return made


def window(before: Row | None, reason: Reason = Reason.START, *, ended: bool = False) -> OpenWindow:
    return OpenWindow(before, 7, "silent", str(uuid.uuid4()), reason, listening=ended, ended=ended)


def rows(connection: psycopg.Connection[Any], query: str) -> list[dict[str, Any]]:
    return connection.cursor(row_factory=dict_row).execute(query).fetchall()


def gaps(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    return rows(connection, "SELECT * FROM stream_gaps ORDER BY opened_at")


def perform(connection: psycopg.Connection[Any], lease: Lease, write: Write) -> Row:
    row = sessions.perform(connection, lease, write)
    assert row == write.after
    return row


def test_first_window_reaches_back_a_week(connection: psycopg.Connection[Any], lease: Lease) -> None:
    assert sessions.newest(connection, "A") is None
    write = window(None)
    assert perform(connection, lease, write) == Row(write.session_id, None)
    assert sessions.newest(connection, "A") == Row(write.session_id, None)
    (gap,) = gaps(connection)
    assert abs(gap["opened_at"] - gap["window_start"] - timedelta(days=7)) < timedelta(seconds=5)
    assert (gap["window_end"], gap["closed_at"], gap["reason"]) == (None, None, "start")


def test_window_begins_at_good_until_less_the_overlap_with_its_f1(
    connection: psycopg.Connection[Any], lease: Lease
) -> None:
    first = perform(connection, lease, window(None))
    moved = perform(connection, lease, MoveGoodUntil(first, T0, frames=5))
    write = window(moved, Reason.LISTENING, ended=True)
    assert perform(connection, lease, write) == Row(write.session_id, T0)

    old, new = rows(connection, "SELECT * FROM stream_sessions ORDER BY opened_at")
    assert (old["good_until_ns"], old["good_until"], old["frames"]) == (T0, AT_T0, 7)
    assert (old["close_reason"], old["closed_at"] is not None, old["listening_at"]) == ("silent", True, None)
    assert (new["owner"], new["lease_epoch"], new["good_until_ns"]) == ("owner", lease.epoch, T0)
    assert (new["closed_at"], new["listening_at"]) == (None, new["opened_at"])

    start, listening = gaps(connection)
    assert listening["window_start"] == AT_T0 - timedelta(seconds=60)
    assert listening["window_end"] is not None
    assert start["window_end"] is not None, "frames are taken again: the window of the start has an end too"
    assert str(listening["session_id"]) == write.session_id

    found = rows(connection, "SELECT * FROM discrepancies ORDER BY discrepancy_id")
    assert [(f["type"], f["subject"], f["state"]) for f in found] == [
        ("stream_gap", str(gap["gap_id"]), "open") for gap in (start, listening)
    ]
    assert found[1]["evidence"]["ours"]["reason"] == "listening"
    assert sessions.open_windows(connection, "A") == 2


def test_what_is_ahead_of_our_clock_makes_no_window_that_ends_before_it_begins(
    connection: psycopg.Connection[Any], lease: Lease
) -> None:
    ahead = int((datetime.now(UTC) + timedelta(hours=1)).timestamp()) * 1_000_000_000
    row = perform(connection, lease, window(None))
    row = perform(connection, lease, MoveGoodUntil(row, ahead, frames=1))
    perform(connection, lease, window(row, Reason.LISTENING, ended=True))
    assert all(gap["window_end"] >= gap["window_start"] for gap in gaps(connection))


def test_lost_frames_and_their_end(connection: psycopg.Connection[Any], lease: Lease) -> None:
    row = perform(connection, lease, window(None, ended=True))
    row = perform(connection, lease, window(row, Reason.LOST_FRAME))
    assert [gap["window_end"] is None for gap in gaps(connection)] == [False, True]
    connection.execute("INSERT INTO stream_gaps (account_id, window_start, reason) VALUES ('A', now(), 'expired log')")
    perform(connection, lease, EndWindows(row))
    # the log's own window is apply's to end
    assert [gap["window_end"] is None for gap in gaps(connection)] == [False, False, True]


def test_close_is_written_once(connection: psycopg.Connection[Any], lease: Lease) -> None:
    row = perform(connection, lease, window(None, ended=True))
    perform(connection, lease, CloseSession(row, 3, "disconnected"))
    (closed,) = rows(connection, "SELECT * FROM stream_sessions")
    perform(connection, lease, CloseSession(row, 2, "stopped"))
    assert rows(connection, "SELECT * FROM stream_sessions") == [closed]
    assert (closed["close_reason"], closed["frames"]) == ("disconnected", 3)
    # what was under way when the socket closed still counts
    perform(connection, lease, MoveGoodUntil(row, T0, frames=4))


@pytest.mark.parametrize("write", [MoveGoodUntil, EndWindows, Verify, OpenWindow, CloseSession])
def test_nothing_is_written_on_another_row(connection: psycopg.Connection[Any], lease: Lease, write: type[Any]) -> None:
    first = perform(connection, lease, window(None))
    newest = perform(connection, lease, MoveGoodUntil(first, T0, frames=1))
    stale = {
        MoveGoodUntil: MoveGoodUntil(first, T0 + 5, 9),
        EndWindows: EndWindows(first),
        Verify: Verify(first),
        OpenWindow: window(first),
        CloseSession: CloseSession(Row(str(uuid.uuid4()), T0), 1, "x"),
    }[write]
    before = rows(connection, "SELECT * FROM stream_sessions"), gaps(connection)
    assert sessions.perform(connection, lease, stale) == newest
    assert (rows(connection, "SELECT * FROM stream_sessions"), gaps(connection)) == before


def test_a_write_whose_answer_was_lost_counts_once(connection: psycopg.Connection[Any], lease: Lease) -> None:
    first = perform(connection, lease, window(None))
    again = window(first, Reason.LISTENING, ended=True)
    for _ in range(3):
        assert sessions.perform(connection, lease, again) == again.after
    assert len(gaps(connection)) == 2
    move = MoveGoodUntil(again.after, T0, frames=1)
    for _ in range(3):
        assert sessions.perform(connection, lease, move) == move.after


def test_without_the_lease_nothing_is_written(connection: psycopg.Connection[Any], lease: Lease) -> None:
    row = perform(connection, lease, window(None))
    connection.execute("UPDATE leases SET expires_at = clock_timestamp()")
    other = leases.acquire(connection, "ingest", "A", "other")
    assert other is not None
    with pytest.raises(FencedError):
        sessions.perform(connection, lease, MoveGoodUntil(row, T0, frames=1))
    assert sessions.newest(connection, "A") == row
    # the other one begins where this one ended
    perform(connection, other, window(row))


def test_newest_is_the_last_written_whatever_the_clock_does(connection: psycopg.Connection[Any], lease: Lease) -> None:
    row = perform(connection, lease, window(None))
    connection.execute("UPDATE stream_sessions SET opened_at = clock_timestamp() + interval '1 day'")
    for _ in range(3):
        row = perform(connection, lease, window(row))
        assert sessions.newest(connection, "A") == row


def test_accounts_do_not_see_each_other(connection: psycopg.Connection[Any], lease: Lease) -> None:
    other = leases.acquire(connection, "ingest", "B", "owner")
    assert other is not None
    perform(connection, lease, window(None))
    perform(connection, other, window(None, ended=True))
    assert [gap["window_end"] is None for gap in gaps(connection)] == [True, False]


def test_open_orders(connection: psycopg.Connection[Any]) -> None:
    terminal = ("filled", "canceled")

    def add(account: str, status: str | None) -> None:
        connection.execute(
            """INSERT INTO executions (account_id, alpaca_order_id, status, updated_at_ns, status_rank, snapshot_ns,
                                       stated, last_source, last_topic, last_partition, last_offset)
               VALUES (%s, %s, %s, 0, 0, 0, 0, 'stream', 't', 0, 0)""",
            (account, str(uuid.uuid4()), status),
        )

    assert not sessions.has_open_orders(connection, "A", terminal)
    add("A", "filled")
    add("B", "new")
    assert not sessions.has_open_orders(connection, "A", terminal)
    add("A", "never heard of")
    assert sessions.has_open_orders(connection, "A", terminal)
    add("C", None)
    assert sessions.has_open_orders(connection, "C", terminal)
