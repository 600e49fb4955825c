"""docs/database.md says what the database says: the part between its marks is made from the COMMENTs.

`RECONCILE_UPDATE_DOCS=1 pytest tests/integration/test_database_doc.py` writes it anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from stream_reconcile.store.connect import connect
from stream_reconcile.store.migrations import create_derived
from stream_reconcile.store.roles import RoleNames

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "database.md"
BEGIN, END = "<!-- made from the database's comments: begin -->\n", "<!-- made from the database's comments: end -->\n"

COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, col_description(a.attrelid, a.attnum)
    FROM pg_attribute a
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""
FUNCTIONS = """
    SELECT p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), obj_description(p.oid, 'pg_proc')
    FROM pg_proc p
    WHERE p.pronamespace = 'reconcile'::regnamespace
    ORDER BY p.proname
"""
TABLES = """
    SELECT c.relname, obj_description(c.oid, 'pg_class')
    FROM pg_class c
    WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'v', 'p')
    ORDER BY c.relname
"""
HISTORY = ("migration_history", "schema_version")


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    create_derived(database, "derived_only", roles=None)
    with connect(database, "reconcile", name="t") as opened:
        yield opened


def tables(connection: psycopg.Connection, schema: str = "reconcile") -> dict[str, str | None]:
    return dict(connection.execute(TABLES, [schema]).fetchall())


def rendered(connection: psycopg.Connection) -> str:
    every = tables(connection)
    derived = set(tables(connection, "derived_only")) - set(HISTORY)
    lines: list[str] = []
    for title, names in (
        ("Derived tables: made from the log alone", sorted(derived)),
        ("Primary tables: what only we know", sorted(set(every) - derived - set(HISTORY))),
        ("Where the schema stands", list(HISTORY)),
    ):
        lines += [f"## {title}", ""]
        for name in names:
            lines += [f"### `{name}`", "", every[name] or "", "", "| column | type | meaning |", "|---|---|---|"]
            for column, kind, not_null, meaning in connection.execute(COLUMNS, [name]):
                words = str(meaning).replace("|", "\\|")
                lines.append(f"| `{column}` | {kind}{'' if not_null else ', or null'} | {words} |")
            lines.append("")
    lines += ["## Functions", "", "| function | gives | meaning |", "|---|---|---|"]
    for name, arguments, result, meaning in connection.execute(FUNCTIONS):
        lines.append(f"| `{name}({arguments})` | {result} | {meaning} |")
    return "\n".join([*lines, "", ""])


def test_every_table_column_and_function_is_described(connection: psycopg.Connection) -> None:
    silent = [name for name, meaning in tables(connection).items() if not meaning]
    for name in tables(connection):
        silent += [f"{name}.{column}" for column, _, _, meaning in connection.execute(COLUMNS, [name]) if not meaning]
    silent += [f"{name}()" for name, _, _, meaning in connection.execute(FUNCTIONS) if not meaning]
    assert silent == [], "COMMENT ON these in their migration"


def test_the_document_says_what_the_database_says(connection: psycopg.Connection) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    stands, after = rest.split(END)
    made = "\n" + rendered(connection)
    if os.environ.get("RECONCILE_UPDATE_DOCS"):
        DOCUMENT.write_text(before + BEGIN + made + END + after, encoding="utf-8")
        return
    assert stands == made, "run: RECONCILE_UPDATE_DOCS=1 pytest tests/integration/test_database_doc.py"


def test_the_document_names_every_role_and_grants_it(connection: psycopg.Connection) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    names = RoleNames()
    for role in (names.migrator, names.writer, names.reader, names.intent):
        assert f"GRANT {role} TO" in text
