"""The checker finds what is wrong and names it. Each test spoils equal tables in one way, and takes that back."""

from __future__ import annotations

import contextlib
from collections import Counter

import pytest

from support.wire_data import ACCOUNT

from .small_log import Tables, apply, tell

# One row each: the statement returns what names it.
ANY_TRADE = "(SELECT min(fill_key) FROM fills WHERE entry = 'trade')"
ANY_REVERSAL = "(SELECT min(fill_key) FROM fills WHERE entry = 'reversal')"
ANY_ORDER = "(SELECT min(alpaca_order_id) FROM executions WHERE limit_price IS NOT NULL)"
ANY_BUST = "(SELECT min(evidence_id) FROM fill_evidence WHERE kind = 'bust')"
ANY_EVENT = '"offset" = (SELECT min("offset") FROM order_events WHERE event = \'fill\' AND execution_id IS NOT NULL)'
ORDER = "RETURNING alpaca_order_id"
FILL = "RETURNING alpaca_order_id || ' ' || fill_key"
EVENT = "RETURNING format('%s %s at 0:%s', alpaca_order_id, event, \"offset\")"
CURSOR = "RETURNING format('%s:%s: {0} is %s, should be %s', topic, partition, {0}, {0} + 1)"


def copy_of(table: str, where: str, **changes: str) -> str:
    """A second row that says the same but for `changes`, column names with SQL expressions."""
    jsons = ", ".join(f"'{column}', {value}" for column, value in changes.items())
    return (
        f"INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object({jsons}))).* FROM {table} t"
        f" WHERE {where} "
    )


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        (f"DELETE FROM fills WHERE fill_key = {ANY_TRADE} {FILL}", "fills: missing: {}"),
        (f"DELETE FROM fills WHERE fill_key = {ANY_REVERSAL} {FILL}", "fills: missing: {}"),
        (f"DELETE FROM order_events WHERE {ANY_EVENT} {EVENT}", "order_events: missing: {}"),
        (
            f"DELETE FROM fill_evidence WHERE evidence_id = {ANY_BUST} AND kind = 'bust'"
            " RETURNING alpaca_order_id || ' bust ' || evidence_id",
            "fill_evidence: missing: {}",
        ),
        ("DELETE FROM stream_cursors RETURNING topic || ':' || partition", "stream_cursors: missing: {}"),
        (f"DELETE FROM executions WHERE alpaca_order_id = {ANY_ORDER} {ORDER}", "executions: missing: {}"),
    ],
)
def test_a_missing_row(tables: Tables, statement: str, fault: str) -> None:
    named = tables.spoil(statement)
    assert tables.faults() == [fault.format(named)]


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        (
            copy_of("fills", f"fill_key = {ANY_TRADE}", fill_key="'x:again'", execution_id="'again'") + FILL,
            "fills: doubled: {}",
        ),
        (
            copy_of("order_events", ANY_EVENT, event_key="gen_random_uuid()")
            + " RETURNING format('%s at 0:%s', alpaca_order_id, \"offset\")",
            "order_events: doubled: {}",
        ),
        (
            copy_of("order_events", ANY_EVENT, event_key="gen_random_uuid()", offset="900000") + EVENT,
            "order_events: doubled: {}",
        ),
        (
            copy_of("executions", f"alpaca_order_id = {ANY_ORDER}", account_id="'other'") + ORDER,
            "executions: doubled: {} of another account",
        ),
    ],
)
def test_a_doubled_row(tables: Tables, statement: str, fault: str) -> None:
    named = tables.spoil(statement)
    assert tables.faults() == [fault.format(named)]


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        (
            copy_of("fills", f"fill_key = {ANY_TRADE}", fill_key="'x:1'", alpaca_order_id="'nobody'") + FILL,
            "fills: unknown: {}",
        ),
        (
            copy_of("executions", f"alpaca_order_id = {ANY_ORDER}", alpaca_order_id="'nobody'") + ORDER,
            "executions: unknown: {}",
        ),
        (copy_of("order_events", ANY_EVENT, alpaca_order_id="'nobody'") + EVENT, "order_events: unknown: {}"),
        (
            "INSERT INTO discrepancies (account_id, type, subject)"
            f" VALUES ('{ACCOUNT}', 'missing_fill', {ANY_ORDER}) RETURNING 'missing_fill of ' || subject",
            "discrepancies: unknown: {}",
        ),
        (
            'INSERT INTO dead_letters (topic_id, topic, partition, "offset", account_id, reason, error)'
            " VALUES ('i', 'topic', 3, 17, 'unknown', 'magic', '') RETURNING 'topic:3:17 magic'",
            "dead_letters: unknown: {}",
        ),
        (copy_of("stream_cursors", "true", partition="5") + "RETURNING topic || ':5'", "stream_cursors: unknown: {}"),
    ],
)
def test_a_row_that_the_truth_does_not_know(tables: Tables, statement: str, fault: str) -> None:
    named = tables.spoil(statement)
    assert tables.faults() == [fault.format(named)]


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        (
            f"UPDATE executions SET limit_price = limit_price + 0.01 WHERE alpaca_order_id = {ANY_ORDER}"
            " RETURNING format('%s: limit_price is %s, should be %s', alpaca_order_id, limit_price,"
            " trim_scale(limit_price - 0.01))",
            "executions: different: {}",
        ),
        (
            f"UPDATE executions SET last_offset = last_offset - 1 WHERE alpaca_order_id = {ANY_ORDER}"
            " RETURNING format('%s: last_offset is %s, should be %s', alpaca_order_id, last_offset, last_offset + 1)",
            "executions: different: {}",
        ),
        (
            f"UPDATE fills SET price = price + 1 WHERE fill_key = {ANY_TRADE}"
            " RETURNING format('%s %s: price is %s, should be %s', alpaca_order_id, fill_key, price, price - 1)",
            "fills: different: {}",
        ),
        (
            f"UPDATE fills SET transacted_at = 'epoch' WHERE fill_key = {ANY_REVERSAL} {FILL}",
            "fills: different: {}: transacted_at is 1970-01-01 00:00:00+00",
        ),
        (
            f"UPDATE order_events SET known_at = 'epoch' WHERE {ANY_EVENT} {EVENT}",
            "order_events: different: {}: known_at is 1970-01-01 00:00:00+00",
        ),
        (
            f"UPDATE order_events SET updated_at_ns = updated_at_ns + 1 WHERE {ANY_EVENT} {EVENT}",
            "order_events: different: {}: updated_at_ns is",
        ),
        (
            f"UPDATE stream_cursors SET next_offset = next_offset - 1 {CURSOR.format('next_offset')}",
            "stream_cursors: different: {}",
        ),
        (
            f"UPDATE stream_cursors SET max_offset = max_offset - 1 {CURSOR.format('max_offset')}",
            "stream_cursors: different: {}",
        ),
    ],
)
def test_a_column_that_differs(tables: Tables, statement: str, fault: str) -> None:
    named = tables.spoil(statement)
    (found,) = tables.faults()
    assert found.startswith(fault.format(named))


# What nobody outside the program can know or cares for: its own keys, ranks and marks; and of evidence the content,
# since what follows from it is compared, the fills.
NOT_COMPARED = {
    "executions": {"status_rank", "snapshot_ns", "stated", "mixed", "has_evidence", "parent_version_ns"},
    "order_events": {"event_key", "status_rank", "snapshot_ns", "stated"},
    "fills": set(),
    "fill_evidence": {
        *("evidence_key", "previous_execution_id", "symbol", "side", "qty", "price", "transacted_at_ns", "cum_qty"),
        *("explained_from", "position", "known_at"),
    },
}
KEYS = {"account_id", "alpaca_order_id", "fill_key", "kind", "evidence_id", "recorded_at"}
SPOILT = {
    "text": "coalesce({0}, '') || '?'",
    "numeric": "coalesce({0}, 0) + 1",
    "integer": "{0} + 1",
    "bigint": "{0} + 1",
    "boolean": "NOT coalesce({0}, false)",
    "timestamp with time zone": "'epoch'",
    "uuid": "gen_random_uuid()",
    "jsonb": "'{{}}'",
}
CHECKED = {"origin": "'own'", "last_source": "'sweep'", "entry": "'residual'"}


@pytest.mark.parametrize("table", NOT_COMPARED)
def test_every_column_counts(tables: Tables, table: str) -> None:
    columns = tables.connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND table_name = %s",
        [table],
    ).fetchall()
    compared = [(name, kind) for name, kind in columns if name not in KEYS | NOT_COMPARED[table]]
    # One row for each column, all in one comparison; rows whose place in the log is spoilt can't be paired any more.
    rows = tables.connection.execute(f"SELECT ctid::text FROM {table} ORDER BY ctid LIMIT {len(compared)}".encode())
    for (name, kind), (row,) in zip(compared, rows.fetchall(), strict=True):
        value = CHECKED.get(name) or SPOILT[kind].format(f'"{name}"')
        tables.connection.execute(f"UPDATE {table} SET \"{name}\" = {value} WHERE ctid = '{row}'".encode())
    report = tables.check()
    found = {fault.column for fault in report.listed if fault.table == table}
    if table == "order_events":
        assert report.counts[table, "missing"] == 3
        found |= {"topic", "partition", "offset"}
    assert found - {""} == {name for name, _kind in compared}


def test_an_overfill_that_nobody_opened(tables: Tables) -> None:
    order = tables.spoil(
        f"UPDATE ground_truth.orders SET qty = filled_qty - 1 WHERE alpaca_order_id = {ANY_ORDER} {ORDER}"
    )
    assert tables.faults() == [f"discrepancies: missing: overfill of {order}"]


def test_a_record_that_was_passed_over(database: str) -> None:
    log = tell(database)
    times = Counter(record.payload for record in log.records)
    skipped = next(
        record for record in log.records if times[record.payload] == 1 and record.parsed.event == "partial_fill"
    )
    apply(database, log, without=skipped.place.offset)
    with contextlib.closing(Tables(database, log)) as tables:
        faults = tables.faults()
    order = skipped.parsed.observations[0].order_id
    assert f"order_events: missing: {order} partial_fill at 0:{skipped.place.offset}" in faults
    assert f"fills: missing: {order} x:{skipped.parsed.observations[0].execution_id}" in faults
    assert f"discrepancies: unknown: missing_fill of {order}" in faults


def test_equal_tables_are_equal(tables: Tables) -> None:
    report = tables.check()
    assert report.listed == []
    assert report.differences == 0
    ((orders, events),) = tables.connection.execute(
        "SELECT (SELECT count(*) FROM executions), (SELECT count(*) FROM order_events)"
    )
    assert (report.orders, report.events) == (orders, events)
    assert report.fills > 0
    # Nothing is proved by a history in which these do not occur.
    kinds = tables.connection.execute("SELECT DISTINCT kind FROM fill_evidence ORDER BY kind").fetchall()
    assert kinds == [("bust",), ("correction",), ("leg",)]


def test_many_differences_are_all_counted(tables: Tables) -> None:
    tables.connection.execute("UPDATE fills SET price = price + 1")
    tables.connection.execute("UPDATE order_events SET known_at = 'epoch'")
    report = tables.check()
    ((fills, events),) = tables.connection.execute(
        "SELECT (SELECT count(*) FROM fills), (SELECT count(*) FROM order_events)"
    )
    assert report.differences == fills + events
    assert Counter(fault.table for fault in report.listed) == {"fills": 100, "order_events": 100}
