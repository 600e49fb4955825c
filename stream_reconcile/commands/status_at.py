"""`stream-reconcile status --at TIME`: how things stood at a time that is past, from the database alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stream_reconcile.commands.output import console, table
from stream_reconcile.commands.postgres import opened
from stream_reconcile.commands.servers import servers_to_look_at
from stream_reconcile.config import Settings
from stream_reconcile.store import past, readers


@dataclass(frozen=True, slots=True)
class StatusAt:
    """What was found for one time. `begins`: before it nothing was committed here."""

    at: datetime
    begins: datetime | None
    orders: list[past.CountAt]
    agreement: list[past.AgreementAt]
    discrepancies: list[past.OpenAt]


def read_status_at(settings: Settings, at: datetime) -> StatusAt:
    """All of it as of one moment of the database."""
    with (
        servers_to_look_at(settings) as servers,
        opened(servers, settings.schema_, "status") as connection,
        readers.snapshot(connection),
    ):
        return StatusAt(
            at,
            past.history_begins(connection),
            past.orders_at(connection, at),
            past.agreement_at(connection, at),
            past.discrepancies_at(connection, at),
        )


def status_at_json(found: StatusAt) -> dict[str, Any]:
    """The shape of docs/json/status-at.schema.json."""
    return {
        "at": found.at.isoformat(),
        "history_begins": found.begins and found.begins.isoformat(),
        "orders": [
            {
                "account_id": one.account_id,
                "believed": one.believed,
                "said": one.said,
                "orders": one.orders,
                "differing": one.differing,
            }
            for one in found.orders
        ],
        "agreement": [
            {
                "account_id": one.account_id,
                "scope": one.scope,
                "proven_equal_at": one.proven_equal_at and one.proven_equal_at.isoformat(),
            }
            for one in found.agreement
        ],
        "open_discrepancies": [
            {
                "account_id": one.account_id,
                "type": one.type,
                "count": one.count,
                "first_seen_at": one.first_seen_at.isoformat(),
                "blocks_proof": one.blocks_proof,
            }
            for one in found.discrepancies
        ],
    }


def show_status_at(found: StatusAt) -> None:
    """For people."""
    out = console()
    if found.begins is None or found.at < found.begins:
        began = f"; the first is of {found.begins.isoformat()}" if found.begins else ""
        out.print(f"As of {found.at.isoformat()} nothing had been committed here{began}.")
    rows = table("ACCOUNT", "BELIEVED", "SAID", "ORDERS", "DIFFERING", right=("ORDERS", "DIFFERING"))
    for one in found.orders:
        rows.add_row(one.account_id, one.believed or "-", one.said or "-", str(one.orders), str(one.differing))
    if found.orders:
        out.print(rows)
    for proof in found.agreement:
        until = proof.proven_equal_at.isoformat() if proof.proven_equal_at else "never"
        out.print(f"{proof.account_id} {proof.scope}: proven equal to the broker as of {until}")
    for open_then in found.discrepancies:
        blocks = ", blocks the proof" if open_then.blocks_proof else ""
        since = open_then.first_seen_at.isoformat(timespec="seconds")
        out.print(f"{open_then.account_id} {open_then.count} open {open_then.type} since {since}{blocks}")
    total, differing = sum(one.orders for one in found.orders), sum(one.differing for one in found.orders)
    out.print(f"{total} orders as of {found.at.isoformat()}; of {differing} the broker had said more than was believed")
