"""Reading derived tables to compare them: a digest by buckets of keys, then the rows of some buckets in key order.

Values are compared as Postgres writes them in text, so that 1.0 and 1.00 differ as they do in the tables. Bytes are
compared by their hash and length, and never leave the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from stream_reconcile.core.replay.merged import Row
from stream_reconcile.store.derived import RECORDED_AT, DerivedTable

LEFT_OUT: Final = (RECORDED_AT,)
BUCKETS: Final = 4_096
# Resolved letters are history of repairs by hand; of those open, what was put aside counts, not how often it was tried.
_LETTERS: Final = ("topic_id", "topic", "partition", "offset", "key", "payload")
_FETCH: Final = 2_000


class BucketDigest(NamedTuple):
    """Rows of a bucket, and two sums over them that do not depend on their order."""

    rows: int
    first: int
    second: int


class Compared(NamedTuple):
    """What of a table is compared."""

    table: DerivedTable
    columns: tuple[str, ...]
    """Beside the key."""
    only: sql.SQL
    """Condition on the rows."""


def compared(table: DerivedTable) -> Compared:
    """All columns but those left out by name; of dead letters those that are open, by coordinates and bytes (I10)."""
    names = _LETTERS if table.name == "dead_letters" else table.columns
    columns = tuple(name for name in names if name not in table.key and name not in LEFT_OUT)
    return Compared(table, columns, sql.SQL("resolved_at IS NULL" if table.name == "dead_letters" else "true"))


def digests(connection: psycopg.Connection[Any], schema: str, what: Compared) -> dict[int, BucketDigest]:
    """The digest of each bucket that has rows. One pass over the table."""
    query = sql.SQL(
        "SELECT bucket, count(*), sum(hashtextextended(said, 0)), sum(hashtextextended(said, 1)) FROM ("
        " SELECT {bucket} AS bucket, r::text AS said FROM (SELECT {columns} FROM {table} t WHERE {only}) r OFFSET 0"
        ") d GROUP BY bucket"
    ).format(
        bucket=_bucket("r", what),
        columns=sql.SQL(", ").join(
            [
                *(sql.SQL("{}").format(sql.Identifier(name)) for name in what.table.key),
                *(_said(what, name) for name in what.columns),
            ]
        ),
        table=sql.Identifier(schema, what.table.name),
        only=what.only,
    )
    rows = connection.execute(query).fetchall()
    return {bucket: BucketDigest(count, int(first), int(second)) for bucket, count, first, second in rows}


def rows_in_order(
    connection: psycopg.Connection[Any], schema: str, what: Compared, buckets: Sequence[int] | None
) -> Iterator[Row]:
    """Rows of some buckets (None: all) by key, through a cursor on the server: memory is flat. Wants a transaction."""
    width = len(what.table.key)
    query = sql.SQL("SELECT {key}, {values} FROM {table} t WHERE {only}{some} ORDER BY {order}").format(
        key=sql.SQL(", ").join(map(sql.Identifier, what.table.key)),
        values=sql.SQL(", ").join(
            sql.SQL("({})::text").format(_said(what, name, alias=False)) for name in what.columns
        ),
        table=sql.Identifier(schema, what.table.name),
        only=what.only,
        some=sql.SQL("") if buckets is None else sql.SQL(" AND {} = ANY(%(buckets)s)").format(_bucket("t", what)),
        order=sql.SQL(", ").join(_ordered(what, name) for name in what.table.key),
    )
    with connection.cursor(name=f"compare_{what.table.name}") as cursor:
        cursor.itersize = _FETCH
        cursor.execute(query, {"buckets": list(buckets or ())})
        for row in cursor:
            yield Row(tuple(row[:width]), tuple(row[width:]))


def _bucket(alias: str, what: Compared) -> sql.Composed:
    key = sql.SQL(" || '/' || ").join(
        sql.SQL("{}.{}::text").format(sql.Identifier(alias), sql.Identifier(name)) for name in what.table.key
    )
    return sql.SQL("(hashtextextended({key}, 0) & {mask})::int").format(key=key, mask=sql.Literal(BUCKETS - 1))


def _said(what: Compared, name: str, *, alias: bool = True) -> sql.Composed:
    column = sql.SQL("t.{}").format(sql.Identifier(name))
    if what.table.types[name] == "bytea":
        column = sql.SQL("length({0}) || ' bytes, sha256 ' || encode(sha256({0}), 'hex')").format(column)
    return sql.SQL("{} AS {}").format(column, sql.Identifier(name)) if alias else column


def _ordered(what: Compared, name: str) -> sql.Composed:
    # Python orders text by code points, as the collation C does.
    column = sql.SQL('t.{} COLLATE "C"' if what.table.types[name] == "text" else "t.{}")
    return column.format(sql.Identifier(name))
