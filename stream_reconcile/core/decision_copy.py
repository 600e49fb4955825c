"""A row of `trade_decisions` as the bytes that its copy in the log holds (`raw` of schemas/trade_decision.avsc).

One JSON object, UTF-8: column names as keys, decimals as text in plain digits, times as RFC 3339 in UTC to the
microsecond. What is read back is checked as the table would check it, so that one bad record stops no restoration.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from stream_reconcile.core.errors import WireError

STATES: Final = ("planned", "submitted", "bound", "not_placed", "unknown")
RESULTS: Final = ("accepted", "refused", "ambiguous")

# NaN and Infinity are numbers to Postgres, and a check of `> 0` lets them pass.
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?|NaN|-?Infinity")


@dataclass(frozen=True, slots=True)
class DecisionCopy:
    """A decision in full, as the table has it; times are aware, in UTC."""

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
    inserted_by: str
    inserted_at: datetime


_TIMES: Final = ("decided_at", "not_before", "submitted_at", "bound_at", "inserted_at")
_NUMBERS: Final = ("qty", "notional", "limit_price")
_NEEDED: Final = ("account_id", "client_order_id", "decided_at", "state", "inserted_by", "inserted_at")


def fuller(known: DecisionCopy, later: DecisionCopy) -> DecisionCopy:
    """Of two copies of one decision the one that has come further; of equals the later one in the log.

    The later one may be the older: a process that copies may be stopped between its reading and its writing, and go on
    when another one has long copied what came of the decision since.
    """
    return known if _knows(known) > _knows(later) else later


def _knows(copy: DecisionCopy) -> tuple[bool, bool, bool]:
    # Each is set once, and never taken back.
    return copy.bound_at is not None, copy.submitted_at is not None, copy.submit_result is not None


def to_bytes(copy: DecisionCopy) -> bytes:
    """The bytes of a copy; equal copies give equal bytes."""
    return json.dumps(
        {field.name: _text(getattr(copy, field.name)) for field in fields(copy)},
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def from_bytes(raw: bytes) -> DecisionCopy:
    """A copy from its bytes. A key that is not known (of a later version) is passed over, one that may be null absent.

    Raises WireError: `bad_decision` with the name of the field, never its value.
    """
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError):
        raise WireError("bad_decision", "raw") from None
    if not isinstance(row, dict):
        raise WireError("bad_decision", "raw")
    values: dict[str, Any] = {field.name: _read(field.name, row.get(field.name)) for field in fields(DecisionCopy)}
    for name in _NEEDED:
        if not values[name]:
            raise WireError("bad_decision", name)
    if values["state"] not in STATES:
        raise WireError("bad_decision", "state")
    if values["submit_result"] not in (None, *RESULTS):
        raise WireError("bad_decision", "submit_result")
    if values["state"] == "bound" and (values["alpaca_order_id"] is None or values["bound_at"] is None):
        raise WireError("bad_decision", "alpaca_order_id")
    for name in ("qty", "notional"):
        # To Postgres NaN is more than any number.
        if values[name] is not None and not values[name].is_nan() and values[name] <= 0:
            raise WireError("bad_decision", name)
    return DecisionCopy(**values)


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value)


def _read(name: str, text: object) -> object:
    """One field as its own type. Raises WireError."""
    if text is None and name != "decision_id":
        return None
    try:
        if not isinstance(text, str) or "\0" in text:
            raise ValueError
        text.encode()  # half of a surrogate pair is no text to Postgres
        if name == "decision_id":
            return UUID(text)
        if name in _NUMBERS:
            if not _NUMBER.fullmatch(text):
                raise ValueError
            return Decimal(text)
        if name in _TIMES:
            time = datetime.fromisoformat(text)
            if time.tzinfo is None:
                raise ValueError
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise WireError("bad_decision", name) from None
    return text
