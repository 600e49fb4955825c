"""Lists that people page through, and one order with all that is known of it. Nothing here writes.

Each list function takes an open connection (`store.connect`), filters by name, a `key` that names the row to go on
after (None: from the start), and a limit; it gives the rows. The keys are what `…_key` functions give for a row.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import psycopg
from psycopg.rows import class_row

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.store.browse_rows import (
    Action,
    Change,
    Execution,
    ExecutionRow,
    Fill,
    Intent,
    OrderEvent,
    Position,
    Sweep,
)
from stream_reconcile.store.comparison import TERMINAL
from stream_reconcile.store.discrepancies_by_hand import ClosableDiscrepancy
from stream_reconcile.store.queries import load
from stream_reconcile.store.readers import DeadLetter

_FILE: Final = "browse.sql"
_Row = TypeVar("_Row")

# How far back from where they go on newest-first lists look, before they read everything. Of a busy account an hour is
# millions of events.
_REACHES: Final = (timedelta(seconds=5), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))
_FAR_NS: Final = 2**63 - 1
_MOST_OF_ONE_ORDER: Final = 500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Filters = Mapping[str, Any]
"""Values of a list's filters by name; None, and names that are left out, are no filter."""


@dataclass(frozen=True, slots=True)
class ExecutionStory:
    """One order: its row, what was said of it in the broker's order, its fills, its decision, what is found about it.

    `more_events`, `more_fills`: there are more than are given.
    """

    execution: ExecutionRow
    events: list[OrderEvent]
    more_events: bool
    fills: list[Fill]
    more_fills: bool
    intent: Intent | None
    why: dict[str, Any] | None
    discrepancies: list[ClosableDiscrepancy]


def executions(
    connection: psycopg.Connection, filters: Filters, key: Sequence[Any] | None = None, *, limit: int = 100
) -> list[Execution]:
    """Orders, those that changed last first.

    Filters: `account_id`, `symbol`, `side`, `origin`, `status` (a list), `open` (a bool), `since` and `until` (of the
    last change), `client_order_id`, and `begins` (how an order id or client order id begins).
    """
    key_ns, key_order, key_account = key or (None, None, None)
    wanted = {name: filters.get(name) for name in ("account_id", "symbol", "side", "origin", "status")}
    is_open = filters.get("open")
    since, until = filters.get("since"), filters.get("until")
    wanted |= {
        "since_ns": None if since is None else _ns(since),
        "until_ns": None if until is None else _ns(until),
        "key_ns": key_ns,
        "key_order": key_order,
        "key_account": key_account,
        "not_status": TERMINAL if is_open else None,
        "limit": limit,
    }
    if is_open is False:
        wanted["status"] = [one for one in wanted["status"] or TERMINAL if one in TERMINAL]
    client_order_id = filters.get("client_order_id")
    begins = filters.get("begins") or client_order_id
    if begins is not None:
        more = {"begins": begins, "client_order_id": client_order_id}
        return _rows(connection, Execution, "executions_by_id", **wanted, **more)
    now_ns = time.time_ns()
    newest_ns = min(at for at in (now_ns, wanted["until_ns"], key_ns) if at is not None)
    # A broker's clock may be ahead of ours: what changed last is not looked for before some time.
    bound = {"newest_ns": _FAR_NS if newest_ns == now_ns else newest_ns}
    for reach in _REACHES:
        since_ns = newest_ns - round(reach.total_seconds() * 1e9)
        if since is not None and _ns(since) >= since_ns:
            return _rows(connection, Execution, "executions_changed", **wanted, **bound)
        found = _rows(connection, Execution, "executions_changed", **wanted | bound | {"since_ns": since_ns})
        if len(found) >= limit:
            return found
    return _rows(connection, Execution, "executions", **wanted)


def execution_key(row: Execution) -> list[Any]:
    """Where the list of executions goes on after `row`."""
    return [row.updated_at_ns, row.alpaca_order_id, row.account_id]


def fills(
    connection: psycopg.Connection, filters: Filters, key: Sequence[Any] | None = None, *, limit: int = 100
) -> list[Fill]:
    """Executions of orders, the newest first.

    Filters: `account_id`, `order_id`, `symbol`, `side`, `entry`, `since` and `until`.
    """
    key_at, key_fill, key_account = key or (None, None, None)
    wanted = {name: filters.get(name) for name in ("account_id", "order_id", "symbol", "side", "entry")}
    wanted |= {"since": filters.get("since"), "until": filters.get("until"), "limit": limit}
    wanted |= {"key_at": key_at, "key_fill": key_fill, "key_account": key_account}
    if wanted["since"] is None and wanted["order_id"] is None and key_at != "-infinity":
        newest = min(
            at
            for at in (datetime.now(UTC), wanted["until"], key_at and datetime.fromisoformat(key_at))
            if at is not None
        )
        for reach in _REACHES:
            found = _rows(connection, Fill, "fills", **wanted | {"since": newest - reach})
            if len(found) >= limit:
                return found
    return _rows(connection, Fill, "fills", **wanted)


def fill_key(row: Fill) -> list[Any]:
    """Where the list of fills goes on after `row`."""
    at = "-infinity" if row.transacted_at is None else row.transacted_at.isoformat()
    return [at, row.fill_key, row.account_id]


def positions(
    connection: psycopg.Connection, filters: Filters, key: Sequence[Any] | None = None, *, limit: int = 100
) -> list[Position]:
    """Positions by account and symbol. Filters: `account_id`, `symbol`."""
    key_account, key_symbol = key or (None, None)
    wanted = {name: filters.get(name) for name in ("account_id", "symbol")}
    keys = {"key_account": key_account, "key_symbol": key_symbol}
    return _rows(connection, Position, "positions", **wanted, **keys, limit=limit)


def position_key(row: Position) -> list[Any]:
    """Where the list of positions goes on after `row`."""
    return [row.account_id, row.symbol]


def sweeps(
    connection: psycopg.Connection, filters: Filters, key: Sequence[Any] | None = None, *, limit: int = 100
) -> list[Sweep]:
    """Runs of the sweep, the newest first. Filters: `account_id`, `kind`, `complete`, `proven`, `since`."""
    key_at, key_id = key or (None, None)
    wanted = {name: filters.get(name) for name in ("account_id", "kind", "complete", "proven", "since")}
    return _rows(connection, Sweep, "sweeps", **wanted, key_at=key_at, key_id=key_id, limit=limit)


def sweep_key(row: Sweep) -> list[Any]:
    """Where the list of sweeps goes on after `row`."""
    return [row.started_at.isoformat(), str(row.sweep_id)]


def discrepancies(
    connection: psycopg.Connection, filters: Filters, key: Sequence[Any] | None = None, *, limit: int = 100
) -> list[ClosableDiscrepancy]:
    """What differed, the newest first. Filters: `state`, `type`, `account_id`, `subject`, `since` (last seen)."""
    (key_id,) = key or (None,)
    wanted = {name: filters.get(name) for name in ("state", "type", "account_id", "subject", "since")}
    return _rows(connection, ClosableDiscrepancy, "discrepancies", **wanted, key_id=key_id, limit=limit)


def discrepancy_key(row: ClosableDiscrepancy) -> list[Any]:
    """Where the list of discrepancies goes on after `row`."""
    return [row.discrepancy_id]


def dead_letters(
    connection: psycopg.Connection, filters: Filters, key: Sequence[Any] | None = None, *, limit: int = 100
) -> list[DeadLetter]:
    """Records put aside, in the order of the log. Filters: `open_only`, `topic`, `reason`, `order_id`."""
    key_topic, key_partition, key_offset, key_topic_id = key or (None, None, None, None)
    wanted = {name: filters.get(name) for name in ("topic", "reason", "order_id")}
    keys = {
        "key_topic": key_topic,
        "key_partition": key_partition,
        "key_offset": key_offset,
        "key_topic_id": key_topic_id,
    }
    open_only = bool(filters.get("open_only"))
    return _rows(connection, DeadLetter, "dead_letters", **wanted, **keys, open_only=open_only, limit=limit)


def dead_letter_key(row: DeadLetter) -> list[Any]:
    """Where the list of dead letters goes on after `row`."""
    return [row.topic, row.partition, row.offset, row.topic_id]


def actions(
    connection: psycopg.Connection, filters: Filters, key: Sequence[Any] | None = None, *, limit: int = 100
) -> list[Action]:
    """What people did, the newest first. Filters: `action`, `account_id`."""
    (key_id,) = key or (None,)
    wanted = {name: filters.get(name) for name in ("action", "account_id")}
    return _rows(connection, Action, "actions", **wanted, key_id=key_id, limit=limit)


def action_key(row: Action) -> list[Any]:
    """Where the list of actions goes on after `row`."""
    return [row.action_id]


def execution_story(
    connection: psycopg.Connection, order_id: str, *, account_id: str | None = None
) -> ExecutionStory | None:
    """All that is known of one order; None where there is no such order.

    Raises ConfigError if several accounts have an order of this id and none is named.
    """
    if account_id is None:
        owners = connection.execute(load(_FILE)["accounts_of_order"], {"order_id": order_id}).fetchall()
        if len(owners) > 1:
            raise ConfigError(f"several accounts have an order {order_id}: name one of them by account_id")
        if not owners:
            return None
        account_id = owners[0][0]
    which = {"order_id": order_id, "account_id": account_id}
    found = _rows(connection, ExecutionRow, "execution", **which)
    if not found:
        return None
    most = _MOST_OF_ONE_ORDER
    events = _rows(connection, OrderEvent, "order_events", **which, limit=most + 1)
    filled = fills(connection, which, limit=most + 1)
    intents = _rows(connection, Intent, "intent", decision_id=found[0].decision_id)
    row = connection.execute(load("readers.sql")["why"], which).fetchone()
    subject = {"account_id": account_id, "subject": order_id}
    return ExecutionStory(
        found[0],
        events[:most],
        len(events) > most,
        filled[:most],
        len(filled) > most,
        intents[0] if intents else None,
        row[0] if row else None,
        discrepancies(connection, subject, limit=most),
    )


def changes(
    connection: psycopg.Connection,
    moved: Sequence[tuple[str, int, int, int]],
    *,
    look_back_s: float = 60.0,
    limit: int = 200,
) -> list[Change]:
    """Orders that records between two positions changed; `moved`: topic, partition, first offset, and the one after the
    last. What was committed longer ago than `look_back_s` is left out."""
    topics, partitions, starts, ends = zip(*moved, strict=True) if moved else ((), (), (), ())
    ranges = {"topics": list(topics), "partitions": list(partitions), "starts": list(starts), "ends": list(ends)}
    return _rows(connection, Change, "changes", **ranges, look_back_s=look_back_s, limit=limit) if moved else []


def last_sweeps(connection: psycopg.Connection) -> list[Sweep]:
    """Of each account and kind the newest run."""
    return _rows(connection, Sweep, "last_sweeps")


def blocked_since(connection: psycopg.Connection) -> dict[str, datetime]:
    """Since when something is open that blocks a proof, by account."""
    return dict(connection.execute(load(_FILE)["blocked_since"]).fetchall())


def table_sizes(connection: psycopg.Connection) -> tuple[int | None, int | None]:
    """About how many executions and fills there are; None where Postgres has not counted yet."""
    row = connection.execute(load(_FILE)["table_sizes"]).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM gives a row
    executions_, fills_ = (None if number < 0 else int(number) for number in row)
    return executions_, fills_


def _rows(connection: psycopg.Connection, row: type[_Row], query: str, /, **parameters: Any) -> list[_Row]:
    with connection.cursor(row_factory=class_row(row)) as cursor:
        # Not prepared: a plan for all filters at once would read every row for the one that is given.
        return cursor.execute(load(_FILE)[query], parameters or None, prepare=False).fetchall()


def _ns(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000
