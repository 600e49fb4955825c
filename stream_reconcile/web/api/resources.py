"""What there is to read, a declaration each; docs/api.md lists the same (a test holds it)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from stream_reconcile.core.discrepancy_types import TYPES
from stream_reconcile.store import browse, discrepancies_by_hand
from stream_reconcile.store.browse import ExecutionStory
from stream_reconcile.store.shapes import discrepancy_json, letter_json
from stream_reconcile.web.api import params, shapes
from stream_reconcile.web.api.endpoint import Backend, Listing, Single
from stream_reconcile.web.problems import NotThere

API: Final = "/api/v1"

_ACCOUNT = params.text("account_id", "Only of this account.")
_SYMBOL = params.text("symbol", "Only of this symbol, as the broker writes it.")
_SIDE = params.text("side", "buy, sell, or another word of the broker.")
_ORDER = params.text("order_id", "Only of this order, by the broker's id.")


def _since(what: str) -> params.Param:
    return params.moment("since", f"{what} at or after this time (RFC 3339).")


def _until(what: str) -> params.Param:
    return params.moment("until", f"{what} before this time (RFC 3339).")


EXECUTIONS: Final = Listing(
    f"{API}/executions",
    "Orders, those that the broker changed last first.",
    shapes.Execution,
    (
        _ACCOUNT,
        _SYMBOL,
        _SIDE,
        params.texts("status", "Of this status, or of any of these."),
        params.flag("open", "true: those that are not at an end; false: those that are."),
        params.choice("origin", "Whose decision it was.", ("own", "recovered", "external")),
        params.text("client_order_id", "The id that it was submitted with."),
        params.text("begins", "How its id, or its client order id, begins."),
        _since("Changed"),
        _until("Changed"),
    ),
    browse.executions,
    browse.execution_key,
    (int, str, str),
)
FILLS: Final = Listing(
    f"{API}/fills",
    "Executions of orders, the newest first.",
    shapes.Fill,
    (
        _ACCOUNT,
        _ORDER,
        _SYMBOL,
        _SIDE,
        params.choice("entry", "What it is.", ("trade", "reversal", "correction", "residual")),
        _since("Executed"),
        _until("Executed"),
    ),
    browse.fills,
    browse.fill_key,
    (datetime, str, str),
)
POSITIONS: Final = Listing(
    f"{API}/positions",
    "Positions, as a sweep read them last, by account and symbol.",
    shapes.Position,
    (_ACCOUNT, _SYMBOL),
    browse.positions,
    browse.position_key,
    (str, str),
)
DISCREPANCIES: Final = Listing(
    f"{API}/discrepancies",
    "What differs or differed between broker and rows, the newest first.",
    shapes.Discrepancy,
    (
        params.choice("state", "Of this state.", ("open", "resolved", "accepted")),
        params.choice("type", "Of this type (docs/commands.md).", TYPES),
        _ACCOUNT,
        params.text("subject", "About this: an order, a client order id, a symbol, …"),
        _since("Last seen"),
    ),
    browse.discrepancies,
    browse.discrepancy_key,
    (int,),
    shown=discrepancy_json,
)
SWEEPS: Final = Listing(
    f"{API}/sweeps",
    "Runs of the sweep, the newest first.",
    shapes.Sweep,
    (
        _ACCOUNT,
        params.choice("kind", "Of this kind.", ("hot", "gap", "deep", "full")),
        params.flag("complete", "Whether all that it had to read was read."),
        params.flag("proven", "Whether it proved the rows equal."),
        _since("Begun"),
    ),
    browse.sweeps,
    browse.sweep_key,
    (datetime, UUID),
)
DEAD_LETTERS: Final = Listing(
    f"{API}/dead-letters",
    "Records that could not be applied, in the order of the log; never their bytes.",
    shapes.DeadLetter,
    (
        params.flag("open_only", "true: without those that a retry has applied."),
        params.text("topic", "Of this topic."),
        params.text("reason", "For this reason."),
        _ORDER,
    ),
    browse.dead_letters,
    browse.dead_letter_key,
    (str, int, int, str),
    shown=letter_json,
)
ACTIONS: Final = Listing(
    f"{API}/actions",
    "What people did or asked for, by whom and why, the newest first.",
    shapes.Action,
    (params.text("action", "This kind of action: rewind, rewind_undo, sweep, discrepancy_accept, …"), _ACCOUNT),
    browse.actions,
    browse.action_key,
    (int,),
)
LISTINGS: Final = (EXECUTIONS, FILLS, POSITIONS, DISCREPANCIES, SWEEPS, DEAD_LETTERS, ACTIONS)


async def _status(backend: Backend, where: Mapping[str, str], said: Mapping[str, Any]) -> Any:
    return await backend.ask("status")


async def _lag(backend: Backend, where: Mapping[str, str], said: Mapping[str, Any]) -> Any:
    return await backend.ask("lag")


async def _cursors(backend: Backend, where: Mapping[str, str], said: Mapping[str, Any]) -> Any:
    return {"items": await backend.ask("cursors"), "next": None}


async def story(backend: Backend, order_id: str, account_id: str | None) -> ExecutionStory:
    """All that is known of one order. Raises NotThere, and ConfigError where several accounts have it."""
    found = await backend.reads(lambda connection: browse.execution_story(connection, order_id, account_id=account_id))
    if found is None:
        raise NotThere(f"there is no order {order_id}" + (f" in account {account_id}" if account_id else ""))
    return found


async def _execution(backend: Backend, where: Mapping[str, str], said: Mapping[str, Any]) -> Any:
    found = await story(backend, where["order_id"], said.get("account_id"))
    told = {name: getattr(found, name) for name in shapes.ExecutionStory.model_fields}
    return told | {"discrepancies": [discrepancy_json(one) for one in found.discrepancies]}


async def _discrepancy(backend: Backend, where: Mapping[str, Any], said: Mapping[str, Any]) -> Any:
    number = where["discrepancy_id"]
    found = await backend.reads(lambda connection: discrepancies_by_hand.one(connection, number))
    if found is None:
        raise NotThere(f"there is no discrepancy {number}")
    return discrepancy_json(found)


STATUS: Final = Single(f"{API}/status", "Everything at one look, as `stream-reconcile status`.", shapes.Status, _status)
LAG: Final = Single(f"{API}/lag", "What is not applied yet, by partition, as `stream-reconcile lag`.", shapes.Lag, _lag)
CURSORS: Final = Single(
    f"{API}/cursors", "How far each partition is applied, and how far the log goes.", shapes.CURSORS, _cursors
)
EXECUTION: Final = Single(
    f"{API}/executions/{{order_id}}",
    "One order: its row, what stream and sweeps said of it, its fills, its decision.",
    shapes.ExecutionStory,
    _execution,
    parameters=(_ACCOUNT,),
    path_values=(params.text("order_id", "The broker's order id."),),
)
DISCREPANCY: Final = Single(
    f"{API}/discrepancies/{{discrepancy_id}}",
    "One discrepancy, with both sides' evidence, and what to do about it.",
    shapes.Discrepancy,
    _discrepancy,
    path_values=(params.number("discrepancy_id", "Its number."),),
)
SINGLES: Final = (STATUS, LAG, CURSORS, EXECUTION, DISCREPANCY)
