"""What was believed at a time, and what had been said by then: what stood in the tables comes back from the history."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stream_reconcile.commands.executions import executions_json
from stream_reconcile.commands.times import moment
from stream_reconcile.core.errors import ConfigError
from stream_reconcile.store.batch import Record, batch_of
from stream_reconcile.store.connect import connect
from stream_reconcile.store.past import executions_at, orders_at
from stream_reconcile.store.writer import Writer
from support.log_records import KNOWN_AT_MS, LogRecords
from support.wild_orders import logs
from support.wire_data import envelope, order_json, update_json

COLUMNS = """account_id, alpaca_order_id, client_order_id, symbol, asset_class, side, order_type, order_class,
    time_in_force, extended_hours, position_intent, qty, notional, filled_qty, filled_avg_price, limit_price,
    stop_price, trail_price, trail_percent, status, created_at, submitted_at, updated_at, filled_at, canceled_at,
    expired_at, failed_at, replaced_at, replaces, replaced_by, parent_order_id, updated_at_ns, last_source"""
_accounts = (f"acct-{n}" for n in itertools.count())


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database, "reconcile", name="test") as connection:
        yield connection


def said_once(records: list[Record], account_id: str) -> list[Record]:
    """The same log of another account, without what says again what was said before."""
    log, known = LogRecords(account_id), set[str]()
    for record in records:
        received = max((o.snapshot_ns for o in record.parsed.observations), default=0)
        made = log.add(record.place.topic, record.payload, received_at_ns=received)
        keys = {o.event_key for o in made.parsed.observations}
        if keys & known:
            log.records.pop()
        known |= keys
    return log.records


@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(log=logs, size=st.integers(1, 4))
def test_rows_as_they_stood_come_back(connection: psycopg.Connection[Any], log: LogRecords, size: int) -> None:
    account_id = next(_accounts)
    writer, records = Writer(connection, group="g", owner="me"), said_once(log.records, account_id)
    stood: list[tuple[datetime, set[tuple[Any, ...]]]] = []
    for start in range(0, len(records), size):
        writer.write(batch_of(records[start : start + size]))
        query = f"SELECT {COLUMNS} FROM executions WHERE account_id = %s"
        rows = set(connection.execute(query, [account_id]))  # type: ignore[call-overload]
        ((now,),) = connection.execute("SELECT clock_timestamp()").fetchall()
        stood.append((now, rows))
    for then, rows in stood:
        query = f"SELECT {COLUMNS} FROM executions_at(%s) WHERE account_id = %s"
        assert set(connection.execute(query, [then, account_id])) == rows  # type: ignore[call-overload]


def test_what_had_been_said_and_was_not_believed_yet(connection: psycopg.Connection[Any]) -> None:
    log = LogRecords("account-1")
    for status, second in (("new", 0), ("filled", 1)):
        order = order_json(id="o-1", status=status, updated_at=f"2026-09-18T13:24:5{second}Z")
        log.frame(envelope(update_json(status, order)))
    Writer(connection, group="g", owner="me").write(batch_of(log.records))
    known = [datetime.fromtimestamp((KNOWN_AT_MS + offset) / 1000, UTC) for offset in range(2)]
    assert executions_at(connection, known[0] - timedelta(seconds=1)) == []
    for then, status in zip(known, ("new", "filled"), strict=True):
        (found,) = executions_at(connection, then)
        assert found.believed is None
        assert found.said is not None
        assert (found.said["status"], found.differs) == (status, True)
        assert executions_json(then, [found])["orders"][0]["said"]["alpaca_order_id"] == "o-1"
    (now,) = executions_at(connection, datetime.now(UTC) + timedelta(minutes=1), order_id="o-1")
    assert now.believed == now.said is not None
    assert executions_at(connection, known[1], open_only=True) == []
    assert [row.said for row in orders_at(connection, known[0])] == ["new"]


def test_times_are_utc_unless_they_say_otherwise() -> None:
    assert moment("2026-01-05T14:30:00") == moment("2026-01-05T09:30:00-05:00") == moment("2026-01-05T14:30Z")
    for nonsense in ("yesterday", "", "2026-13-01", "0001-01-01T00:00:00+14:00"):
        with pytest.raises(ConfigError):
            moment(nonsense)
