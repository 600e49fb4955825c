"""Readings of the account and its positions into their tables, inside apply's transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import psycopg

from stream_reconcile.core.holdings import Holding, HoldingKind
from stream_reconcile.core.timestamps import ms_text
from stream_reconcile.store.queries import load

_STATEMENTS = {HoldingKind.POSITIONS: "insert_positions", HoldingKind.ACCOUNT: "insert_accounts"}


def insert_holdings(connection: psycopg.Connection, holdings: Sequence[Holding]) -> None:
    """Write what was read; a reading that is there already is left as it stands."""
    queries = load("holdings.sql")
    for kind, statement in _STATEMENTS.items():
        rows = [_where(holding) | row for holding in holdings if holding.kind is kind for row in holding.rows]
        if rows:
            connection.execute(queries[statement], {"rows": json.dumps(rows)})


def _where(holding: Holding) -> dict[str, Any]:
    seen = holding.seen
    return {
        "account_id": seen.account_id,
        "as_of": ms_text(holding.as_of_ms),
        "source": seen.source,
        "topic": seen.topic,
        "partition": seen.partition,
        "offset": seen.offset,
        "known_at": ms_text(seen.known_at_ms),
    }
