"""The usual frame → an Observation in one go: nearly all are usual, and they decide how fast a backlog is applied.

Usual is a frame with every field of an order, a known event that is no bust or correction, a known status, no legs,
nothing to escape, times and numbers that look like ones. For anything else `QuickReader.read` gives None, and
`core.wire.parse.Parser` reads the frame; tests/properties/test_wire_properties.py holds the two to the same result.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from stream_reconcile.core.lifecycle import EVENTS, FILL_EVENTS, REVERSAL_EVENTS, STATUSES
from stream_reconcile.core.observation import ALL_STATED, NULL, Observation
from stream_reconcile.core.timestamps import BOUNDED_FROM, BOUNDED_TO, ms_text, plain_ns
from stream_reconcile.core.wire.orders import (
    BOOLEAN,
    LONGEST_ID,
    NUMERIC,
    TEXTUAL,
    TIMED,
    is_plain,
)
from stream_reconcile.core.wire.shapes import STREAM, Shapes

_PLAIN_EVENTS: Final = frozenset(EVENTS) - REVERSAL_EVENTS
_RANKS: Final = {name: status.rank for name, status in STATUSES.items()}
_BACKSLASH: Final = ord("\\")  # looked for as a number: a third of the time
_new = tuple.__new__  # a named tuple without its own constructor, in half the time


class QuickReader:
    """Reads usual frames with the shapes of a parser."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._raw, self._frame = b"", None

    def decoded(self, raw: bytes) -> Any:
        """The frame as `read` has decoded it just now; None if that was another one, or could not be decoded."""
        return self._frame if raw == self._raw and not self._shapes.has_learnt else None

    def _decode(self, raw: bytes) -> Any:
        if _BACKSLASH in raw or self._shapes.has_learnt:
            return None
        try:
            return self._shapes.decode_frame(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
            return None

    def read(
        self, raw: bytes, account_id: str, topic: str, partition: int, offset: int, known_at_ms: int
    ) -> Observation | None:
        """The one observation of a usual frame; None for any other frame. Never raises."""
        frame = self._decode(raw)
        if frame is None:
            return None
        update = frame.data
        order, event, event_at = update.order, update.event, update.timestamp
        if frame.stream != STREAM or order is None or order.legs is not None or update.legs is not None:
            self._raw, self._frame = raw, frame
            return None
        values = astuple(order)
        order_id, status, updated_at = order.id, order.status, order.updated_at
        execution_id, qty, price = update.execution_id, update.qty, update.price
        try:
            rank = _RANKS[status]
            numbers = (qty, price, update.position_qty, *values[NUMERIC])
            numeric = "\t".join([NULL if value is None else value for value in numbers])
            timed = "\t".join([NULL if value is None else value for value in values[TIMED]])
            texts = "\t".join([NULL if value is None else value for value in values[TEXTUAL]])
            extended_hours = BOOLEAN[order.extended_hours]
        except (TypeError, KeyError):
            return None  # a field is absent, and absent is not null; or the status is not one we know
        if (
            not (event_at and updated_at and order_id)
            or event not in _PLAIN_EVENTS
            or order.order_type is None
            or len(order_id) > LONGEST_ID
            or not is_plain(numeric, f"{event_at}\t{timed}")
        ):
            return None
        version_ns = plain_ns(updated_at)
        is_fill = event in FILL_EVENTS and execution_id and qty and price
        if version_ns is None or (is_fill and not BOUNDED_FROM <= event_at < BOUNDED_TO):
            return None
        content = (
            f"{account_id}\t{order_id}\tstream\t{event}\t{execution_id or NULL}\t{event_at}\t{numeric}\t{timed}"
            f"\t{texts}\t{extended_hours}\t\\N\t\\N\t\\N"
        )
        event_key = blake2b(content.encode(), digest_size=16).hexdigest()
        line = (
            f"{content}\t{event_key}\t{rank}\t{version_ns}\t0\t{ALL_STATED}\t{topic}\t{partition}\t{offset}"
            f"\t{ms_text(known_at_ms)}"
        )
        fill = None
        if is_fill:
            fill = (
                f"{account_id}\t{order_id}\tx:{execution_id}\t{execution_id}\t{order.symbol or ''}\t{order.side or ''}"
                f"\t{qty.lstrip('-')}\t{price}\t{event_at}\ttrade\tstream\t{topic}\t{partition}\t{offset}"
            )
        return _new(
            Observation,
            (
                order_id,
                account_id,
                version_ns,
                order.filled_qty or None,
                rank,
                0,
                topic,
                partition,
                offset,
                known_at_ms,
                line,
                ALL_STATED,
                "stream",
                event,
                execution_id,
                fill,
                event_key,
                status,
                None,
                None,
            ),
        )
