"""What is held, as REST says it: positions, the account, and an activity that is no fill."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.holdings import (
    ACCOUNT_FLAGS,
    ACCOUNT_NUMBERS,
    ACCOUNT_TEXTS,
    POSITION_NUMBERS,
    POSITION_TEXTS,
    Holding,
    HoldingKind,
    Row,
)
from stream_reconcile.core.observation import Seen
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
    symbol, number = _held(value)
    return Held(symbol, number, value.get("asset_class") == "crypto")


def parse_holding(raw: bytes, seen: Seen, as_of_ms: int) -> Holding:
    """The answer to GET /v2/account (an object) or GET /v2/positions (a list), as a sweep received it.

    Raises WireError: nothing of a list is taken where one element can't be read.
    """
    value = decode_any(raw)
    if not isinstance(value, list):
        account = mapping(value, "account")
        if as_text(account.get("id"), "id") is None:  # an error or another object is no statement about the account
            raise WireError("no_id", "id")
        row = _columns(account, ACCOUNT_NUMBERS, ACCOUNT_TEXTS, ACCOUNT_FLAGS)
        return Holding(HoldingKind.ACCOUNT, seen, as_of_ms, (row,))
    rows: list[Row] = []
    for item in value:
        position = mapping(item, "position")
        symbol, number = _held(position)
        columns = _columns(position, POSITION_NUMBERS, POSITION_TEXTS)
        rows.append(columns | {"symbol": symbol, "qty": format(number, "f")})
    return Holding(HoldingKind.POSITIONS, seen, as_of_ms, tuple(rows) or ({"symbol": "", "qty": "0"},))


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


def _held(position: dict[str, Any]) -> tuple[str, Decimal]:
    symbol, qty = (as_text(position.get(name), name) or "" for name in ("symbol", "qty"))
    number = Decimal(plain_number(qty, "qty"))
    if position.get("side") == "short":
        number = number.copy_abs().copy_negate()  # documented as negative; a side is said outright
    return _named(symbol, "symbol"), number


def _columns(
    value: dict[str, Any], numbers: tuple[str, ...], texts: tuple[str, ...], flags: tuple[str, ...] = ()
) -> Row:
    """What is absent, null or an empty text is None."""
    row: Row = {}
    for name in numbers:
        number = as_text(value.get(name), name)
        row[name] = plain_number(number, name) if number else None
    for name in texts:
        text = as_text(value.get(name), name)
        row[name] = _named(text, name) if text else None
    for name in flags:
        flag = value.get(name)
        if flag is not None and not isinstance(flag, bool):
            raise WireError("bad_type", name)
        row[name] = flag
    return row


def _named(text: str, field: str) -> str:
    if not text or len(text) > LONGEST_ID or "\x00" in text:
        raise WireError("no_id", field)
    return text
