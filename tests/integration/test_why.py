"""why(order): which observation made this row, from which record of the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.store.connect import connect
from stream_reconcile.store.readers import why
from support.logins import temporary_logins

pytestmark = pytest.mark.rows_only

DECISION = "6f1c0a52-3c39-4d0e-9a5e-0a6b1f0c7d11"


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database, "reconcile", name="t") as opened:
        yield opened


def put_order(connection: psycopg.Connection, *, account: str = "a", order: str = "o-1", filled: int = 10) -> None:
    connection.execute(
        """INSERT INTO executions (account_id, alpaca_order_id, symbol, status, filled_qty, updated_at_ns, decision_id,
                                   origin, status_rank, snapshot_ns, stated, last_source, last_topic, last_partition,
                                   last_offset)
           VALUES (%s, %s, 'AAPL', 'filled', %s, 200, %s, 'own', 9, 0, 1, 'stream', 't', 3, 42)""",
        [account, order, filled, DECISION],
    )


def put_event(
    connection: psycopg.Connection, number: int, offset: int, event: str, source: str = "stream", known: str = "14:30Z"
) -> None:
    connection.execute(
        """INSERT INTO order_events (account_id, alpaca_order_id, event_key, source, event, updated_at_ns, status_rank,
                                     snapshot_ns, stated, topic, partition, "offset", known_at)
           VALUES ('a', 'o-1', %s, %s, %s, 200, 9, 0, 1, 't', 3, %s, %s)""",
        [f"00000000-0000-0000-0000-{number:012d}", source, event, offset, f"2026-01-05 {known}"],
    )


def put_fill(connection: psycopg.Connection, key: str, qty: int) -> None:
    connection.execute(
        """INSERT INTO fills (account_id, alpaca_order_id, fill_key, qty, price, entry, source, topic, partition,
                              "offset")
           VALUES ('a', 'o-1', %s, %s, 187.5, 'trade', 'stream', 't', 3, 42)""",
        [key, qty],
    )


def ask(connection: psycopg.Connection) -> dict[str, Any]:
    found = why(connection, "o-1")
    assert found is not None
    return found


def test_the_record_that_made_the_row_is_named(connection: psycopg.Connection) -> None:
    put_order(connection)
    put_event(connection, 1, 40, "new")
    put_event(connection, 2, 42, "fill", known="14:31Z")
    put_event(connection, 3, 50, "snapshot", source="sweep", known="15:00Z")
    found = ask(connection)
    made = found["made_by"]
    assert (made["topic"], made["partition"], made["offset"], made["event"]) == ("t", 3, 42, "fill")
    assert made["known_at"] == "2026-01-05T14:31:00+00:00"
    assert (found["status"], found["version_ns"], found["origin"]) == ("filled", 200, "own")
    seen = found["observations"]
    assert (seen["count"], seen["from_stream"], seen["from_sweep"]) == (3, 2, 1)
    assert seen["last_known_at"] == "2026-01-05T15:00:00+00:00"


def test_its_fills_and_whether_they_add_up(connection: psycopg.Connection) -> None:
    put_order(connection, filled=10)
    put_fill(connection, "x:1", 4)
    assert ask(connection)["fills"]["adds_up"] is False
    put_fill(connection, "x:2", 6)
    fills = ask(connection)["fills"]
    assert (fills["adds_up"], fills["net_qty"]) == (True, 10)
    assert [(row["fill_key"], row["qty"], row["offset"]) for row in fills["rows"]] == [("x:1", 4, 42), ("x:2", 6, 42)]


def test_its_decision_and_what_is_open_about_it(connection: psycopg.Connection) -> None:
    put_order(connection)
    assert ask(connection)["decision"] is None
    connection.execute(
        "INSERT INTO trade_decisions (decision_id, account_id, client_order_id) VALUES (%s, 'a', 'c-1')", [DECISION]
    )
    connection.execute(
        """INSERT INTO discrepancies (account_id, type, subject, state, resolved_at) VALUES
               ('a', 'missing_fill', 'o-1', 'open', NULL), ('a', 'overfill', 'o-1', 'accepted', now())"""
    )
    found = ask(connection)
    assert (found["decision"]["client_order_id"], found["decision"]["state"]) == ("c-1", "planned")
    assert [one["type"] for one in found["open_discrepancies"]] == ["missing_fill"]


def test_an_order_of_two_accounts_has_to_be_named_with_one(connection: psycopg.Connection) -> None:
    put_order(connection, account="a")
    put_order(connection, account="b")
    with pytest.raises(ConfigError, match="o-1 stands in several accounts"):
        why(connection, "o-1")
    found = why(connection, "o-1", account_id="b")
    assert found is not None
    assert found["account_id"] == "b"


def test_it_can_be_asked_from_any_session_that_may_read(connection: psycopg.Connection, database: str) -> None:
    put_order(connection)
    with temporary_logins(database) as make_login, psycopg.connect(make_login("reconcile_reader")) as reader:
        row = reader.execute("SELECT reconcile.why('o-1') ->> 'status'").fetchone()
    assert row == ("filled",)
