"""The broker's JSON as msgspec structs: what a frame, an order, an activity and their parts are called on the wire.

Two readers of the same bytes. The *strict* one knows each field and its type, takes about a microsecond, and refuses
what is new. The *lenient* one takes anything that is JSON and builds the same structs from it: numbers where strings
are usual (exactly, never as float), fields nobody has heard of (returned beside the struct), missing ones (UNSET).
A field that was new once is learnt, so that the next thousand frames with it take the strict reader again (I8).

Sources: samples 03-05 (captured 2026-09-18), 06, 14, 18 and the published order schema (samples 26-30).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import UNSET, Struct, UnsetType

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.observation import NUMBERS, TEXTS, TIMES

STREAM: Final = "trade_updates"
Text: TypeAlias = str | UnsetType | None

# Known, and of no concern to the record of orders: read past, not reported as new.
PASSED_OVER_IN_ORDER: Final = ("type", "group_id", "group_role", "source", "subtag", "commission", "ratio_qty")
PASSED_OVER_IN_UPDATE: Final = (
    "at", "event_id", "swap_rate", "settle_date", "reason", "position_qtys", "account_id",
)  # fmt: skip
LEARNABLE_FIELDS: Final = 64


class LegExecution(Struct, gc=False):
    """One leg's execution inside a multi-leg fill (sample 06)."""

    execution_id: str
    order_id: str
    qty: str
    price: str
    symbol: str | None = None
    timestamp: str | None = None


def _order_struct(learnt: tuple[str, ...], leg: Any = Any) -> type[Struct]:
    """Struct of an order whose legs are of the type `leg`: a struct of their own, or any JSON."""
    # `astuple` gives them in this order: the id, the columns of an observation, the rest.
    fields: list[tuple[str, Any, Any]] = [("id", str, "")]
    fields += [(name, Text, UNSET) for name in (*NUMBERS, *TIMES, *TEXTS)]
    fields += [("extended_hours", bool | UnsetType | None, UNSET), ("type", Text, UNSET)]
    fields += [("legs", list[leg] | None, None), ("ratio_qty", Any, None)]
    fields += [(name, Any, UNSET) for name in PASSED_OVER_IN_ORDER if name not in ("type", "ratio_qty")]
    fields += [(name, Any, UNSET) for name in learnt]
    return msgspec.defstruct("Order", fields, gc=False, forbid_unknown_fields=True)


def _update_struct(order: type[Struct], learnt: tuple[str, ...]) -> type[Struct]:
    optional = ("timestamp", "execution_id", "previous_execution_id", "qty", "price", "position_qty")
    fields: list[tuple[str, Any, Any]] = [("event", str, ""), ("order", order | None, None)]
    fields += [(name, str | None, None) for name in optional]
    fields += [("legs", list[LegExecution] | None, None)]
    fields += [(name, Any, UNSET) for name in (*PASSED_OVER_IN_UPDATE, *learnt)]
    return msgspec.defstruct("TradeUpdate", fields, gc=False, forbid_unknown_fields=True)


def _frame_struct(update: type[Struct]) -> type[Struct]:
    return msgspec.defstruct("Frame", [("stream", str), ("data", update)], gc=False, forbid_unknown_fields=True)


class Shapes:
    """The strict decoders, and what they have learnt. One instance a process; not shared between threads."""

    def __init__(self) -> None:
        self.learnt_in_order: tuple[str, ...] = ()
        self.learnt_in_update: tuple[str, ...] = ()
        self._build()

    @property
    def has_learnt(self) -> bool:
        """True when a field that this version does not know has been seen."""
        return bool(self.learnt_in_order or self.learnt_in_update)

    def _build(self) -> None:
        self.order = _order_struct(self.learnt_in_order, _order_struct(self.learnt_in_order))
        self.update = _update_struct(self.order, self.learnt_in_update)
        decoder = msgspec.json.Decoder(_frame_struct(self.update), float_hook=Decimal)
        self.decode_frame: Callable[[bytes], Any] = decoder.decode
        self.decode_order: Callable[[bytes], Any] = msgspec.json.Decoder(self.order, float_hook=Decimal).decode

    def learn(self, in_order: set[str], in_update: set[str]) -> None:
        """Take fields seen for the first time into the strict structs; past 64 of a kind the lenient way stays."""
        new_order = sorted(in_order - set(self.order.__struct_fields__))
        new_update = sorted(in_update - set(self.update.__struct_fields__))
        room_order = LEARNABLE_FIELDS - len(self.learnt_in_order)
        room_update = LEARNABLE_FIELDS - len(self.learnt_in_update)
        usable = str.isidentifier
        add_order = [name for name in new_order if usable(name) and not name.startswith("_")][:room_order]
        add_update = [name for name in new_update if usable(name) and not name.startswith("_")][:room_update]
        if add_order or add_update:
            self.learnt_in_order += tuple(add_order)
            self.learnt_in_update += tuple(add_update)
            self._build()


_any_json = msgspec.json.Decoder(float_hook=Decimal)


def decode_any(raw: bytes) -> Any:
    """Any JSON, with decimals exact. Raises WireError("not_json")."""
    try:
        return _any_json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
        raise WireError("not_json") from None


def as_text(value: object, field: str) -> str | None:
    """A string as it is, a number in plain notation (I7), null as None. Raises WireError("bad_type")."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        raise WireError("bad_type", field)
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() and -64 < value.adjusted() < 64 else _refuse(field)
    if isinstance(value, int):
        return str(value)
    return _refuse(field)


def _refuse(field: str) -> str:
    raise WireError("bad_type", field)
