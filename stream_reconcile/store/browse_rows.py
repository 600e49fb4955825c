"""Rows of the lists that people page through (store.browse). Times are aware datetimes in UTC; numbers are exact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Execution:
    """An order as its row has it; `last_…` name the record of the log that made the row."""

    account_id: str
    alpaca_order_id: str
    client_order_id: str | None
    symbol: str | None
    asset_class: str | None
    side: str | None
    order_type: str | None
    order_class: str | None
    time_in_force: str | None
    qty: Decimal | None
    notional: Decimal | None
    filled_qty: Decimal | None
    filled_avg_price: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    status: str | None
    origin: str
    decision_id: UUID | None
    submitted_at: datetime | None
    updated_at: datetime | None
    updated_at_ns: int
    parent_order_id: str | None
    replaces: str | None
    replaced_by: str | None
    last_source: str
    last_topic: str
    last_partition: int
    last_offset: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """The same with every column that says something of the order."""

    account_id: str
    alpaca_order_id: str
    client_order_id: str | None
    symbol: str | None
    asset_id: str | None
    asset_class: str | None
    side: str | None
    order_type: str | None
    order_class: str | None
    time_in_force: str | None
    extended_hours: bool | None
    position_intent: str | None
    qty: Decimal | None
    notional: Decimal | None
    filled_qty: Decimal | None
    filled_avg_price: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_price: Decimal | None
    trail_percent: Decimal | None
    hwm: Decimal | None
    status: str | None
    created_at: datetime | None
    submitted_at: datetime | None
    updated_at: datetime | None
    updated_at_ns: int
    filled_at: datetime | None
    canceled_at: datetime | None
    expired_at: datetime | None
    failed_at: datetime | None
    replaced_at: datetime | None
    cancel_requested_at: datetime | None
    expires_at: datetime | None
    replaces: str | None
    replaced_by: str | None
    parent_order_id: str | None
    ratio_qty: Decimal | None
    decision_id: UUID | None
    origin: str
    mixed: bool
    last_source: str
    last_topic: str
    last_partition: int
    last_offset: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """What a frame of the stream, or a sweep, said of an order, with its place in the log."""

    event_key: UUID
    source: str
    event: str
    event_at: datetime | None
    execution_id: str | None
    event_qty: Decimal | None
    event_price: Decimal | None
    position_qty: Decimal | None
    status: str | None
    qty: Decimal | None
    filled_qty: Decimal | None
    filled_avg_price: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    updated_at: datetime | None
    updated_at_ns: int
    topic: str
    partition: int
    offset: int
    known_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Fill:
    """A real execution; a reversal has a negative quantity, so that the sum is the net."""

    account_id: str
    alpaca_order_id: str
    fill_key: str
    execution_id: str | None
    activity_id: str | None
    symbol: str | None
    side: str | None
    qty: Decimal
    price: Decimal
    transacted_at: datetime | None
    entry: str
    reverses: str | None
    source: str
    topic: str
    partition: int
    offset: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Intent:
    """A decision of a trading program, as it wrote it down before it submitted."""

    decision_id: UUID
    account_id: str
    client_order_id: str
    symbol: str | None
    side: str | None
    qty: Decimal | None
    notional: Decimal | None
    order_type: str | None
    limit_price: Decimal | None
    time_in_force: str | None
    decided_at: datetime
    not_before: datetime | None
    submitted_at: datetime | None
    submit_result: str | None
    state: str
    alpaca_order_id: str | None
    bound_at: datetime | None


@dataclass(frozen=True, slots=True)
class Position:
    """A position as a sweep read it last; prices are of the newest reading that apply has brought into the tables.

    `baseline_qty` is what was held at `since`, once readings agree on it; `misfit_since`: since when reading and fills
    do not add up, null where they do.
    """

    account_id: str
    symbol: str
    qty: Decimal
    read_at: datetime
    baseline_qty: Decimal | None
    since: datetime | None
    misfit_since: datetime | None
    qty_available: Decimal | None
    side: str | None
    asset_class: str | None
    avg_entry_price: Decimal | None
    current_price: Decimal | None
    market_value: Decimal | None
    cost_basis: Decimal | None
    unrealized_pl: Decimal | None
    topic: str | None
    partition: int | None
    offset: int | None


@dataclass(frozen=True, slots=True)
class Sweep:
    """A run of the sweep. `proven_equal_at` is null where it proved nothing; `error` says why."""

    sweep_id: UUID
    account_id: str
    kind: str
    owner: str
    window_start: datetime
    started_at: datetime
    finished_at: datetime | None
    complete: bool
    proven_equal_at: datetime | None
    requests: int
    pages: int
    orders: int
    activities: int
    published: int
    unchecked: int
    resume_before: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Action:
    """What a person did or asked for, by whom and why; `before` and `after` depend on the action."""

    action_id: int
    action: str
    account_id: str | None
    subject: str
    who: str
    why: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    requested_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """An order that has changed, as it is now."""

    account_id: str
    alpaca_order_id: str
    symbol: str | None
    side: str | None
    status: str | None
    qty: Decimal | None
    filled_qty: Decimal | None
    updated_at: datetime | None
