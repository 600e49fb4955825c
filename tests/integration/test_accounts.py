"""Pinning in a real Postgres: the first account seen, no other after it, and F6 for one that is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from stream_reconcile.broker.account import key_fingerprint
from stream_reconcile.core.errors import WrongAccount
from stream_reconcile.store import accounts
from stream_reconcile.store.connect import connect
from support.servers import SCHEMA

pytestmark = pytest.mark.rows_only

Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database, SCHEMA, name="test") as made:
        yield made


def pin(connection: Connection, seen: str, key: str, *, expected: str | None = None, sole: bool = True) -> None:
    accounts.pin(connection, seen, key, expected=expected, sole=sole)


def findings(connection: Connection) -> list[tuple[Any, ...]]:
    query = "SELECT account_id, type, subject, state, attempts FROM discrepancies ORDER BY discrepancy_id"
    return connection.execute(query).fetchall()


def accept(connection: Connection) -> None:
    connection.execute("UPDATE discrepancies SET state = 'accepted', resolved_at = now(), resolved_by = 'me'")


def test_the_first_account_is_pinned_and_stays(connection: Connection) -> None:
    pin(connection, "A", "key-1")
    pin(connection, "A", "key-1")
    assert accounts.pinned(connection) == {"A": "key-1"}
    pin(connection, "A", "key-2")
    assert accounts.pinned(connection) == {"A": "key-2"}, "a new key of the same account"
    assert findings(connection) == []


def test_another_account_stops_everything_until_a_person_accepts(connection: Connection) -> None:
    pin(connection, "A", "key-1")
    for _ in range(2):
        with pytest.raises(WrongAccount, match=r"account B.*for account A"):
            pin(connection, "B", "key-2")
    assert accounts.pinned(connection) == {"A": "key-1"}
    assert findings(connection) == [("A", "wrong_account", "B", "open", 1)]
    # the right key again: still nothing, a person has to look
    with pytest.raises(WrongAccount):
        pin(connection, "A", "key-1")
    with pytest.raises(WrongAccount):
        accounts.pinned_by_key(connection, "key-1", expected=None)
    accept(connection)
    pin(connection, "A", "key-1")
    assert accounts.pinned_by_key(connection, "key-1", expected=None) == "A"


def test_configured_account(connection: Connection) -> None:
    with pytest.raises(WrongAccount):
        pin(connection, "B", "key", expected="A")
    assert accounts.pinned(connection) == {}
    assert findings(connection) == [("A", "wrong_account", "B", "open", 0)]
    accept(connection)
    pin(connection, "A", "key", expected="A")
    # the configuration says so: a second account beside the first
    pin(connection, "B", "key-b", expected="B")
    assert set(accounts.pinned(connection)) == {"A", "B"}


def test_several_accounts_of_one_configuration(connection: Connection) -> None:
    pin(connection, "A", "key-a", sole=False)
    pin(connection, "B", "key-b", sole=False)
    assert set(accounts.pinned(connection)) == {"A", "B"}
    with pytest.raises(WrongAccount, match="for account A"):
        pin(connection, "C", "key-a", sole=False)


def test_by_key_while_the_broker_does_not_answer(connection: Connection) -> None:
    pin(connection, "A", "key-a")
    assert accounts.pinned_by_key(connection, "key-a", expected=None) == "A"
    assert accounts.pinned_by_key(connection, "key-a", expected="A") == "A"
    assert accounts.pinned_by_key(connection, "key-a", expected="B") is None
    assert accounts.pinned_by_key(connection, "key-x", expected=None) is None


def test_two_processes_that_start_at_once_pin_one_account(database: str) -> None:
    barrier = threading.Barrier(4)

    def start(account: str) -> str:
        with connect(database, SCHEMA, name="test") as mine:
            barrier.wait(10)
            try:
                pin(mine, account, f"key-{account}")
            except WrongAccount:
                return "refused"
        return "pinned"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(start, ["A", "B", "C", "D"]))
    assert sorted(outcomes) == ["pinned", "refused", "refused", "refused"]


def test_fingerprint_tells_keys_apart_and_not_what_they_are() -> None:
    one, two = key_fingerprint("PKAAAA"), key_fingerprint("PKAAAB")
    assert one != two
    assert (len(one), "PKAAAA" in one) == (16, False)
