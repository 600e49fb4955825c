"""An order struct → its canonical text and an Observation.

The common case (strings where strings are usual, nothing to escape) is one pass of joins; whatever does not fit it goes
the careful way, field by field, to the same result. `core.wire.quick` is the common case of the common case.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from msgspec import UNSET
from msgspec.structs import astuple

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
    fill_of,
    line_of,
)
from stream_reconcile.core.timestamps import bounded_ns, parse_ns

# Where the columns stand in what `astuple` gives of an order (core.wire.shapes).
NUMERIC: Final = slice(1, 1 + len(NUMBERS))
TIMED: Final = slice(NUMERIC.stop, NUMERIC.stop + len(TIMES))
TEXTUAL: Final = slice(TIMED.stop, TIMED.stop + len(TEXTS))
_COLUMNS: Final = slice(NUMERIC.start, TEXTUAL.stop + 1)
_NUMBERS: Final = len(NUMBERS)
_CHECKED: Final = len(NUMBERS) + len(TIMES)
BOOLEAN: Final[dict[Any, str]] = {True: "t", False: "f", None: NULL}
# Three numbers of an event and the numbers of an order, and an event's time and the times of an order, with each digit
# written as 0. What looks otherwise is checked field by field, so that Postgres never meets `now`, `NaN` or `20260918`,
# which it would take.
_NUMBER: Final = r"(?:-?0{1,40}(?:\.0{1,39})?|\\N)"
_TIME: Final = r"(?:0000-00-00T00:00:00(?:\.0{1,9})?(?:Z|[+-]00:00)|\\N)"
_PLAIN_NUMBERS: Final = re.compile("\t".join([_NUMBER] * (3 + len(NUMBERS))))
_PLAIN_TIMES: Final = re.compile("\t".join([_TIME] * (1 + len(TIMES))))
DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_MOST_SHAPES: Final = 65_536
plain_shapes: set[bytes] = set()
"""Lines of numbers or of times found plain, each digit as 0."""
_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
)
_LONGEST_NUMBER: Final = 80
_SHORT: Final = 10  # so few digits need no closer look
LONGEST_ID: Final = 200
_new_observation = tuple.__new__


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


def is_plain(numbers: str, times: str) -> bool:
    """True when these tab-separated numbers and times need no closer look.

    Lines come in few shapes, so a shape that was found plain once is remembered: that is quicker than any look at the
    characters. (Numbers and times by themselves, for together they come in many.)
    """
    return _is_plain(numbers, _PLAIN_NUMBERS) and _is_plain(times, _PLAIN_TIMES)


def _is_plain(line: str, plain: re.Pattern[str]) -> bool:
    shape = line.encode().translate(DIGITS)
    if shape in plain_shapes:
        return True
    if plain.fullmatch(shape.decode()) is None:
        return False
    if len(plain_shapes) >= _MOST_SHAPES:
        plain_shapes.clear()
    plain_shapes.add(shape)
    return True


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


class Happening(NamedTuple):
    """What a record says beside the order itself."""

    event: str
    """The frame's event; `snapshot` for a REST read, `leg` for a leg inside its parent's frame."""
    execution_id: str | None = None
    event_at: str | None = None
    qty: str | None = None
    price: str | None = None
    position_qty: str | None = None
    is_fill: bool = False
    parent_order_id: str | None = None
    extra: str | None = None
    """JSON of fields that this version does not know."""


def observe(order: Any, seen: Seen, what: Happening, *, careful: bool) -> Observation:
    """One Observation of `order`. Raises WireError when it has no plausible id or a field can't be read.

    `careful`: a text of the record may need escaping, or a value checking.
    """
    order_id = order.id
    if not order_id or len(order_id) > LONGEST_ID:
        raise WireError("no_order_id")
    if order.order_type.__class__ is not str and order.type is not UNSET:
        order.order_type = order.type
    ratio_qty = None if what.parent_order_id is None else _ratio(order)
    found = None if careful else _plain_content(order, seen, what, ratio_qty)
    content, stated = found or _careful_content(order, seen, what, ratio_qty)
    updated, status, filled_qty = order.updated_at, order.status, order.filled_qty
    stamped = updated.__class__ is str and updated
    version_ns = bounded_ns(updated) if stamped else _version_without_update(order, what)
    snapshot_ns = seen.received_at_ns if seen.source == "sweep" else 0
    rank = status_rank(status if status.__class__ is str else "")
    key = event_key(content, stated)
    place = (seen.topic, seen.partition, seen.offset, seen.known_at_ms)
    return _new_observation(
        Observation,
        (
            order_id,
            seen.account_id,
            version_ns,
            filled_qty if filled_qty.__class__ is str and filled_qty else None,
            rank,
            snapshot_ns,
            *place,
            line_of(content, key, rank, version_ns, snapshot_ns, stated, *place),
            stated,
            seen.source,
            what.event,
            what.execution_id,
            fill_of(content, *place[:3]) if what.is_fill else None,
            key,
            status if status.__class__ is str else None,
            what.parent_order_id,
            ratio_qty,
        ),
    )


def event_key(content: str, stated: int) -> str:
    """Identity of an observation: digest of its content, with what it states where that is not all."""
    named = content if stated == ALL_STATED else f"{content}\t{stated}"
    return blake2b(named.encode(), digest_size=16).hexdigest()


def _plain_content(order: Any, seen: Seen, what: Happening, ratio_qty: str | None) -> tuple[str, int] | None:
    """Content and mask in a few joins; None where a field needs a closer look."""
    values = astuple(order)[_COLUMNS]
    absent = [index for index, value in enumerate(values) if value is UNSET]
    stated = ALL_STATED
    if absent:
        stated -= sum([1 << index for index in absent])
        values = tuple([None if value is UNSET else value for value in values])
    numbers = "\t".join(
        [NULL if value is None else value for value in (what.qty, what.price, what.position_qty, *values[:_NUMBERS])]
    )
    times = "\t".join([NULL if value is None else value for value in (what.event_at, *values[_NUMBERS:_CHECKED])])
    if not is_plain(numbers, times):
        return None
    event_at, _, times = times.partition("\t")
    texts = "\t".join([NULL if value is None else value for value in values[_CHECKED:-1]])
    parent = f"{what.parent_order_id or NULL}\t{ratio_qty or NULL}\t{escape(what.extra)}"
    event = f"{seen.account_id}\t{order.id}\t{seen.source}\t{what.event}\t{what.execution_id or NULL}\t{event_at}"
    return f"{event}\t{numbers}\t{times}\t{texts}\t{BOOLEAN[values[-1]]}\t{parent}", stated


def _careful_content(order: Any, seen: Seen, what: Happening, ratio_qty: str | None) -> tuple[str, int]:
    """The content, each field checked and escaped, and the mask of the fields that the order states."""
    fields = [seen.account_id, escape(order.id), seen.source, escape(what.event), escape(what.execution_id or None)]
    fields.append(careful_time(what.event_at, "timestamp"))
    fields += [
        careful_number(what.qty, "qty"),
        careful_number(what.price, "price"),
        careful_number(what.position_qty, "position_qty"),
    ]
    stated = 0
    for index, name in enumerate(ORDER_COLUMNS):
        value = getattr(order, name)
        if value is UNSET:
            fields.append(NULL)
            continue
        stated |= 1 << index
        fields.append(_CAREFUL[name](value, name))
    fields += [escape(what.parent_order_id), ratio_qty or NULL, escape(what.extra)]
    return "\t".join(fields), stated


def _version_without_update(order: Any, what: Happening) -> int:
    """Version of an observation that states no `updated_at` (I2): the event's time, else `submitted_at`, else 0."""
    if what.event_at:
        return bounded_ns(what.event_at)
    submitted = order.submitted_at
    return bounded_ns(submitted) if submitted.__class__ is str and submitted else 0


def _ratio(order: Any) -> str | None:
    ratio = order.ratio_qty
    if ratio is None:
        return None
    text = str(ratio)
    return text if len(text) < _SHORT and text.isdigit() and text.isascii() else plain_number(text, "ratio_qty")


_CAREFUL: Final[dict[str, Callable[[Any, str], str]]] = {
    **dict.fromkeys(NUMBERS, careful_number),
    **dict.fromkeys(TIMES, careful_time),
    **dict.fromkeys(TEXTS, lambda value, _name: escape(value)),
    "extended_hours": lambda value, _name: BOOLEAN[value],
}
