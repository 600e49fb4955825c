"""Dead letters in bulk: by reason, place, time and order; in the order of the log, with rows as if none had failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from stream_reconcile.jobs.retry import Retried, Selection, retry_dead_letters
from stream_reconcile.log.codec import Envelope, SingleObjectCodec
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.connect import connect
from support.wire_data import ACCOUNT, envelope, order_json, update_json

pytestmark = pytest.mark.rows_only

TOPICS = Topics()
CODEC = SingleObjectCodec(TOPICS)
BEGIN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
MANY = 1_203


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database, "reconcile", name="t") as opened:
        opened.execute("INSERT INTO accounts (account_id, key_fingerprint) VALUES (%s, 'f')", [ACCOUNT])
        yield opened


def frame(order_id: str, number: int) -> bytes:
    order = order_json(id=order_id, status="new", qty=str(number + 1), updated_at=f"2026-01-05T14:30:00.{number:06d}Z")
    raw = envelope(update_json("new", order))
    return CODEC.encode(TOPICS.trade_updates, Envelope(ACCOUNT, "s", number, 1, "stream", "new", order_id, raw))


def put_aside(connection: psycopg.Connection[Any], order_ids: list[str], *, reason: str, partition: int = 0) -> None:
    """Frames of these orders in turn, a second apart, offsets from 0."""
    with connection.cursor() as cursor:
        cursor.executemany(
            'INSERT INTO dead_letters (topic_id, topic, partition, "offset", payload, kafka_timestamp, account_id,'
            " order_id, reason, error) VALUES ('id', %s, %s, %s, %s, %s, %s, %s, %s, 'it failed')",
            [
                (
                    *(TOPICS.trade_updates, partition, number, frame(order_id, number)),
                    *(BEGIN + timedelta(seconds=number), ACCOUNT, order_id, reason),
                )
                for number, order_id in enumerate(order_ids)
            ],
        )


def retry(connection: psycopg.Connection[Any], **selected: Any) -> list[Retried]:
    return list(retry_dead_letters(connection, CODEC, TOPICS, Selection(**selected), who="me", why="test"))


def test_more_than_a_page_is_applied_in_order(connection: psycopg.Connection[Any]) -> None:
    put_aside(connection, [f"o-{number % 7}" for number in range(MANY)], reason="fingerprint")
    retried = retry(connection, reason="fingerprint")
    assert [one.place.offset for one in retried] == list(range(MANY))
    assert all(one.resolved for one in retried)
    rows = connection.execute("SELECT alpaca_order_id, qty, last_offset FROM executions ORDER BY 1").fetchall()
    last = {number % 7: number for number in range(MANY)}
    assert rows == [(f"o-{order}", number + 1, number) for order, number in sorted(last.items())]
    assert connection.execute("SELECT count(*) FROM order_events").fetchall() == [(MANY,)]
    assert connection.execute("SELECT count(*) FROM operator_actions").fetchall() == [(MANY,)]
    assert retry(connection) == []


def test_one_that_was_stopped_finds_that_another_was_there(database: str, connection: psycopg.Connection[Any]) -> None:
    put_aside(connection, ["o-1"] * 3, reason="one")
    zombie = retry_dead_letters(connection, CODEC, TOPICS, Selection(), who="zombie", why="")
    assert next(zombie).resolved
    with connect(database, "reconcile", name="t") as other:
        assert len(retry(other)) == 2
    assert list(zombie) == []
    who = "SELECT split_part(subject, ':', 3), who FROM operator_actions ORDER BY action_id"
    assert connection.execute(who).fetchall() == [("0", "zombie"), ("1", "me"), ("2", "me")]


def test_selections(connection: psycopg.Connection[Any]) -> None:
    put_aside(connection, [f"o-{number % 2}" for number in range(10)], reason="one")
    put_aside(connection, ["o-9"] * 4, reason="two", partition=1)
    second = timedelta(seconds=1)
    assert [one.place.offset for one in retry(connection, partition=0, from_offset=2, to_offset=3)] == [2, 3]
    assert [one.place.offset for one in retry(connection, order_id="o-0", until=BEGIN + 5 * second)] == [0, 4]
    assert [one.place.offset for one in retry(connection, reason="one", since=BEGIN + 8 * second)] == [8, 9]
    assert [one.place.partition for one in retry(connection, reason="two")] == [1, 1, 1, 1]
    assert retry(connection, topic="another") == []
    assert [one.place.offset for one in retry(connection)] == [1, 5, 6, 7]


def test_one_that_still_fails_holds_up_no_other(connection: psycopg.Connection[Any]) -> None:
    put_aside(connection, ["o-1"] * 3, reason="one")
    connection.execute("UPDATE dead_letters SET payload = 'no record' WHERE \"offset\" = 1")
    assert [one.resolved for one in retry(connection)] == [True, False, True]
    assert connection.execute("SELECT last_offset FROM executions").fetchall() == [(2,)]
