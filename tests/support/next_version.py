"""A version to come: migrations of each kind that the rule allows, and a program that knows them.

Each table that there is gets columns and a check, so that any statement that takes a table for what it was shows it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import stream_reconcile
from stream_reconcile.log.schemas import schema_directory
from stream_reconcile.store.migration_files import PACKAGED, find_migrations
from support.migration_rule import tables_by_kind

_NEW: Final = """
CREATE TABLE later_notes (note_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id text, note text NOT NULL);
CREATE INDEX later_notes_account_idx ON later_notes (account_id);
INSERT INTO later_notes (note) VALUES ('the first');
CREATE VIEW later_orders AS SELECT account_id, count(*) AS orders FROM executions GROUP BY account_id;
CREATE FUNCTION later_says(order_id text) RETURNS text LANGUAGE sql STABLE SET search_path FROM CURRENT
    AS 'SELECT status FROM executions WHERE alpaca_order_id = order_id';
CREATE FUNCTION later_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER guard BEFORE INSERT ON later_notes FOR EACH ROW EXECUTE FUNCTION later_guard();
COMMENT ON TABLE later_notes IS 'New.';
"""
_COLUMNS: Final = """
ALTER TABLE {table}
    ADD COLUMN later text COLLATE "C",
    ADD COLUMN later_count integer NOT NULL DEFAULT 0,
    ADD COLUMN later_at timestamptz DEFAULT now();
ALTER TABLE {table} ADD CONSTRAINT {table}_later_check CHECK (later_count >= 0 AND later <> '') NOT VALID;
COMMENT ON COLUMN {table}.later IS 'New.';
"""
_ANEW: Final = """
CREATE OR REPLACE FUNCTION later_says(order_id text) RETURNS text LANGUAGE sql STABLE SET search_path FROM CURRENT
    AS 'SELECT upper(status) FROM executions WHERE alpaca_order_id = order_id';
"""


def next_migrations(folder: Path) -> list[str]:
    """All files that there are, and those of the version to come, in `folder`; names of the latter, in order."""
    known = find_migrations()
    folder.mkdir(parents=True, exist_ok=True)
    for one in PACKAGED.iterdir():
        if one.name.endswith(".sql"):
            (folder / one.name).write_bytes(one.read_bytes())
    newest = known[-1].version
    texts = [("primary_later", _NEW)]
    kinds = tables_by_kind(known)
    texts += [(f"{kind}_later_{table}", _COLUMNS.format(table=table)) for table, kind in kinds.items()]
    texts += [
        ("derived_later_validated", "ALTER TABLE order_events VALIDATE CONSTRAINT order_events_later_check;"),
        (
            "derived_later_index",
            "-- outside a transaction\n"
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS order_events_later_idx ON order_events (account_id, later_count);",
        ),
        ("primary_later_anew", _ANEW),
        (
            "derived_later_without",
            f"-- outside a transaction\n-- oldest program: {newest}\n"
            "DROP INDEX CONCURRENTLY IF EXISTS fills_transacted_idx;",
        ),
    ]
    names = [f"{int(newest) + number:04}_{name}" for number, (name, _text) in enumerate(texts, 1)]
    for name, (_name, text) in zip(names, texts, strict=True):
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    return names


def next_program(folder: Path) -> dict[str, str]:
    """The program of the version to come, in `folder`; with these settings `python -m stream_reconcile` is that."""
    package = Path(stream_reconcile.__file__).parent
    shutil.copytree(package, folder / package.name)
    shutil.copytree(schema_directory(), folder / package.name / "schemas", dirs_exist_ok=True)
    next_migrations(folder / package.name / "store" / "sql" / "migrations")
    return {"PYTHONPATH": str(folder)}
