"""What a migration may do: each kind that is allowed and each that is not, and our own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_reconcile.store.migration_files import find_migrations
from support.migration_rule import breaches
from support.next_version import next_migrations
from support.released import last_released

# Migrations that came before there was a release, and so before anybody had a version before: they do what they say
# here and nothing else. None is to come to it.
BEFORE_THE_FIRST_RELEASE = {
    # A replay makes the function in its own schema, and a promote leaves each where it is: they are the same.
    "0002_derived": ["makes a function beside derived tables, where a promote would leave it behind", "has a DoStmt"],
    "0007_primary_decision_copies": ["makes an index of trade_decisions while nobody may write there: CONCURRENTLY"],
    "0008_derived_recent": [
        "makes an index of order_events while nobody may write there: CONCURRENTLY",
        "makes an index of fills while nobody may write there: CONCURRENTLY",
    ],
    "0011_derived_reversals": [
        "drops fill_evidence_kind_check of fill_evidence: say which programs do not use it any more "
        "(`-- oldest program: NNNN`)",
        "puts a check that is not NOT VALID on fill_evidence",
    ],
    "0012_primary_pending_positions": ["puts a check that is not NOT VALID on known_positions"],
    "0013_derived_changed": ["makes an index of order_events while nobody may write there: CONCURRENTLY"],
}

BEFORE = """
CREATE TABLE standing (a int, b text);
CREATE TABLE leases (job text);
CREATE TABLE other (a int);
CREATE VIEW seen AS SELECT 1 AS a;
CREATE FUNCTION told(a text, b int DEFAULT 3) RETURNS int LANGUAGE sql AS 'SELECT 1';
"""

ALLOWED = {
    "a table with all that belongs to it": """
        CREATE TABLE n (a int PRIMARY KEY, b int GENERATED ALWAYS AS IDENTITY, c int CHECK (c > 0));
        CREATE TABLE m (a int REFERENCES n (a), UNIQUE (a));
        CREATE UNIQUE INDEX i ON n (b);
        ALTER TABLE n ALTER COLUMN c SET NOT NULL;
        INSERT INTO n (a) VALUES (1);
        CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER g BEFORE INSERT ON n FOR EACH ROW EXECUTE FUNCTION guard();
        COMMENT ON TABLE n IS 'New.';""",
    "columns": """ALTER TABLE standing ADD COLUMN c text COLLATE "C", ADD d int NOT NULL DEFAULT -1,
        ADD e numeric[] NOT NULL DEFAULT '{}', ADD f timestamptz DEFAULT now(), ADD g int[] DEFAULT ARRAY[1, 2]""",
    "a check of new columns": """ALTER TABLE standing ADD c int, ADD d int;
        ALTER TABLE standing ADD CONSTRAINT k CHECK (c > 0 AND d IS DISTINCT FROM c) NOT VALID""",
    "a check validated": "ALTER TABLE standing VALIDATE CONSTRAINT k; COMMENT ON COLUMN standing.a IS 'A.'",
    "settings of storage": "ALTER TABLE standing SET (fillfactor = 70)",
    "an index": "-- outside a transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON standing (a)",
    "an index of a small table": "CREATE INDEX i ON leases (job)",
    "a view": "CREATE VIEW v AS SELECT a FROM standing",
    "a function": "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT a'",
    "a function anew": """CREATE OR REPLACE FUNCTION told(a text, b int DEFAULT 3) RETURNS int LANGUAGE sql
        AS 'SELECT 2'""",
    "what the last release does not use is dropped": """-- oldest program: 0001
        DROP TABLE other; ALTER TABLE standing DROP COLUMN b; DROP FUNCTION told(text, int); DROP VIEW seen""",
    "an index is dropped": "-- outside a transaction\n-- oldest program: 0001\nDROP INDEX CONCURRENTLY IF EXISTS i",
}

REFUSED = {
    "a column dropped": ("ALTER TABLE standing DROP COLUMN b", "drops b of standing"),
    "a table dropped": ("DROP TABLE standing", "drops a table"),
    "a view dropped": ("DROP VIEW seen", "drops a view"),
    "a function dropped": ("DROP FUNCTION told(text, int)", "drops a function"),
    "what is dropped is newer than the last release": (
        "-- oldest program: 0002\nDROP TABLE other",
        "leaves behind programs before 0002",
    ),
    "a column renamed": ("ALTER TABLE standing RENAME a TO c", "RenameStmt"),
    "a table renamed": ("ALTER TABLE standing RENAME TO c", "RenameStmt"),
    "another type": ("ALTER TABLE standing ALTER COLUMN a TYPE bigint", "AT_AlterColumnType"),
    "required": ("ALTER TABLE standing ALTER COLUMN a SET NOT NULL", "AT_SetNotNull"),
    "may be null": ("ALTER TABLE standing ALTER COLUMN a DROP NOT NULL", "AT_DropNotNull"),
    "another default": ("ALTER TABLE standing ALTER COLUMN a SET DEFAULT 3", "AT_ColumnDefault"),
    "a column without a default": ("ALTER TABLE standing ADD c int NOT NULL", "wants a value for c"),
    "a default for each row": ("ALTER TABLE standing ADD c uuid DEFAULT gen_random_uuid()", "writes standing anew"),
    "a generated column": ("ALTER TABLE standing ADD c int GENERATED ALWAYS AS (a) STORED", "a generated value"),
    "a serial": ("ALTER TABLE standing ADD c int GENERATED ALWAYS AS IDENTITY", "an identity"),
    "a column with a check": ("ALTER TABLE standing ADD c int CHECK (c > 0)", "a check"),
    "a unique column": ("ALTER TABLE standing ADD c int UNIQUE", "a unique constraint"),
    "a check": ("ALTER TABLE standing ADD CONSTRAINT k CHECK (a > 0)", "a check that is not NOT VALID"),
    "a check of old columns": (
        "ALTER TABLE standing ADD c int, ADD CONSTRAINT k CHECK (c > a) NOT VALID",
        "binds what the version before writes: a of standing",
    ),
    "a foreign key": ("ALTER TABLE standing ADD FOREIGN KEY (a) REFERENCES other (a) NOT VALID", "a foreign key"),
    "a foreign key to what was there": ("CREATE TABLE n (a int REFERENCES other (a))", "binds n to other"),
    "validated beside others": (
        "ALTER TABLE standing ADD c int; ALTER TABLE standing VALIDATE CONSTRAINT k",
        "validates a constraint beside",
    ),
    "two tables": ("ALTER TABLE standing ADD c int; ALTER TABLE other ADD c int", "alters other, standing"),
    "an index that stops writers": ("CREATE INDEX i ON standing (a)", "CONCURRENTLY"),
    "a unique index": (
        "-- outside a transaction\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON standing (a)",
        "a unique index",
    ),
    "concurrently in a transaction": (
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON standing (a)",
        "needs the remark",
    ),
    "not to be repeated": (
        "-- outside a transaction\nCREATE INDEX CONCURRENTLY i ON standing (a)",
        "is outside a transaction and not one",
    ),
    "much outside a transaction": (
        "-- outside a transaction\nCREATE TABLE n (a int); CREATE TABLE m (a int)",
        "is outside a transaction and not one",
    ),
    "rows changed": ("UPDATE standing SET a = 1", "UpdateStmt"),
    "rows added": ("INSERT INTO standing VALUES (1)", "InsertStmt"),
    "rows deleted": ("DELETE FROM standing", "DeleteStmt"),
    "a view anew": ("CREATE OR REPLACE VIEW seen AS SELECT 2 AS a", "replaces view seen"),
    "a function with other arguments": (
        "CREATE FUNCTION told(a text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "gives function told other arguments",
    ),
    "a function with arguments of other names": (
        "CREATE OR REPLACE FUNCTION told(c text, b int DEFAULT 3) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "gives function told other arguments",
    ),
    "a function bound to a table": (
        "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql RETURN (SELECT count(*) FROM standing)",
        "binds function f to tables",
    ),
    "a trigger on what was there": (
        "CREATE TRIGGER g BEFORE INSERT ON standing FOR EACH ROW EXECUTE FUNCTION g()",
        "a trigger on standing",
    ),
    "a part of a table": ("CREATE TABLE n () INHERITS (standing)", "a part of another table"),
    "a block": ("DO $$ BEGIN END $$", "DoStmt"),
    "rights": ("GRANT SELECT ON standing TO PUBLIC", "GrantStmt"),
    "a lock": ("LOCK TABLE standing", "LockStmt"),
    "no SQL": ("CREATE TABEL n (a int)", "is no SQL"),
}

DERIVED_REFUSED = {
    "a view": ("CREATE VIEW v AS SELECT 1", "a view beside derived tables"),
    "a function": ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "a function beside derived tables"),
    "a foreign key": ("CREATE TABLE n (a int PRIMARY KEY, b int REFERENCES n (a))", "a promote moves derived tables"),
}


def found(folder: Path, text: str, kind: str = "primary") -> list[str]:
    (folder / "0001_primary.sql").write_text(BEFORE, encoding="utf-8")
    (folder / f"0002_{kind}_next.sql").write_text(text, encoding="utf-8")
    return breaches(find_migrations(folder), last_released="0001")[f"0002_{kind}_next"]


@pytest.mark.parametrize("kind", ALLOWED)
def test_what_is_allowed(tmp_path: Path, kind: str) -> None:
    assert found(tmp_path, ALLOWED[kind]) == []


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(tmp_path: Path, kind: str) -> None:
    text, why = REFUSED[kind]
    assert any(why in one for one in found(tmp_path, text)), found(tmp_path, text)


@pytest.mark.parametrize("kind", DERIVED_REFUSED)
def test_what_is_refused_beside_derived_tables(tmp_path: Path, kind: str) -> None:
    text, why = DERIVED_REFUSED[kind]
    assert any(why in one for one in found(tmp_path, text, "derived")), found(tmp_path, text, "derived")


def test_our_own_migrations_keep_to_it() -> None:
    broken = {name: why for name, why in breaches(find_migrations(), last_released=last_released()).items() if why}
    assert broken == BEFORE_THE_FIRST_RELEASE


def test_so_do_those_of_the_version_that_tests_upgrade_to(tmp_path: Path) -> None:
    names = next_migrations(tmp_path)
    newest = find_migrations()[-1].version
    found_in = breaches(find_migrations(tmp_path), last_released=newest)
    assert {name: found_in[name] for name in names if found_in[name]} == {}
