"""What tests of discrepancies say again and again: decide, place, wait for a row or for what is found."""

from __future__ import annotations

import json
import secrets
from typing import Any
from uuid import UUID

import psycopg

from stream_reconcile import intents
from stream_reconcile.core.discrepancy_types import BLOCKS_PROOF
from stream_reconcile.core.sweep.compared import Graces
from stream_reconcile.core.sweep.schedule import Intervals
from stream_reconcile.store import discrepancies_by_hand
from support.http_client import Rest
from support.servers import SCHEMA
from support.waiting import wait_until
from support.whole import Whole, quick

TIMING = quick(
    graces=Graces(finding_s=0.3, absence_s=1.0, stuck_s=1.0, apart_s=1.0, residual_s=3.0, second_writer_s=2.0),
    intervals=Intervals(hot_s=0.25, deep_s=3.0, retry_s=0.5),
    look_every_s=0.05,
)
RESTING = {"type": "limit", "limit_price": "1", "time_in_force": "gtc"}


def decide(whole: Whole, client_order_id: str, *, submitted: bool = True, **terms: Any) -> UUID:
    with psycopg.connect(whole.dsn, autocommit=True) as connection:
        account_id = whole.simulator.account_id
        made = intents.record(connection, account_id=account_id, client_order_id=client_order_id, **terms)
        if submitted:
            intents.mark_submitted(connection, made)
        return made


def place(rest: Rest, **terms: object) -> dict[str, Any]:
    order = {"qty": "10", "side": "buy", "type": "market", "time_in_force": "day"}
    response = rest("POST", "/v2/orders", json={**order, **terms})
    assert response.status_code == 200, response.text
    placed: dict[str, Any] = response.json()
    return placed


def order(whole: Whole, rest: Rest, **terms: object) -> dict[str, Any]:
    """Decided, then placed."""
    client_order_id = f"c-{secrets.token_hex(6)}"
    decide(whole, client_order_id, symbol=terms["symbol"])
    return place(rest, client_order_id=client_order_id, **terms)


def here(whole: Whole, order_id: str, status: str) -> dict[str, Any]:
    """Its row, when it says so."""

    def row() -> dict[str, Any] | None:
        rows = whole.rows("SELECT * FROM executions WHERE alpaca_order_id = %(id)s", id=order_id)
        return rows[0] if rows and rows[0]["status"] == status else None

    found = wait_until(row, what=f"{status} here")
    assert found is not None
    return found


def at_broker(rest: Rest, order_id: str, status: str) -> None:
    wait_until(lambda: rest.get(f"/v2/orders/{order_id}")["status"] == status, what=f"{status} at the broker")


def found(whole: Whole, kind: str, subject: str, state: str = "open", times: int = 1) -> dict[str, Any]:
    """The discrepancy, when it is in this state; while it is open and blocks the proof, `agreement` says so."""

    def last() -> dict[str, Any] | None:
        assert whole.faults == []
        rows = [row for row in whole.discrepancies(kind=kind) if row["subject"] == subject]
        return rows[-1] if len(rows) == times and rows[-1]["state"] == state else None

    try:
        row = wait_until(last, what=f"{kind} {state}")
    except AssertionError as error:
        every = [(each["type"], each["subject"], each["state"], each["evidence"]) for each in whole.discrepancies()]
        raise AssertionError(f"{error}; {every[-8:]}; {whole.swept}") from None
    assert row is not None
    if state == "open":
        blocked = whole.value("SELECT blocked_by FROM agreement WHERE scope = 'hot'")
        assert (f"{kind} {subject}" in blocked) == (kind in BLOCKS_PROOF)
    return row


def not_proved(whole: Whole, sweeps: int = 2) -> None:
    """So many more complete sweeps, and none proves anything."""
    query = "SELECT count(*) FILTER (WHERE complete) AS complete, count(proven_equal_at) AS proofs FROM sweeps"
    (before,) = whole.rows(query)

    def swept() -> bool:
        (now,) = whole.rows(query)
        assert now["proofs"] == before["proofs"]
        return bool(now["complete"] >= before["complete"] + sweeps)

    wait_until(swept, what="more sweeps")


def read_late(whole: Whole) -> None:
    """What happens now is read by no sweep before its grace has passed."""
    whole.simulator.control.fault("rest_hang", method="GET", path="/v2/orders", seconds=0.7)


def accept(whole: Whole, row: dict[str, Any]) -> None:
    with psycopg.connect(whole.dsn, options=f"-c search_path={SCHEMA}", autocommit=True) as connection:
        discrepancies_by_hand.accept(connection, row["discrepancy_id"], reason="seen", who="a person")


def by_sweep(row: dict[str, Any]) -> bool:
    return str(row["resolved_by"]).startswith("sweep ")


def state_of(whole: Whole, decision: UUID) -> str:
    return str(whole.value("SELECT state FROM trade_decisions WHERE decision_id = %(id)s", id=decision))


def replaced(rest: Rest, order_id: str, client_order_id: str) -> str:
    answer = rest("PATCH", f"/v2/orders/{order_id}", json={"limit_price": "2", "client_order_id": client_order_id})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def frame(**parts: object) -> bytes:
    return json.dumps({"stream": "trade_updates", "data": {"event": "new", **parts}}).encode()
