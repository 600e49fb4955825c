"""I3 and I4 in the writer: rows, dead letters and cursor commit together, under the fence, or not at all."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from stream_reconcile.core.errors import FencedError
from stream_reconcile.store.batch import CursorMove, DeadLetter, Place, Record
from support.log_records import TOPIC_ID, LogRecords
from support.waiting import wait_until
from support.wire_data import UPDATES, frame, order_json
from support.writer_bench import GROUP, WAYS, Bench, blank_counts

pytestmark = pytest.mark.rows_only


@pytest.fixture
def bench(database: str) -> Iterator[Bench]:
    with contextlib.closing(Bench(database)) as bench:
        yield bench


def some_records(count: int = 3) -> list[Record]:
    log = LogRecords()
    for number in range(count):
        log.frame(frame("new", order_json(id=f"order-{number}")))
    return log.records


LETTER = DeadLetter(Place(UPDATES, 0, 9), TOPIC_ID, b"k", b"\x00", 1_000, "unknown", None, "magic", "no record")


@pytest.mark.parametrize(
    "wrong",
    [{"expected": 1}, {"epoch": 5}, {"topic_id": "another"}, {"topic": "unknown"}, {"partition": 1}],
)
def test_i4_a_commit_that_is_not_the_owners_writes_nothing(bench: Bench, wrong: dict[str, object]) -> None:
    move = bench.claim(UPDATES)._replace(next_offset=3)
    with pytest.raises(FencedError, match="another member owns it, or it was moved"):
        bench.write(some_records(), moves=[move._replace(**wrong)], dead_letters=[LETTER])
    assert set(blank_counts(bench.connection).values()) == {0}
    assert bench.open() == set()
    bench.write(some_records(), moves=[move])  # the connection is good for the next batch
    assert blank_counts(bench.connection)["executions"] == 3


def test_i4_one_wrong_cursor_of_several_moves_none(bench: Bench) -> None:
    first, second = bench.claim(UPDATES), bench.claim(UPDATES, 1)
    moves = [first._replace(next_offset=3), second._replace(expected=7, next_offset=8)]
    with pytest.raises(FencedError):
        bench.write(some_records(), moves=moves)
    assert bench.rows("SELECT DISTINCT next_offset FROM stream_cursors") == [(0,)]
    assert set(blank_counts(bench.connection).values()) == {0}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [3, 200])
def test_i4_a_zombies_transaction_rolls_back_whole(database: str, count: int, way: str) -> None:
    with contextlib.closing(Bench(database, **WAYS[way])) as bench:
        zombie_rolls_back(database, bench, count)


def zombie_rolls_back(database: str, bench: Bench, count: int) -> None:
    old = bench.claim(UPDATES)._replace(next_offset=count)
    with contextlib.closing(Bench(database, "successor")) as successor:
        new = successor.claim(UPDATES)._replace(next_offset=count)
        assert new.epoch > old.epoch
        with pytest.raises(FencedError):
            bench.write(some_records(count), moves=[old])
        successor.write(some_records(count), moves=[new])
    with pytest.raises(FencedError):
        bench.write(some_records(count), moves=[old._replace(expected=count)])
    assert blank_counts(bench.connection)["order_events"] == count


def test_i4_the_fence_comes_before_any_look_for_poison(bench: Bench) -> None:
    bench.claim(UPDATES)
    move = bench.claim(UPDATES)._replace(expected=5, next_offset=8)
    poison = LogRecords()
    poison.frame(frame("new", order_json(created_at="2026-02-30T00:00:00Z")))
    with pytest.raises(FencedError):
        bench.write(poison.records, moves=[move])
    assert set(blank_counts(bench.connection).values()) == {0}


def test_i3_rows_dead_letters_and_cursor_commit_together(bench: Bench) -> None:
    move = bench.claim(UPDATES)._replace(next_offset=10, leader_epoch=4, last_record_ms=1_700_000_000_123)
    written = bench.write(some_records(), moves=[move], dead_letters=[LETTER])
    assert (written.events, written.duplicates, written.dead_letters) == (3, 0, (LETTER,))
    query = "SELECT next_offset, max_offset, leader_epoch, last_record_at, owner FROM stream_cursors"
    at = datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)
    assert bench.rows(query) == [(10, 10, 4, at, "me")]
    assert bench.open() == {(f"{UPDATES}:0:9", "undecodable")}


def test_i3_a_batch_of_nothing_but_a_cursor(bench: Bench) -> None:
    bench.write(moves=[bench.claim(UPDATES)._replace(next_offset=2)])
    assert bench.rows("SELECT next_offset FROM stream_cursors") == [(2,)]


def test_a_rewound_cursor_keeps_its_greatest_offset(bench: Bench) -> None:
    move = bench.claim(UPDATES)
    bench.write(some_records(), moves=[move._replace(next_offset=3)])
    bench.connection.execute("UPDATE stream_cursors SET next_offset = 0, epoch = epoch + 1")
    again = move._replace(epoch=move.epoch + 1, next_offset=2)
    bench.write(some_records()[:2], moves=[again])
    assert bench.rows("SELECT next_offset, max_offset FROM stream_cursors") == [(2, 3)]


def test_a_claim_gives_a_new_epoch_each_time_and_keeps_the_offset(database: str, bench: Bench) -> None:
    first = bench.claim(UPDATES)
    bench.write(some_records(), moves=[first._replace(next_offset=3)])
    with contextlib.closing(Bench(database, "other")) as other:
        epochs = [first.epoch, other.claim(UPDATES).epoch, bench.claim(UPDATES).epoch, bench.claim(UPDATES).epoch]
    assert epochs == sorted(set(epochs))
    assert bench.claim(UPDATES).expected == 3


def test_no_epoch_is_used_twice_even_after_a_restore(bench: Bench) -> None:
    epoch = bench.claim(UPDATES).epoch
    bench.connection.execute("UPDATE stream_cursors SET epoch = 17")  # an old copy of the row
    assert bench.claim(UPDATES).epoch > epoch


def test_a_claim_waits_for_a_commit_under_way(database: str, bench: Bench) -> None:
    move = bench.claim(UPDATES)._replace(next_offset=3)
    claimed: list[CursorMove] = []
    with contextlib.closing(Bench(database, "successor")) as successor:
        with bench.connection.transaction():
            bench.write(some_records(), moves=[move])
            thread = threading.Thread(target=lambda: claimed.append(successor.claim(UPDATES)))
            thread.start()
            waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND pid = %s"
            wait_until(lambda: bench.rows(waiting, successor.connection.info.backend_pid), what="the claim to wait")
            assert not claimed
        thread.join(timeout=20)
    assert [each.expected for each in claimed] == [3]


def test_i3_a_member_killed_before_its_commit_leaves_nothing(database: str, bench: Bench) -> None:
    move = bench.claim(UPDATES)._replace(next_offset=3)
    victim = Bench(database, "me")  # the same owner: what counts is that its session ends
    transaction = victim.connection.transaction()
    transaction.__enter__()
    victim.write(some_records(), moves=[move])
    bench.rows("SELECT pg_terminate_backend(%s)", victim.connection.info.backend_pid)
    with pytest.raises(psycopg.OperationalError):
        transaction.__exit__(None, None, None)
    victim.close()
    assert set(blank_counts(bench.connection).values()) == {0}
    assert bench.rows("SELECT next_offset FROM stream_cursors WHERE consumer_group = %s", GROUP) == [(0,)]
