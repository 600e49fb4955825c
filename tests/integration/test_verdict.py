"""The comparison with the ground truth, on a real Postgres: equal tables are equal, and any other value is found.

The rows are made here from the truth itself, so that each can then be spoilt. That the program makes such rows is for
the acceptance tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from stream_reconcile.core.observation import NUMBERS, TEXTS, TIMES
from stream_reconcile.core.timestamps import parse_ns
from stream_reconcile.simulator import verdict
from stream_reconcile.simulator.runner import running_simulator
from stream_reconcile.simulator.verdict import Difference, Verdict, agreement, compare
from stream_reconcile.store.connect import connect
from support.servers import Servers, migrated_database

ACCOUNT = "b6a1d8a2-5d0c-4f0e-9d53-6f2f6c0a7c11"
STRANGER = "00000000-0000-4000-8000-000000000001"
COMPARED = (*NUMBERS, *(name for name in TIMES if name != "cancel_requested_at"), *TEXTS, "extended_hours")


class Truth:
    """A broker's books, read once."""

    def __init__(self, orders: list[dict[str, Any]], executions: list[dict[str, Any]]) -> None:
        self.listed, self.executed = orders, executions

    def orders(self) -> Iterator[dict[str, Any]]:
        return iter(self.listed)

    def executions(self) -> Iterator[dict[str, Any]]:
        return iter(self.executed)


@pytest.fixture(scope="module")
def truth() -> Truth:
    with running_simulator(seed=5) as sim:
        sim.control.flow(2000, orders=450)
        sim.control.wait_until(lambda overview: overview["counters"]["orders"] >= 450)
        sim.control.settle()
        found = Truth(list(sim.control.orders()), list(sim.control.executions()))
    assert {"busted", "corrected", "real"} == {execution["state"] for execution in found.executed}
    assert {"mleg", "bracket"} <= {order["order_class"] for order in found.listed}
    return found


@pytest.fixture(scope="module")
def filled(servers: Servers, truth: Truth) -> Iterator[str]:
    """A database whose tables say what the truth says."""
    with migrated_database(servers) as dsn:
        fill(dsn, truth)
        yield dsn


@pytest.fixture
def tables(filled: str) -> Iterator[psycopg.Connection]:
    """Tables that say what the truth says; what a test does to them is in a transaction that is not committed."""
    with connect(filled, "reconcile", name="test", autocommit=False) as connection:
        yield connection
        connection.rollback()


def fill(dsn: str, truth: Truth) -> None:
    with connect(dsn, "reconcile", name="test") as connection:
        with connection.cursor() as cursor, cursor.copy(insert_of("executions", row_of(truth.listed[0]))) as copy:
            for order in truth.listed:
                copy.write_row(list(row_of(order).values()))
        fills = list(fill_rows(truth.executed))
        with connection.cursor() as cursor, cursor.copy(insert_of("fills", fills[0])) as copy:
            for each in fills:
                copy.write_row(list(each.values()))


def insert_of(table: str, row: dict[str, Any]) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, row))
    )


def row_of(order: dict[str, Any]) -> dict[str, Any]:
    """As frames would have made it: what they leave out is null."""
    row = {name: order.get(name) for name in COMPARED}
    row["parent_order_id"], row["ratio_qty"] = None, order.get("ratio_qty")
    if order["order_class"] == "mleg":
        row["position_intent"] = row["expires_at"] = None
        row["parent_order_id"] = order["parent_order_id"]
        row["asset_id"] = row["asset_id"] or "00000000-0000-0000-0000-000000000000"
    row |= {"account_id": ACCOUNT, "alpaca_order_id": order["id"], "updated_at_ns": parse_ns(order["updated_at"])}
    row |= {"status_rank": 0, "snapshot_ns": 0, "stated": 0, "last_source": "stream", "last_topic": "t"}
    return row | {"last_partition": 0, "last_offset": 0}


def fill_rows(executions: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in executions:
        row = {
            name: each[name] for name in ("execution_id", "symbol", "side", "qty", "price", "transacted_at", "entry")
        }
        row |= {"account_id": ACCOUNT, "alpaca_order_id": each["order_id"], "source": "stream", "topic": "t"}
        row |= {"partition": 0, "offset": 0, "fill_key": f"x:{each['execution_id']}"}
        row["reverses"] = f"x:{each['corrects']}" if each["corrects"] else None
        yield row
        if each["state"] != "real":
            yield row | {
                "fill_key": f"r:{each['execution_id']}",
                "entry": "reversal",
                "qty": f"-{each['qty']}",
                "reverses": f"x:{each['execution_id']}",
                "transacted_at": None,
            }


def spoil(connection: psycopg.Connection, table: str, key: str, column: str, value: object) -> Any:
    """Put a value into the row of an order or fill; what stood there."""
    of = "alpaca_order_id" if table == "executions" else "fill_key"
    names = {"table": sql.Identifier(table), "column": sql.Identifier(column), "of": sql.Identifier(of)}
    query = sql.SQL("SELECT {column} FROM {table} WHERE {of} = %s").format(**names)
    (before,) = connection.execute(query, [key]).fetchall()[0]
    connection.execute(sql.SQL("UPDATE {table} SET {column} = %s WHERE {of} = %s").format(**names), [value, key])
    return before


def another(value: Any) -> Any:
    """A value of the same kind, as near as can be."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, Decimal):
        return value + Decimal("0.000000001")
    if isinstance(value, str):
        return f"{value} "
    return value + timedelta(microseconds=1)


def judged(connection: psycopg.Connection, truth: Truth) -> Verdict:
    return compare(connection, ACCOUNT, truth)


def test_equal_tables_are_equal(tables: psycopg.Connection, truth: Truth) -> None:
    found = judged(tables, truth)
    assert found == Verdict(len(truth.listed), sum(e["state"] == "real" for e in truth.executed), 0, ())
    assert found.equal
    assert found.fills < len(truth.executed)


def test_pages_change_nothing(tables: psycopg.Connection, truth: Truth, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = judged(tables, truth)
    monkeypatch.setattr(verdict, "_PAGE", 7)
    assert judged(tables, truth) == whole


def test_every_other_value_of_every_column_is_found(tables: psycopg.Connection, truth: Truth) -> None:
    with tables.cursor(row_factory=dict_row) as cursor:
        # What frames of multi-leg orders leave out may be missing there: they come last.
        rows = cursor.execute("SELECT * FROM executions ORDER BY order_class = 'mleg', alpaca_order_id").fetchall()
    for column in (*COMPARED, "updated_at_ns", "parent_order_id", "ratio_qty"):
        set_row = next(row for row in rows if row[column] not in {None, ""})
        order_id, value = set_row["alpaca_order_id"], set_row[column]
        changes = [another(value)] if column == "updated_at_ns" else [another(value), None]
        for change in changes:
            with tables.transaction(force_rollback=True):
                spoil(tables, "executions", order_id, column, change)
                (found,) = judged(tables, truth).differences
            assert (found.table, found.order_id, found.fill_key, found.column) == ("executions", order_id, "", column)
            assert found.ours != found.truth


def test_every_other_value_of_a_fill_is_found(tables: psycopg.Connection, truth: Truth) -> None:
    corrected = next(each for each in truth.executed if each["state"] == "corrected")
    keys = (f"x:{corrected['execution_id']}", f"r:{corrected['execution_id']}", f"x:{corrected['reversed_by']}")
    with tables.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute("SELECT * FROM fills WHERE fill_key = ANY(%s)", [list(keys)]).fetchall()
    assert len(rows) == 3
    for row in rows:
        for column in ("execution_id", "symbol", "side", "qty", "price", "transacted_at", "reverses", "entry"):
            value, key = row[column], row["fill_key"]
            if value is None:
                continue  # `reverses` of a trade; when an execution was taken back is not in the truth
            with tables.transaction(force_rollback=True):
                spoil(tables, "fills", key, column, "residual" if column == "entry" else another(value))
                found = judged(tables, truth).differences
            assert [(each.fill_key, each.column) for each in found] == [(key, column)]


def test_the_microseconds_that_postgres_keeps_may_be_rounded_or_cut(tables: psycopg.Connection, truth: Truth) -> None:
    order = next(order for order in truth.listed if int(parse_ns(order["created_at"])) % 1000 > 500)
    cut = f"{order['created_at'][:26]}Z"
    spoil(tables, "executions", order["id"], "created_at", cut)
    assert judged(tables, truth).equal
    spoil(tables, "executions", order["id"], "created_at", f"{cut[:-1]}000Z")
    tables.execute(
        "UPDATE executions SET created_at = created_at - interval '1 microsecond' WHERE alpaca_order_id = %s",
        [order["id"]],
    )
    assert [each.column for each in judged(tables, truth).differences] == ["created_at"]


def test_decimals_are_compared_by_value(tables: psycopg.Connection, truth: Truth) -> None:
    tables.execute("UPDATE executions SET qty = qty + 0.000, filled_qty = filled_qty + 0.0")
    tables.execute("UPDATE fills SET price = price + 0.00")
    assert judged(tables, truth).equal


def test_missing_and_superfluous_rows_are_found(tables: psycopg.Connection, truth: Truth) -> None:
    busted = next(each for each in truth.executed if each["state"] == "busted")
    order_id, execution_id = busted["order_id"], busted["execution_id"]
    status = next(order["status"] for order in truth.listed if order["id"] == order_id)
    tables.execute("UPDATE executions SET alpaca_order_id = %s WHERE alpaca_order_id = %s", [STRANGER, order_id])
    tables.execute("DELETE FROM fills WHERE fill_key = %s", [f"r:{execution_id}"])
    tables.execute("UPDATE fills SET fill_key = 'x:of nobody' WHERE fill_key = %s", [f"x:{execution_id}"])
    found = set(judged(tables, truth).differences)
    assert found == {
        Difference("executions", order_id, "", "row", None, status),
        Difference("executions", STRANGER, "", "row", status, None),
        Difference("fills", order_id, f"r:{execution_id}", "row", None, "reversal"),
        Difference("fills", order_id, f"x:{execution_id}", "row", None, busted["entry"]),
        Difference("fills", order_id, "x:of nobody", "row", busted["entry"], None),
    }


def test_a_fill_of_an_unknown_order_is_found(tables: psycopg.Connection, truth: Truth) -> None:
    execution_id = truth.executed[0]["execution_id"]
    spoil(tables, "fills", f"x:{execution_id}", "alpaca_order_id", STRANGER)
    found = judged(tables, truth).differences
    assert Difference("fills", STRANGER, f"x:{execution_id}", "row", "trade", None) in found
    assert len(found) == 2


def test_what_only_rest_tells_may_be_missing_but_not_wrong(tables: psycopg.Connection, truth: Truth) -> None:
    leg = next(order for order in truth.listed if order.get("ratio_qty"))
    child = next(o for o in truth.listed if o["order_class"] == "bracket" and o["parent_order_id"])
    for order, column in ((leg, "position_intent"), (leg, "expires_at"), (child, "parent_order_id")):
        assert order[column]
        spoil(tables, "executions", order["id"], column, order[column])
        assert judged(tables, truth).equal
        spoil(tables, "executions", order["id"], column, "2020-01-01T00:00:00Z")
        assert [each.column for each in judged(tables, truth).differences] == [column]
        spoil(tables, "executions", order["id"], column, None)
    simple = next(o for o in truth.listed if o["order_class"] == "" and o["position_intent"] and o["expires_at"])
    for column in ("position_intent", "expires_at"):
        before = spoil(tables, "executions", simple["id"], column, None)
        assert [each.column for each in judged(tables, truth).differences] == [column]
        spoil(tables, "executions", simple["id"], column, before)


def test_all_differences_are_counted_and_some_listed(tables: psycopg.Connection, truth: Truth) -> None:
    tables.execute("UPDATE executions SET client_order_id = client_order_id || '!'")
    found = judged(tables, truth)
    assert found.differing == len(truth.listed)
    assert len(found.differences) == verdict.MOST_LISTED < found.differing


def test_another_account_is_none_of_our_business(tables: psycopg.Connection, truth: Truth) -> None:
    tables.execute(
        'INSERT INTO executions SELECT (jsonb_populate_record(e, \'{"account_id": "x"}\')).* FROM executions e'
    )
    assert judged(tables, truth).equal
    assert compare(tables, "nobody", truth).differing == len(truth.listed) + len(list(fill_rows(truth.executed)))


def test_while_books_move_a_version_that_differs_is_under_way(tables: psycopg.Connection, truth: Truth) -> None:
    orders = truth.listed[:100]
    assert agreement(tables, ACCOUNT, orders) == (100, 0, 0)
    tables.execute("DELETE FROM executions WHERE alpaca_order_id = %s", [orders[0]["id"]])
    spoil(tables, "executions", orders[1]["id"], "updated_at_ns", 1)
    spoil(tables, "executions", orders[2]["id"], "symbol", "NOT THIS")
    assert agreement(tables, ACCOUNT, orders) == (97, 2, 1)
