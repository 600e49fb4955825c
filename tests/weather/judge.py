"""What discrepancies may be there: those that tell of something the broker really did, and no others."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any, Final

import psycopg

from stream_reconcile.core.sweep.schedule import Kind
from stream_reconcile.store.sweeps import answer_of, ask_for
from support.servers import SCHEMA
from support.waiting import wait_until
from support.whole import Whole

from .outcome import Outcome

# Frames tell of these themselves, in any weather: the order flow has them far more often than life.
_TOLD_BY_FRAMES: Final = frozenset(
    ("cancel_fill_race", "fill_on_predecessor", "replace_rejected", "impossible_regression")
)
_OF_EXECUTIONS: Final = {"trade_bust": "busted", "trade_correct": "corrected"}


class Truth:
    """What the books say of the orders that discrepancies name."""

    def __init__(self, whole: Whole) -> None:
        control = whole.simulator.control
        orders = list(control.orders())
        self.overfilled = {order["id"] for order in orders if _is_overfilled(order)}
        self.client_ids = {order["client_order_id"] for order in orders}
        self.taken_back: dict[str, set[str]] = {state: set() for state in _OF_EXECUTIONS.values()}
        for execution in control.executions():
            if execution["state"] in self.taken_back:
                self.taken_back[execution["state"]].add(execution["order_id"])

    def calls_for(self, kind: str, subject: str) -> bool:
        """Whether the broker did what this says, by itself and for good."""
        if kind in _OF_EXECUTIONS:
            return subject in self.taken_back[_OF_EXECUTIONS[kind]]
        if kind == "not_placed":
            return subject not in self.client_ids
        return kind in _TOLD_BY_FRAMES or (kind == "overfill" and subject in self.overfilled)

    def waits_for_a_person(self, kind: str, subject: str) -> bool:
        """Whether it is true, and stays open until somebody has seen it."""
        return kind in ("overfill", "not_placed") and self.calls_for(kind, subject)


def _is_overfilled(order: dict[str, Any]) -> bool:
    return bool(order["qty"]) and Decimal(order["filled_qty"]) > Decimal(order["qty"])


def false_alarms(
    rows: Iterable[dict[str, Any]], truth: Truth, *, known: Collection[str] = ("stream_gap",)
) -> list[str]:
    """Those that nothing at the broker calls for, and that are not of a type in `known`."""
    return [
        f"{row['type']} of {row['subject']}"
        for row in rows
        if row["type"] not in known and not truth.calls_for(row["type"], row["subject"])
    ]


def in_the_end(whole: Whole, outcome: Outcome, truth: Truth, *, left: Collection[str] = ()) -> None:
    """Tables equal to the books, now; and nothing open but what waits for a person because it is true."""
    verdict = whole.verdict()
    outcome.figures |= {"orders": verdict.orders, "fills": verdict.fills, "differences": verdict.differing}
    outcome.promise(verdict.equal, f"the tables differ: {[tuple(each) for each in verdict.differences[:5]]}")
    still = [
        f"{row['type']} of {row['subject']}"
        for row in whole.discrepancies()
        if row["state"] == "open"
        and row["type"] not in left
        and not truth.waits_for_a_person(row["type"], row["subject"])
    ]
    outcome.promise(not still, f"{len(still)} discrepancies are still open: {still[:5]}")


def count_types(whole: Whole) -> dict[str, float]:
    """How many discrepancies there were, by type."""
    found = whole.rows("SELECT type, count(*) AS count FROM discrepancies GROUP BY type ORDER BY type")
    return {f"found_{row['type']}": row["count"] for row in found}


def swept(whole: Whole) -> dict[str, float]:
    """What the sweeps did."""
    found = whole.rows(
        "SELECT kind, count(*) AS runs, sum(requests) AS requests, sum(published) AS published,"
        " max(extract(epoch FROM finished_at - started_at))::double precision AS longest"
        " FROM sweeps WHERE finished_at IS NOT NULL GROUP BY kind ORDER BY kind"
    )
    figures: dict[str, float] = {f"sweeps_{row['kind']}": row["runs"] for row in found}
    return figures | {
        "requests": int(sum(row["requests"] for row in found)),
        "published_by_sweeps": int(sum(row["published"] for row in found)),
        **{f"longest_{row['kind']}_s": round(row["longest"], 2) for row in found},
    }


def asked(whole: Whole, outcome: Outcome, *, timeout: float) -> None:
    """Ask for a deep sweep, as `stream-reconcile sweep` does: it proves what it read."""
    with psycopg.connect(whole.dsn, options=f"-c search_path={SCHEMA}", autocommit=True) as connection:
        action = ask_for(connection, whole.simulator.account_id, Kind.DEEP, who="weather", why="")
        answer = wait_until(lambda: answer_of(connection, action), timeout=timeout, what="the deep sweep")
    assert answer is not None
    outcome.promise(bool(answer["proven_equal_at"]), f"the deep sweep that was asked for proved nothing: {answer}")


def proof_after(whole: Whole, since_s: float, *, timeout: float) -> float:
    """When a proof was written by a sweep that began after that time; both are seconds since the epoch."""
    query = (
        "SELECT extract(epoch FROM min(finished_at))::double precision FROM sweeps"
        " WHERE extract(epoch FROM proven_equal_at) > %(since)s"
    )

    def proof() -> float | None:
        assert whole.faults == []
        found = whole.value(query, since=since_s)
        return None if found is None else float(found)

    try:
        found = wait_until(proof, timeout=timeout, what="a proof")
    except AssertionError as error:
        agreement = whole.rows("SELECT scope, proven_equal_at::text, blocked_by FROM agreement")
        last = whole.rows("SELECT kind, complete, error FROM sweeps ORDER BY started_at DESC LIMIT 3")
        raise AssertionError(f"{error}; {agreement}; {last}") from None
    assert found is not None
    return found
