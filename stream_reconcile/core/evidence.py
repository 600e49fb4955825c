"""Statements about the executions of an order, as frozen values: all that fill accounting (`core.fills`) knows.

Quantities and prices are finite decimals (I7); quantities are unsigned, the order's side says which way. Times are the
broker's, in nanoseconds since the epoch. Each value carries the coordinates of its record, which say what is first in
the log when one id is stated twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, TypeAlias, TypeGuard


class Coordinates(NamedTuple):
    """Place of a statement in the log; compares as the log's order is defined (I2: lowest topic, partition, offset)."""

    topic: str
    partition: int
    offset: int
    position: int = 0
    """Position inside the record: the legs of one multi-leg fill are statements of their own."""


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution as a frame states it: fill, partial_fill, a leg of a multi-leg fill, or trade_correct."""

    account_id: str
    order_id: str
    """For a leg: the leg's own order."""
    execution_id: str
    qty: Decimal
    price: Decimal
    transacted_at_ns: int
    cum_qty: Decimal | None
    """`filled_qty` of the order after this execution. None for a correction, and for a leg whose order isn't nested."""
    symbol: str
    side: str
    """"" where the frame does not say (a leg whose order isn't nested)."""
    coordinates: Coordinates
    previous_execution_id: str | None = None
    """Set for a correction only: the execution that it replaces ("" if the broker left it out). A
    `previous_execution_id` on any other event means nothing (sample 32)."""


@dataclass(frozen=True, slots=True)
class Bust:
    """A trade_bust frame: the execution it names did not happen."""

    account_id: str
    order_id: str
    previous_execution_id: str
    busted_at_ns: int
    """The event's timestamp."""
    coordinates: Coordinates
    qty: Decimal | None = None
    """As the broker wrote it; it may be negative, so its sign says nothing."""


@dataclass(frozen=True, slots=True)
class Activity:
    """A FILL of the account's activities."""

    account_id: str
    order_id: str
    activity_id: str
    qty: Decimal
    price: Decimal
    transacted_at_ns: int
    """`transaction_time`; not the wall time in the id, which repeats an hour each autumn."""
    cum_qty: Decimal | None
    symbol: str
    side: str
    coordinates: Coordinates


@dataclass(frozen=True, slots=True)
class Residual:
    """An adjustment of kind `residual`: quantity that the order says is filled and that nothing explains (B2)."""

    account_id: str
    order_id: str
    key: str
    """Deterministic key of the adjustment."""
    qty: Decimal
    """Greater than zero."""
    price: Decimal
    """Implied by the order's average price."""
    as_of_ns: int
    """Broker time up to which fills were compared."""
    explained_from: Decimal
    """Gross quantity at which the real executions dated up to `as_of_ns` make this residual superfluous: what was known
    then (`core.fills.gross_qty`) + residuals then standing + its own quantity."""
    symbol: str
    side: str
    coordinates: Coordinates


@dataclass(frozen=True, slots=True)
class ExecutionAdjustment:
    """An adjustment of kind `execution`: stands for a frame that is lost for good, by its execution id."""

    account_id: str
    order_id: str
    execution_id: str
    qty: Decimal
    price: Decimal
    transacted_at_ns: int
    symbol: str
    side: str
    coordinates: Coordinates


@dataclass(frozen=True, slots=True)
class ReversalAdjustment:
    """An adjustment of kind `reversal`: by judgement, the broker took an execution back, and the frame that said so is
    lost for good."""

    account_id: str
    order_id: str
    reverses: str
    """`x:` and an execution id, or `a:` and the id of the activity that tells of it."""
    qty: Decimal
    price: Decimal
    as_of_ns: int
    """Version of the order by which it was judged, broker time."""
    symbol: str
    side: str
    coordinates: Coordinates


Evidence: TypeAlias = Execution | Bust | Activity | Residual | ExecutionAdjustment | ReversalAdjustment


def is_leg(evidence: Evidence) -> TypeGuard[Execution]:
    """True for a leg of a multi-leg fill: an execution like that of a plain fill frame, under the leg's own order."""
    return isinstance(evidence, Execution) and evidence.previous_execution_id is None
