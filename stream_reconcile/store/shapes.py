"""Rows as JSON, the same for the command line and for HTTP."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from stream_reconcile.core.discrepancy_types import BLOCKS_PROOF, TYPES
from stream_reconcile.store.discrepancies_by_hand import ClosableDiscrepancy
from stream_reconcile.store.readers import DeadLetter


def blocks_proof(row: ClosableDiscrepancy) -> bool:
    """Whether it blocks the proof now."""
    return row.state == "open" and row.type in BLOCKS_PROOF


def discrepancy_json(row: ClosableDiscrepancy) -> dict[str, Any]:
    """One of the items of docs/json/discrepancies.schema.json: the row, what it means, and what to do about it."""
    kind = TYPES.get(row.type)
    return {
        **_texts(asdict(row)),
        "blocks_proof": blocks_proof(row),
        "means": None if kind is None else kind.means,
        "advice": None if kind is None else kind.advice,
        "closes": None if kind is None else kind.closes,
    }


def letter_name(letter: DeadLetter) -> str:
    """What commands call it."""
    return f"{letter.topic}:{letter.partition}:{letter.offset}"


def letter_json(letter: DeadLetter) -> dict[str, Any]:
    """One of the items of docs/json/dead-letters-list.schema.json; the record's bytes are never in it."""
    fields = {name: value for name, value in asdict(letter).items() if name not in ("key", "payload")}
    return {"letter": letter_name(letter), **_texts(fields)}


def _texts(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()}
