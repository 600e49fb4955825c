"""Every kind of write that the program makes, and the statements that make it (docs/architecture.md, "Fences")."""

from __future__ import annotations

import re
from importlib import resources
from typing import Final

import psycopg

from stream_reconcile.store.queries import load
from support.servers import SCHEMA

KINDS: Final[dict[str, str]] = {
    "a batch of apply": """apply.sql: create_observed empty_observed copy_named copy_observed copy_observed_fills
        copy_events copy_fills advance_cursors upsert_executions insert_events state_parents insert_fills
        insert_evidence mark_evidence merge_again put_fills drop_fill record_discrepancies insert_dead_letter
        open_discrepancies close_discrepancies; holdings.sql: insert_positions insert_accounts""",
    "binding after a batch": "binding.sql: put_binding mark_bound",
    "a claim": "cursors.sql: claim",
    "a log that is gone": "cursors.sql: restart_at_low open_gap open_for_each_account",
    "a database set back": "cursors.sql: open_mismatch close_mismatches",
    "the group's offsets": "",
    "an account": "accounts.sql: lock pin open_wrong_account",
    "a lease": "leases.sql: acquire renew release",
    "sessions and windows": "sessions.sql: close insert open_window end_windows move_good_until",
    "frames and steps of a session": "",
    "a sweep's run": "sweeps.sql: begin take_up note_progress finish",
    "a proof": "sweeps.sql: prove",
    "windows closed": "sweeps.sql: close_windows",
    "discrepancies of a sweep": "sweeps.sql: count_attempts; second_writer.sql: close_quiet",
    "what was checked": "sweeps.sql: note_checks note_present note_absences forget_checks",
    "a decision's state": "sweeps.sql: set_decision",
    "positions": "positions.sql: save count",
    "a new socket": "sweeps.sql: ask_reconnect",
    "an answer": "sweeps.sql: answer",
    "what a sweep publishes": "",
    "a checkpoint": "proofs.sql: add",
    "a checkpoint on the topic": "proofs.sql: note_published",
    "copies of decisions": "decision_copies.sql: restore note_progress",
    "a refused write": "second_writer.sql: note",
    "a sweep asked for": "sweeps.sql: ask_for",
    "a dead letter retried": "dead_letters.sql: note_retry close_undecodable note_action",
    "a discrepancy accepted": "discrepancies.sql: accept",
    "a rewind": "rewinds.sql: set_back take_back record passed",
    "a replay": "replay.sql: create_state begin_state put_state shadow_primary",
    "a promote": """promote.sql: move_cursors close_applied_letters open_new_letters note_action note_promoted""",
    "a migration": "",
}
"""Kind → its statements. What goes to Kafka, or through a library, has none."""

# Where records and offsets leave for Kafka, and by which kind.
PRODUCERS: Final[dict[str, str]] = {
    "jobs/ingest/publish.py": "frames and steps of a session",
    "jobs/sweep/publish.py": "what a sweep publishes",
    "jobs/sweep/proof_copies.py": "a checkpoint on the topic",
    "jobs/decisions.py": "copies of decisions",
    "log/consumer.py": "the group's offsets",
}
SENDS: Final = re.compile(r"\.send_all\(|_producer\.send\(topic|_consumer\.commit\(")
_WRITES: Final = re.compile(
    r"\b(INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|COPY|CREATE|ALTER|LOCK TABLE|advance_cursors)\b"
)
_READS: Final = frozenset((("compare.sql", "copy_seen"), ("server_facts.sql", "missing_rights")))
"""They look as if they wrote: into a temporary table, and in words."""
_SCRIPTS: Final = frozenset(("history.sql", "roles.sql", "grants.sql", "grants_primary.sql"))
"""Run whole, by migrations."""


def listed_statements() -> set[tuple[str, str]]:
    """(file, name) of all statements that `KINDS` knows."""
    found = set()
    for statements in KINDS.values():
        for part in filter(None, (part.strip() for part in statements.split(";"))):
            file, _, names = part.partition(":")
            found |= {(file, name) for name in names.split()}
    return found


def writing_statements() -> set[tuple[str, str]]:
    """(file, name) of all statements of the package that write."""
    folder = resources.files("stream_reconcile.store").joinpath("sql")
    files = [file.name for file in folder.iterdir() if file.name.endswith(".sql") and file.name not in _SCRIPTS]
    return {(file, name) for file in files for name, text in load(file).items() if _writes(text)} - _READS


def _writes(text: str) -> bool:
    code = re.sub(r"--.*", "", text)
    code = re.sub(r"\bFOR( NO KEY)? UPDATE\b|\bDO UPDATE\b|\bON UPDATE\b", "", code)
    return _WRITES.search(code) is not None


def everything(dsn: str) -> dict[str, list[str]]:
    """Every row of every table of the schema, as text."""
    with psycopg.connect(dsn, autocommit=True, options=f"-c search_path={SCHEMA}") as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [SCHEMA]).fetchall()
        return {
            table: sorted(row[0] for row in connection.execute(f'SELECT t::text FROM "{table}" t').fetchall())
            for (table,) in tables
        }
