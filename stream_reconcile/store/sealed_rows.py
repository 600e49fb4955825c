"""The digest of an account's derived rows, in one snapshot with how far they go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import psycopg
from psycopg import sql

from stream_reconcile.core.seal import TableSeal, table_digest
from stream_reconcile.store.derived import DerivedTable, derived_tables
from stream_reconcile.store.rows_compared import compared

LEFT_OUT: Final = frozenset(("recorded_at", "decision_id", "origin"))
"""What is not a function of the log alone: when we recorded it, and what our own decisions say of it."""
_BUCKETS: Final = 1_024


def seal_tables(
    connection: psycopg.Connection[Any],
    schema: str,
    account_id: str,
    columns: dict[str, list[str]] | None = None,
) -> dict[str, TableSeal]:
    """Digest each derived table's rows of an account. Wants a snapshot that lasts (REPEATABLE READ).

    `columns`: by table, those that count; None: all that this version has. Raises KeyError for a column or a table that
    is not there any more.
    """
    found: dict[str, TableSeal] = {}
    # In the live schema primary tables stand beside them: no record of the log made those. Dead letters are counted by
    # themselves: which are open depends on repairs by hand.
    tables = {
        table.name: table
        for table in derived_tables(connection, schema)
        if table.place is not None and table.name != "dead_letters"
    }
    for name in tables if columns is None else columns:
        table = tables[name]
        counting = _counting(table) if columns is None else columns[name]
        if missing := set(counting) - set(table.columns):
            raise KeyError(f"{name}.{min(missing)}")
        found[name] = _seal(connection, schema, table, counting, account_id)
    return found


def count_open_letters(connection: psycopg.Connection[Any], account_id: str) -> int:
    """Dead letters that are open, of the account or of none."""
    query = "SELECT count(*) FROM dead_letters WHERE resolved_at IS NULL AND account_id IN (%(account)s, 'unknown')"
    ((count,),) = connection.execute(query, {"account": account_id}).fetchall()
    return int(count)


def _counting(table: DerivedTable) -> list[str]:
    what = compared(table)
    return [*table.key, *(name for name in what.columns if name not in LEFT_OUT)]


def _seal(
    connection: psycopg.Connection[Any], schema: str, table: DerivedTable, columns: Iterable[str], account_id: str
) -> TableSeal:
    names = list(columns)
    key = sql.SQL(" || '/' || ").join(sql.SQL("t.{}::text").format(sql.Identifier(name)) for name in table.key)
    # Each value with its length before it, so that no two rows read the same; absent differs from empty.
    said = sql.SQL(" || ").join(
        sql.SQL("coalesce(length({0}) || ':' || {0}, '-')").format(_as_text(table, name)) for name in names
    )
    query = sql.SQL(
        "SELECT bucket, count(*), sha256(string_agg(hashed, ''::bytea ORDER BY key COLLATE \"C\")) FROM ("
        " SELECT (hashtextextended({key}, 0) & {mask})::int AS bucket, {key} AS key,"
        " sha256(convert_to({said}, 'UTF8')) AS hashed FROM {table} t WHERE t.account_id = %(account)s OFFSET 0"
        ") d GROUP BY bucket"
    ).format(
        key=key,
        said=said,
        mask=sql.Literal(_BUCKETS - 1),
        table=sql.Identifier(schema, table.name),
    )
    rows = connection.execute(query, {"account": account_id}).fetchall()
    digest = table_digest({bucket: bytes(hashed) for bucket, _count, hashed in rows})
    return TableSeal(names, sum(count for _bucket, count, _hashed in rows), digest)


def _as_text(table: DerivedTable, name: str) -> sql.Composed:
    column = sql.SQL("t.{}").format(sql.Identifier(name))
    kind = table.types[name]
    if kind == "bytea":
        return sql.SQL("encode({}, 'hex')").format(column)
    if kind.startswith("timestamp"):
        # Whatever the server's DateStyle and the session's zone.
        return sql.SQL("extract(epoch FROM {})::text").format(column)
    return sql.SQL("{}::text").format(column)
