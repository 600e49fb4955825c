"""Orders of the REST API that say what their rows say already: nearly all that a deep sweep reads.

To see that, no observation has to be made: the order is decoded by its columns and held against the row's own values.
That needs no look at what the values are, for what equals a row's value is as good as that. Whatever is not taken here,
or does not equal, goes the long way (`core.wire.parse`, `compare.sql`): nothing but "the same" is decided here.
tests/properties/test_usual_orders.py holds the two ways to the same result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import astuple

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.observation import NUMBERS, ORDER_COLUMNS, TEXTS, TIMES
from stream_reconcile.core.timestamps import parse_ns

ROW_COLUMNS: Final = ("alpaca_order_id", "parent_order_id", "updated_at_ns", *ORDER_COLUMNS)
"""A row as it is compared: numbers as Postgres's text of them, times as datetimes with a zone."""

_PARENT: Final = 1
_VERSION: Final = 2
_COLUMNS: Final = 3
_UPDATED_AT: Final = ORDER_COLUMNS.index("updated_at")
_ORDER_TYPE: Final = ORDER_COLUMNS.index("order_type")
_TIMED: Final = range(len(NUMBERS), len(NUMBERS) + len(TIMES))
_BACKSLASH: Final = ord("\\")
_Y1970: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = 1_000_000_000
_MICROSECOND: Final = timedelta(0, 0, 1)
_HALF: Final = 500  # of a microsecond
_USUAL_LENGTH: Final = len("2026-09-18T13:24:50.019957863Z")
_NUMBER_OF_COLUMNS: Final = len(ORDER_COLUMNS)
_SHORT: Final = 10
_NO_ORDER: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError)


def _order(time: Any, leg: Any) -> type[msgspec.Struct]:
    """An order whose times are of the type `time`. Fields of no concern here, new ones too, are read past."""
    # `astuple` gives the columns first. The version counts nanoseconds, so its text is kept.
    fields: list[tuple[str, Any, Any]] = [(name, str | UnsetType | None, UNSET) for name in NUMBERS]
    fields += [(name, (str if name == "updated_at" else time) | UnsetType | None, UNSET) for name in TIMES]
    fields += [(name, str | UnsetType | None, UNSET) for name in TEXTS]
    fields += [("extended_hours", bool | UnsetType | None, UNSET)]
    fields += [("id", str, ""), ("type", str | UnsetType | None, UNSET)]
    fields += [("ratio_qty", str | int | None, None), ("legs", leg, None)]
    return msgspec.defstruct("Order", fields, gc=False)


def _decoders(time: Any) -> tuple[Any, Any]:
    """Of one order, and of a list of them."""
    order: Any = _order(time, list[_order(time, Any)] | None)  # type: ignore[misc]
    return msgspec.json.Decoder(order).decode, msgspec.json.Decoder(list[order]).decode


_decode, _decode_list = _decoders(datetime)
_decode_texts, _ = _decoders(str)


def decode(raws: Sequence[bytes]) -> list[Any]:
    """Each order with its legs, or None for one that is no usual one. Never raises."""
    if not any(_BACKSLASH in raw for raw in raws):
        try:
            orders: list[Any] = _decode_list(b"[" + b",".join(raws) + b"]")
        except _NO_ORDER:
            pass
        else:
            if len(orders) == len(raws):
                return orders
    return [_decoded(raw, _decode) for raw in raws]


def family(order: Any) -> list[Any]:
    """The order and its legs."""
    return [order, *order.legs] if order.legs else [order]


def status_of(order: Any) -> str | None:
    """As the order states it."""
    status: str | None = order.status
    return status if status.__class__ is str else None


def first_submitted_s(orders: Iterable[Any]) -> float | None:
    """When the first of these, which their rows have, was submitted, in seconds since the epoch."""
    submitted = [order.submitted_at for order in orders if order.submitted_at.__class__ is datetime]
    return min(submitted).timestamp() if submitted else None


class Unchanged:
    """Tells which orders their rows have already. Holds what it has seen orders not to state."""

    def __init__(self) -> None:
        self._unsaid: list[int] = []

    def is_in(self, rows: Mapping[str, Sequence[Any]], order: Any, raw: bytes) -> bool:
        """Whether the rows (`ROW_COLUMNS` by order id) have all that a decoded order and its legs state.

        An order read inside its parent has to be that parent's by its row; read by itself it says nothing of it.
        """
        if self._is_in(rows, order):
            return True
        if order.id not in rows:
            return False
        # Of a time just between two microseconds, msgspec takes the later and Postgres either.
        exact = _decoded(raw, _decode_texts)
        return exact is not None and self._is_in(rows, exact)

    def _is_in(self, rows: Mapping[str, Sequence[Any]], order: Any) -> bool:
        row = rows.get(order.id)
        try:
            if row is None or not self._is_as(row, order):
                return False
            for leg in order.legs or ():
                row = rows.get(leg.id)
                if row is None or row[_PARENT] != order.id or not self._is_as(row, leg):
                    return False
                if leg.legs is not None or not _is_plain_ratio(leg.ratio_qty):
                    return False
        except (WireError, TypeError, ValueError, OverflowError):
            return False  # a time that is none, or no version
        return True

    def _is_as(self, row: Sequence[Any], order: Any) -> bool:
        values = [*astuple(order)[:_NUMBER_OF_COLUMNS]]
        version_ns, values[_UPDATED_AT] = _version(values[_UPDATED_AT])
        if version_ns != row[_VERSION]:
            return False
        if values[_ORDER_TYPE].__class__ is not str and order.type is not UNSET:
            values[_ORDER_TYPE] = order.type
        ours = [*row[_COLUMNS:]]
        for place in self._unsaid:
            if values[place] is UNSET:
                values[place] = ours[place]
        return values == ours or self._is_otherwise(values, ours)

    def _is_otherwise(self, values: list[Any], ours: Sequence[Any]) -> bool:
        """The same for an order that states less than those before, or whose times are still text."""
        unsaid = [place for place, value in enumerate(values) if value is UNSET]
        self._unsaid += unsaid
        for place in unsaid:
            values[place] = ours[place]
        for place in _TIMED:
            if isinstance(values[place], str):
                values[place] = _moment(parse_ns(values[place]))
        return values == ours


def _decoded(raw: bytes, decode: Any) -> Any:
    if _BACKSLASH in raw:  # what is escaped may be anything
        return None
    try:
        return decode(raw)
    except _NO_ORDER:
        return None


def _version(text: str) -> tuple[int, datetime]:
    """Nanoseconds since the epoch, and the moment. Raises WireError, TypeError, ValueError, OverflowError."""
    if len(text) != _USUAL_LENGTH or text[7] + text[10] + text[19] + text[29] != "-T.Z":
        nanoseconds = parse_ns(text)
        return nanoseconds, _moment(nanoseconds)
    moment = datetime.fromisoformat(text)  # cut to the microsecond, in a fraction of the time
    rest = int(text[26:29])
    since = moment - _Y1970
    nanoseconds = ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000 + rest
    if rest == _HALF:
        return nanoseconds, _moment(nanoseconds)
    return nanoseconds, moment + _MICROSECOND if rest > _HALF else moment


def _moment(nanoseconds: int) -> datetime:
    """To the microsecond, as Postgres reads it: by the floating-point product of the fraction."""
    seconds, fraction = divmod(nanoseconds, _SECOND)
    return _Y1970 + timedelta(0, seconds, round(fraction / 1e9 * 1e6))


def _is_plain_ratio(ratio: str | int | None) -> bool:
    text = "1" if ratio is None else str(ratio)
    return len(text) < _SHORT and text.isdigit() and text.isascii()
