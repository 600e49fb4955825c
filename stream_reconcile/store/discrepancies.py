"""Discrepancies that a job opens and closes in its own transaction, gathered and written in two statements."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from stream_reconcile.store.queries import load

WHO = "apply"


class Findings:
    """What to open and what to close, by (account, type, subject)."""

    def __init__(self) -> None:
        self.opened: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.closed: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.recorded: list[tuple[str, str, str, dict[str, Any], bool]] = []

    def open(self, account_id: str, kind: str, subject: str, evidence: dict[str, Any]) -> None:
        """Open one with this evidence, or touch the one that is open."""
        self.opened[account_id, str(kind), subject] = evidence

    def close(self, account_id: str, kind: str, subject: str) -> None:
        """The two sides agree again."""
        self.closed[account_id, str(kind), subject] = {}

    def record(self, account_id: str, kind: str, subject: str, evidence: dict[str, Any], *, once: bool = False) -> None:
        """One that is over as it is found, unless a row has this evidence (`once`: or this subject)."""
        one = (account_id, str(kind), subject, evidence, once)
        if one not in self.recorded:
            self.recorded.append(one)

    @property
    def types(self) -> tuple[str, ...]:
        """Types of what is opened and recorded."""
        return (*(kind for _account, kind, _subject in self.opened), *(one[1] for one in self.recorded))


def write_findings(
    connection: psycopg.Connection, findings: Findings, *, resolution: str = "the sums agree", who: str = WHO
) -> None:
    """Write them: first what is opened, then what is closed, so that one found and settled at once leaves its row."""
    queries = load("apply.sql")
    if findings.recorded:
        accounts, types, subjects, evidence, once = (list(column) for column in zip(*findings.recorded, strict=True))
        recorded = {"accounts": accounts, "types": types, "subjects": subjects, "once": once, "who": who}
        recorded |= {"evidence": [Jsonb(said) for said in evidence], "resolution": "nothing is to be done about it"}
        connection.execute(queries["record_discrepancies"], recorded, prepare=True)
    for name, rows in (("open_discrepancies", findings.opened), ("close_discrepancies", findings.closed)):
        if rows:
            keys = sorted(rows)
            values: dict[str, Any] = {
                "accounts": [account for account, _kind, _subject in keys],
                "types": [kind for _account, kind, _subject in keys],
                "subjects": [subject for _account, _kind, subject in keys],
            }
            if name == "open_discrepancies":
                values["evidence"] = [Jsonb(rows[key]) for key in keys]
            else:
                values |= {"resolution": resolution, "who": who}
            connection.execute(queries[name], values, prepare=True)
