"""The SQL of the writer and the pure core are one function (3a): whatever is said of some orders, in any order, with
any duplicates and split into any batches, the tables hold what `core.merge` and `core.fills` make of the set."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stream_reconcile.core.sums import Finding
from stream_reconcile.store.batch import Record, batch_of
from stream_reconcile.store.connect import connect
from stream_reconcile.store.writer import Writer
from support.expected_rows import actual_tables, expected_books, expected_findings, expected_tables
from support.log_records import LogRecords
from support.wild_orders import logs
from support.writer_bench import WAYS

pytestmark = pytest.mark.rows_only

SETTINGS = settings(
    max_examples=int(os.environ.get("RECONCILE_WRITER_EXAMPLES", "40")),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each step of shrinking would cost a dozen transactions
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
SUMS = {Finding.MISSING_FILL, Finding.EXCESS_FILL}
_accounts = (f"acct-{n}" for n in itertools.count())


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database, "reconcile", name="test") as connection:
        yield connection


@pytest.fixture(params=WAYS)
def writer(connection: psycopg.Connection[Any], request: pytest.FixtureRequest) -> Writer:
    return Writer(connection, group="g", owner="me", **WAYS[request.param])


def of_account(records: list[Record], account_id: str) -> list[Record]:
    """The same log of another account, so that each example has tables of its own."""
    log = LogRecords(account_id)
    for record in records:
        received = max((o.snapshot_ns for o in record.parsed.observations), default=0)
        log.add(record.place.topic, record.payload, received_at_ns=received)
    return log.records


@st.composite
def batches(draw: st.DrawFn, records: list[Record]) -> list[list[Record]]:
    """The records in some order, some applied again, split somewhere."""
    shuffled = draw(st.permutations(records))
    again = draw(st.lists(st.sampled_from(records), max_size=4))
    whole = [*shuffled, *again]
    cuts = sorted(draw(st.sets(st.integers(1, len(whole)), max_size=5)) | {0, len(whole)})
    return [whole[start:end] for start, end in itertools.pairwise(cuts)]


def open_findings(connection: psycopg.Connection[Any], account_id: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    query = "SELECT subject, type FROM discrepancies WHERE account_id = %s AND state = 'open'"
    for subject, kind in connection.execute(query, [account_id]):
        found.setdefault(subject, set()).add(kind)
    return found


@SETTINGS
@given(log=logs, data=st.data())
def test_i2_any_order_duplication_and_split_gives_the_rows_of_the_pure_core(
    connection: psycopg.Connection[Any], writer: Writer, log: LogRecords, data: st.DataObject
) -> None:
    account_id = next(_accounts)
    records = of_account(log.records, account_id)
    for batch in data.draw(batches(records)):
        writer.write(batch_of(batch))

    expected, actual = expected_tables(records), actual_tables(connection, account_id)
    assert actual.order_events == expected.order_events
    assert actual.executions == expected.executions
    assert actual.fill_evidence == expected.fill_evidence
    assert actual.fills == expected.fills

    found, rows = open_findings(connection, account_id), actual.executions
    for order_id, findings in expected_findings(records).items():
        standing = found.get(order_id, set())
        if not findings & SUMS:
            assert not standing & {*SUMS, "trade_bust", "trade_correct"}, order_id
        elif rows[order_id]["last_source"] == "stream":
            assert standing >= findings & SUMS, order_id
        assert standing & SUMS <= findings, order_id
    for order_id, book in expected_books(records).items():
        assert ("conflicting_fill" in found.get(order_id, ())) == bool(book.conflicts), order_id
