"""A record's bytes → what they say about orders: `Parser.frame` and `Parser.snapshot`.

A frame that is no statement about an order (ack, error, heartbeat, null data, another stream) is named and passed on;
an unknown event, status or field is data; what can't be read at all raises WireError, and its record becomes a dead
letter (I8).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.evidence import Evidence
from stream_reconcile.core.lifecycle import FILL_EVENTS, REVERSAL_EVENTS
from stream_reconcile.core.observation import Observation, Parsed, Seen
from stream_reconcile.core.timestamps import BOUNDED_FROM, BOUNDED_TO, bounded_ns
from stream_reconcile.core.wire.executions import leg_executions, reversal
from stream_reconcile.core.wire.lenient import Unknown, learnt_of, order_from_json, update_from_json
from stream_reconcile.core.wire.orders import Happening, observe
from stream_reconcile.core.wire.quick import QuickReader
from stream_reconcile.core.wire.shapes import STREAM, Shapes, decode_any

_new = tuple.__new__  # named tuples without their own constructor, in half the time: one of each for every frame
HEARTBEAT: Final = b"\x01"
_DEEPEST_LEG: Final = 4
_PLAIN_RATIO: Final = (str, type(None))  # as the two readers have it alike


class Parser:
    """Parses the records of one consumer. Holds what it has learnt of new fields; not shared between threads."""

    def __init__(self) -> None:
        self._shapes = Shapes()
        self._quick = QuickReader(self._shapes)
        self.usual_frame = self._quick.read
        """The observation of a usual frame, quickly; None where `frame` has to read it."""

    def frame(self, raw: bytes, seen: Seen) -> Parsed:
        """A websocket frame. Raises WireError."""
        shapes = self._shapes
        try:
            frame = self._quick.decoded(raw) or shapes.decode_frame(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
            return self._unusual_frame(raw, seen)
        if frame.stream != STREAM:
            return self._unusual_frame(raw, seen)
        unknown = None
        if shapes.has_learnt:
            unknown = Unknown()
            learnt_of(frame.data, shapes.learnt_in_update, "", unknown)
            if frame.data.order is not None:
                learnt_of(frame.data.order, shapes.learnt_in_order, "order.", unknown)
        return self._update(frame.data, seen, careful=b"\\" in raw, unknown=unknown)

    def snapshot(self, raw: bytes, seen: Seen) -> Parsed:
        """One order of the REST API, nested legs included. Raises WireError."""
        unknown = Unknown()
        order = self._usual_order(raw, unknown) or order_from_json(self._shapes.order, decode_any(raw), unknown)
        careful = b"\\" in raw
        observation = observe(order, seen, Happening("snapshot", extra=unknown.as_json()), careful=careful)
        legs = self._legs(order, seen, Happening("snapshot"), unknown, careful=careful) if order.legs else ()
        return Parsed("snapshot", "snapshot", (observation, *legs), (), tuple(unknown))

    def _usual_order(self, raw: bytes, unknown: Unknown) -> Any:
        """The order where the strict reader takes it, to the same as the lenient one; else None."""
        try:
            order = self._shapes.decode_order(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
            return None
        if any(each.ratio_qty.__class__ not in _PLAIN_RATIO for each in (order, *(order.legs or ()))):
            return None
        learnt_of(order, self._shapes.learnt_in_order, "order.", unknown)
        return order

    def _unusual_frame(self, raw: bytes, seen: Seen) -> Parsed:
        if raw == HEARTBEAT:
            return _no_statement("heartbeat")
        value = decode_any(raw)
        if not isinstance(value, dict):
            raise WireError("bad_type", "frame")
        stream, data = value.get("stream"), value.get("data")
        if stream is None and value.get("action") == "error":
            return _no_statement("error")
        if stream in ("authorization", "listening"):
            return _no_statement("ack")
        if stream is None and "order" in value and "event" in value:
            data = value  # the data object without its envelope, as the broker's event feed sends it (samples 25, 31)
        elif stream != STREAM:
            if not isinstance(stream, str):
                raise WireError("absent", "stream")
            return _no_statement("other_stream")
        elif data is None:
            return _no_statement("null_data")
        unknown = Unknown()
        shapes = self._shapes
        update = update_from_json(shapes.update, shapes.order, data, unknown)
        parsed = self._update(update, seen, careful=True, unknown=unknown)
        if unknown:
            shapes.learn(
                {name.removeprefix("order.") for name in unknown if name.startswith("order.")},
                {name for name in unknown if not name.startswith("order.")},
            )
        return parsed

    def _update(self, update: Any, seen: Seen, *, careful: bool, unknown: Unknown | None) -> Parsed:
        order = update.order
        if order is None:
            raise WireError("absent", "order")
        event, event_at = update.event, update.timestamp
        is_fill = event in FILL_EVENTS and bool(update.execution_id and update.qty and update.price)
        if is_fill and not event_at:
            event_at = order.filled_at or order.updated_at or None  # an execution needs a time to be paired by
            is_fill = event_at is not None
        if is_fill and not BOUNDED_FROM <= event_at < BOUNDED_TO:
            bounded_ns(event_at)  # executions are paired by their times in nanoseconds, as 64 bits hold them
        extra = unknown.as_json() if unknown else None
        execution = (update.execution_id, event_at, update.qty, update.price, update.position_qty)
        what = _new(Happening, (event, *execution, is_fill, None, extra))
        observation = observe(order, seen, what, careful=careful)
        fields = tuple(unknown) if unknown else ()
        if order.legs is None and update.legs is None and event not in REVERSAL_EVENTS:
            return _new(Parsed, ("update", event, (observation,), (), fields))
        nested = Unknown()
        leg = Happening("leg", event_at=event_at)
        legs = self._legs(order, seen, leg, nested, careful=careful) if order.legs else ()
        evidence: tuple[Evidence, ...] = leg_executions(update, seen) if update.legs else ()
        if event in REVERSAL_EVENTS:
            evidence = (*evidence, *reversal(update, seen))
        return Parsed("update", event, (observation, *legs), evidence, (*fields, *nested))

    def _legs(
        self, order: Any, seen: Seen, what: Happening, unknown: Unknown, *, careful: bool, depth: int = 1
    ) -> tuple[Observation, ...]:
        if depth > _DEEPEST_LEG:
            raise WireError("too_deep", "legs")
        legs: list[Observation] = []
        nested = what._replace(parent_order_id=order.id)
        for value in order.legs:
            if isinstance(value, msgspec.Struct):
                leg: Any = value
                learnt_of(leg, self._shapes.learnt_in_order, "order.", unknown)
            else:
                leg = order_from_json(self._shapes.order, value, unknown)
            legs.append(observe(leg, seen, nested, careful=careful))
            if leg.legs:
                legs += self._legs(leg, seen, what, unknown, careful=careful, depth=depth + 1)
        return tuple(legs)


def _no_statement(kind: str) -> Parsed:
    return Parsed(kind, "", (), (), ())
