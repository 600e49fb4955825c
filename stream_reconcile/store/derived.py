"""The derived tables of a schema, as the catalogue has them: a table that a migration adds is replayed, compared and
promoted without a word here."""

from __future__ import annotations

from typing import Final, NamedTuple

import psycopg

from stream_reconcile.core.errors import SchemaMismatch
from stream_reconcile.store.queries import load

BOOKKEEPING: Final = frozenset(("schema_version", "migration_history", "replay_state"))
"""Tables that stand beside the derived ones in the schema of a replay."""
CURSORS: Final = "stream_cursors"
"""Compared by where they stand, and moved in place, since they belong to a group and its members."""
REWRITTEN: Final = frozenset(("executions", "fills"))
"""Tables whose `recorded_at` tells when a row was last written; in all others, when it was first."""
RECORDED_AT: Final = "recorded_at"
"""The one column that legitimately differs (I10)."""

_PLACES: Final = (("last_topic", "last_partition", "last_offset"), ("topic", "partition", "offset"))


class DerivedTable(NamedTuple):
    """One table: its primary key, all its columns in order, and those that name the record that made a row."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    types: dict[str, str]
    place: tuple[str, str, str] | None


def derived_tables(connection: psycopg.Connection, schema: str) -> list[DerivedTable]:
    """All derived tables of a replay's schema but the cursors, by name. Raises SchemaMismatch for one without a key."""
    rows = connection.execute(load("replay.sql")["derived_tables"], {"schema": schema}).fetchall()
    found = []
    for name, columns, types, key in rows:
        if name in BOOKKEEPING or name == CURSORS:
            continue
        if not key:
            raise SchemaMismatch(f"table {schema}.{name} has no primary key: its rows can't be compared")
        place = next((names for names in _PLACES if set(names) <= set(columns)), None)
        found.append(DerivedTable(name, tuple(key), tuple(columns), dict(zip(columns, types, strict=True)), place))
    return found
