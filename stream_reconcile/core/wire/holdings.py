"""What is held, as REST says it: an element of GET /v2/positions, and an activity that is no fill."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.sweep.positions import Movement, normal
from stream_reconcile.core.wire.lenient import mapping
from stream_reconcile.core.wire.orders import LONGEST_ID, plain_number
from stream_reconcile.core.wire.shapes import as_text, decode_any


class Held(NamedTuple):
    """One position: signed quantity, negative when short."""

    symbol: str
    qty: Decimal
    is_crypto: bool


def parse_position(raw: bytes) -> Held:
    """One element of GET /v2/positions. Raises WireError."""
    value = mapping(decode_any(raw), "position")
    symbol, qty = (as_text(value.get(name), name) or "" for name in ("symbol", "qty"))
    number = Decimal(plain_number(qty, "qty"))
    if value.get("side") == "short":
        number = -abs(number)  # documented as negative; a side is said outright
    return Held(_named(symbol, "symbol"), number, value.get("asset_class") == "crypto")


def parse_movement(raw: bytes) -> Movement | None:
    """One activity that is no fill; None where it moves no quantity: cash, a dividend, one that was taken back.

    Raises WireError.
    """
    value = mapping(decode_any(raw), "activity")
    kind = as_text(value.get("activity_type"), "activity_type") or ""
    symbol, qty = (as_text(value.get(name), name) or "" for name in ("symbol", "qty"))
    if kind == "FILL" or not symbol or not qty or value.get("status") == "canceled":
        return None
    number = Decimal(plain_number(qty, "qty"))
    activity_id = _named(as_text(value.get("id"), "id") or "", "id")
    return Movement(activity_id, kind, normal(_named(symbol, "symbol")), number) if number else None


def _named(text: str, field: str) -> str:
    if not text or len(text) > LONGEST_ID or "\x00" in text:
        raise WireError("no_id", field)
    return text
