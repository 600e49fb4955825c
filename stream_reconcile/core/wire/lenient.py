"""The lenient reader: any JSON object → the same structs as the strict one, with what it does not know beside them."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.observation import NUMBERS, TEXTS, TIMES
from stream_reconcile.core.wire.shapes import (
    PASSED_OVER_IN_ORDER,
    PASSED_OVER_IN_UPDATE,
    LegExecution,
    as_text,
)

_ORDER_TEXT: Final = frozenset((*NUMBERS, *TIMES, *TEXTS, "id", "type"))
_ORDER_KNOWN: Final = _ORDER_TEXT | frozenset((*PASSED_OVER_IN_ORDER, "extended_hours", "legs", "ratio_qty"))
_UPDATE_TEXT: Final = frozenset(
    ("event", "timestamp", "execution_id", "previous_execution_id", "qty", "price", "position_qty")
)
_UPDATE_KNOWN: Final = _UPDATE_TEXT | frozenset((*PASSED_OVER_IN_UPDATE, "order", "legs"))


class Unknown(dict[str, Any]):
    """Fields that this version does not know, by path (`order.hold_reason`), with their values."""

    def as_json(self) -> str | None:
        """The fields as JSON, sorted by name; None when there are none. Raises WireError("too_deep")."""
        try:
            return msgspec.json.encode(self, order="sorted").decode() if self else None
        except RecursionError:
            raise WireError("too_deep", "unknown field") from None


def mapping(value: object, field: str) -> dict[str, Any]:
    """`value` when it is a JSON object. Raises WireError("bad_type")."""
    if not isinstance(value, dict):
        raise WireError("bad_type", field)
    return value


def order_from_json(order_type: type[Struct], value: object, unknown: Unknown) -> Any:
    """An order struct from a JSON object. Raises WireError for a field that can't be what it should be."""
    given = mapping(value, "order")
    order: Any = order_type()
    for name, item in given.items():
        if name in _ORDER_TEXT:
            setattr(order, name, as_text(item, name))
        elif name == "extended_hours":
            if item is not None and not isinstance(item, bool):
                raise WireError("bad_type", name)
            order.extended_hours = item
        elif name == "legs":
            if item is not None and not isinstance(item, list):
                raise WireError("bad_type", name)
            order.legs = item
        elif name == "ratio_qty":
            order.ratio_qty = as_text(item, name)
        elif name not in _ORDER_KNOWN:
            unknown[f"order.{name}"] = item
    order.id = order.id or ""
    return order


def update_from_json(update_type: type[Struct], order_type: type[Struct], value: object, unknown: Unknown) -> Any:
    """A trade update struct from a JSON object. Raises WireError."""
    given = mapping(value, "data")
    update: Any = update_type()
    for name, item in given.items():
        if name in _UPDATE_TEXT:
            setattr(update, name, as_text(item, name))
        elif name == "order":
            update.order = order_from_json(order_type, item, unknown)
        elif name == "legs":
            update.legs = None if item is None else [_leg(leg) for leg in _list(item)]
        elif name not in _UPDATE_KNOWN:
            unknown[name] = item
    update.event = update.event or ""
    return update


def learnt_of(struct: Any, names: tuple[str, ...], prefix: str, unknown: Unknown) -> None:
    """Add to `unknown` what a strict struct holds in fields that were learnt."""
    for name in names:
        value = getattr(struct, name)
        if value is not UNSET:
            unknown[prefix + name] = value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise WireError("bad_type", "legs")
    return value


def _leg(value: object) -> LegExecution:
    leg = mapping(value, "legs")
    texts = {
        name: as_text(leg.get(name), name)
        for name in ("execution_id", "order_id", "qty", "price", "symbol", "timestamp")
    }
    for name in ("execution_id", "order_id", "qty", "price"):
        if not texts[name]:
            raise WireError("absent", f"legs.{name}")
    return LegExecution(
        execution_id=texts["execution_id"] or "",
        order_id=texts["order_id"] or "",
        qty=texts["qty"] or "",
        price=texts["price"] or "",
        symbol=texts["symbol"],
        timestamp=texts["timestamp"],
    )
