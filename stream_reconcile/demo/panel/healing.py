"""When the tables were proven equal to the broker again, and what was found and repaired until then: asked of them.

Nobody has to have watched: the first sweep that began after the disturbance was over and proved the rows equal is the
moment, and it stands in `sweeps`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg

from stream_reconcile.core.discrepancy_types import BLOCKS_PROOF
from stream_reconcile.store.queries import load

_FILE: Final = "verdict.sql"
# What else a disturbance may leave behind; races and busts of the broker's own trading are nothing of it.
_TYPES: Final = sorted(BLOCKS_PROOF | {"unrecorded_order", "not_placed", "incomplete_sweep", "second_writer"})


@dataclass(frozen=True, slots=True)
class Found:
    """Findings of one type: how many, and how many of them are open."""

    type: str
    found: int
    still_open: int


@dataclass(frozen=True, slots=True)
class Healing:
    """How far it has come. `healed_at`: when the sweep had ended that proved it (it began `proven_at`); None before."""

    healed_at: datetime | None
    proven_at: datetime | None
    kind: str
    repairs: int
    findings: tuple[Found, ...]


def healing(connection: psycopg.Connection, begun: datetime, over: datetime | None) -> Healing:
    """Of a disturbance of this time; `over` None: it goes on."""
    queries = load(_FILE)
    proof = None if over is None else connection.execute(queries["first_proof"], {"since": over}).fetchone()
    kind, proven_at, healed_at = proof or ("", None, None)
    stretch = {"since": begun, "until": healed_at}
    repairs = connection.execute(queries["repairs_between"], stretch).fetchall()[0][0]
    findings = connection.execute(queries["findings_between"], {**stretch, "types": _TYPES}).fetchall()
    return Healing(healed_at, proven_at, kind, repairs, tuple(Found(*row) for row in findings))
