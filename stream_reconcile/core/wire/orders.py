"""An order struct → its canonical text and an Observation.

The common case (each field there, strings where strings are usual, nothing to escape) is one pass of joins; whatever
does not fit it goes the careful way, field by field, to the same result.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from operator import attrgetter
from typing import Any, Final

from msgspec import UNSET

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.lifecycle import status_rank
from stream_reconcile.core.observation import (
    ALL_STATED,
    NULL,
    NUMBERS,
    ORDER_COLUMNS,
    TEXTS,
    TIMES,
    Observation,
    Seen,
)
from stream_reconcile.core.timestamps import parse_ns

_checked = attrgetter(*NUMBERS, *TIMES)
_textual = attrgetter(*TEXTS)
_BOOLEAN: Final = {True: "t", False: "f", None: NULL}
# What numbers, RFC 3339 times, tabs and nulls are made of. Anything else in these columns is looked at with care, so
# that Postgres never meets `now` or `NaN`, which it would take.
_PLAIN: Final = b"0123456789-:.TZ+\t\\N"
_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
)
_LONGEST_NUMBER: Final = 80


def escape(text: str | None) -> str:
    """A string as Postgres's COPY text format wants it. Raises WireError for NUL, which no text column can hold."""
    if text is None:
        return NULL
    if "\x00" in text:
        raise WireError("nul_character")
    return text.translate(_ESCAPES)


def plain_number(text: str, field: str) -> str:
    """A decimal in plain notation. Raises WireError("bad_number") for anything that is none, NaN and Infinity too."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise WireError("bad_number", field) from None
    if not (text.isascii() and len(text) <= _LONGEST_NUMBER and number.is_finite() and abs(number.adjusted()) < 40):
        raise WireError("bad_number", field)
    return text if "e" not in text.lower() and "_" not in text and text == text.strip() else format(number, "f")


def is_plain(checked: str) -> bool:
    """True when tab-separated numbers and times hold only their own characters and none is empty."""
    return not (
        checked.encode().translate(None, _PLAIN) or "\t\t" in checked or checked[0] == "\t" or checked[-1] == "\t"
    )


def careful_time(text: str | None, field: str) -> str:
    """A time checked in full, or `\\N`."""
    if not text:
        return NULL
    try:
        parse_ns(text)
    except WireError:
        raise WireError("bad_timestamp", field) from None
    return text


def careful_number(text: str | None, field: str) -> str:
    """A number checked in full, or `\\N`."""
    return plain_number(text, field) if text else NULL


def order_columns(order: Any, *, careful: bool) -> tuple[str, int]:
    """The canonical text of an order and the mask of the fields that it states. Raises WireError."""
    if order.order_type.__class__ is not str:
        order.order_type = order.type
    if not careful:
        try:
            checked = "\t".join([NULL if value is None else value for value in _checked(order)])
            texts = "\t".join([NULL if value is None else value for value in _textual(order)])
            if is_plain(checked):
                return f"{checked}\t{texts}\t{_BOOLEAN[order.extended_hours]}", ALL_STATED
        except (TypeError, KeyError):
            pass  # a field is absent: the careful way below counts which
    stated = 0
    fields: list[str] = []
    for index, name in enumerate(ORDER_COLUMNS):
        value = getattr(order, name)
        if value is UNSET:
            fields.append(NULL)
            continue
        stated |= 1 << index
        if name in NUMBERS:
            fields.append(careful_number(value, name))
        elif name in TIMES:
            fields.append(careful_time(value, name))
        elif name == "extended_hours":
            fields.append(_BOOLEAN[value])
        else:
            fields.append(escape(value))
    return "\t".join(fields), stated


def order_version(order: Any, event_at: str | None) -> int:
    """Version of the observation (I2): `updated_at`, else the event's time, else `submitted_at`, else 0."""
    updated = order.updated_at
    if updated.__class__ is str and updated:
        return parse_ns(updated)
    if event_at:
        return parse_ns(event_at)
    submitted = order.submitted_at
    return parse_ns(submitted) if submitted.__class__ is str and submitted else 0


def observe(
    order: Any,
    seen: Seen,
    *,
    event: str,
    careful: bool,
    event_at: str | None = None,
    execution_id: str | None = None,
    fill: str = "\\N\t\\N\t\\N",
    is_fill: bool = False,
    parent_order_id: str | None = None,
    extra: str | None = None,
) -> Observation:
    """One Observation of `order`. Raises WireError when it has no plausible id or a field can't be read."""
    order_id = order.id
    if not order_id or len(order_id) > 200:
        raise WireError("no_order_id")
    columns, stated = order_columns(order, careful=careful)
    version_ns = order_version(order, event_at)
    status = order.status if order.status.__class__ is str else None
    filled_qty = order.filled_qty if order.filled_qty.__class__ is str and order.filled_qty else None
    ratio_qty = None
    if parent_order_id is not None and order.ratio_qty is not None:
        ratio_qty = plain_number(str(order.ratio_qty), "ratio_qty")
    event_time = event_at or NULL
    if careful:
        order_id, event = escape(order_id), escape(event)
        event_time = careful_time(event_at, "timestamp")
        execution_id = None if execution_id is None else escape(execution_id)
        parent_order_id = None if parent_order_id is None else escape(parent_order_id)
    source = seen.source
    identity = (
        f"{seen.account_id}\t{order_id}\t{source}\t{event}\t{execution_id or event_time}\t{version_ns}\t{fill}"
        f"\t{parent_order_id}\t{stated}\t{columns}"
    )
    return Observation(
        order_id,
        seen.account_id,
        version_ns,
        filled_qty,
        status_rank(status or ""),
        seen.received_at_ns if source == "sweep" else 0,
        seen.topic,
        seen.partition,
        seen.offset,
        seen.known_at_ms,
        columns,
        stated,
        source,
        event,
        event_time,
        execution_id,
        fill,
        is_fill,
        blake2b(identity.encode(), digest_size=16).hexdigest(),
        status,
        parent_order_id,
        ratio_qty,
        extra,
    )
