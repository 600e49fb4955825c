"""One short text for all that the derived tables hold, in whatever order: equal before and after only if no row was
added, removed, changed or even written anew.

Every column counts, `recorded_at` included, and so does `xmin`, the transaction that wrote the row: an update that sets
what stood there already is seen too. Cursors are left out, which a replay moves by design. Discrepancies count by what
they say: that a finding was seen again moves its `last_seen_at`, and is no change.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from support.writer_bench import DERIVED

_FINDINGS: Final = "SELECT account_id, type, subject, state, evidence FROM discrepancies"
_HASHED: Final = """
SELECT count(*),
       coalesce(sum(hashtextextended(r::text, 0)::numeric), 0),
       coalesce(sum(hashtextextended(r::text, 1)::numeric), 0)
FROM ({}) r
"""
"""A sum does not depend on the order of its rows, and unlike an exclusive or it does not lose those that come twice."""


class TableDigest(NamedTuple):
    """Rows of one table, and their sum."""

    rows: int
    sums: str


def digests(connection: psycopg.Connection[Any]) -> dict[str, TableDigest]:
    """The digest of each table. `connection` sees our schema first; the server's settings must be the same for both."""
    queries = {
        table: sql.SQL("SELECT t.*, t.xmin::text AS written_by FROM {} t").format(sql.Identifier(table))
        for table in DERIVED
    }
    found = {}
    for table, query in {**queries, "discrepancies": sql.SQL(_FINDINGS)}.items():
        row = connection.execute(sql.SQL(_HASHED).format(query)).fetchone()
        assert row is not None
        rows, first, second = row
        found[table] = TableDigest(rows, f"{int(first) % 2**64:016x}{int(second) % 2**64:016x}")
    return found
