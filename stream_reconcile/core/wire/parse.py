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
from stream_reconcile.core.lifecycle import FILL_EVENTS
from stream_reconcile.core.observation import Observation, Parsed, Seen
from stream_reconcile.core.wire.executions import leg_executions, reversal
from stream_reconcile.core.wire.lenient import Unknown, learnt_of, order_from_json, update_from_json
from stream_reconcile.core.wire.orders import careful_number, escape, is_plain, observe
from stream_reconcile.core.wire.shapes import Shapes, decode_any

STREAM: Final = "trade_updates"
HEARTBEAT: Final = b"\x01"
_NO_FILL: Final = "\\N\t\\N\t\\N"
_REVERSALS: Final = frozenset(("trade_bust", "trade_correct"))


class Parser:
    """Parses the records of one consumer. Holds what it has learnt of new fields; not shared between threads."""

    def __init__(self) -> None:
        self._shapes = Shapes()

    def frame(self, raw: bytes, seen: Seen) -> Parsed:
        """A websocket frame. Raises WireError."""
        shapes = self._shapes
        try:
            frame = shapes.decode_frame(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._unusual_frame(raw, seen)
        if frame.stream != STREAM:
            return self._unusual_frame(raw, seen)
        unknown = Unknown()
        if shapes.learnt_in_order or shapes.learnt_in_update:
            learnt_of(frame.data, shapes.learnt_in_update, "", unknown)
            if frame.data.order is not None:
                learnt_of(frame.data.order, shapes.learnt_in_order, "order.", unknown)
        return self._update(frame.data, seen, careful=b"\\" in raw, unknown=unknown)

    def snapshot(self, raw: bytes, seen: Seen) -> Parsed:
        """One order of the REST API, nested legs included. Raises WireError."""
        unknown = Unknown()
        order = order_from_json(self._shapes.order, decode_any(raw), unknown)
        observation = observe(order, seen, event="snapshot", careful=True, extra=self._extra(unknown))
        legs = self._legs(order, seen, "snapshot", None, unknown) if order.legs else ()
        return Parsed("snapshot", "snapshot", (observation, *legs), (), tuple(unknown))

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

    def _update(self, update: Any, seen: Seen, *, careful: bool, unknown: Unknown) -> Parsed:
        order = update.order
        if order is None:
            raise WireError("absent", "order")
        event = update.event
        execution_id, event_at = update.execution_id, update.timestamp
        qty, price = update.qty, update.price
        fill = _NO_FILL
        if qty is not None or price is not None or update.position_qty is not None:
            fill = "\t".join(["\\N" if value is None else value for value in (qty, price, update.position_qty)])
        if not careful and not is_plain(f"{fill}\t{event_at or 'T'}"):
            careful = True
        if careful:
            fill = "\t".join(
                [
                    careful_number(qty, "qty"),
                    careful_number(price, "price"),
                    careful_number(update.position_qty, "position_qty"),
                ]
            )
        is_fill = event in FILL_EVENTS and bool(execution_id and qty and price)
        if is_fill and not event_at:
            event_at = order.filled_at or order.updated_at or None  # an execution needs a time to be paired by
            is_fill = event_at is not None
        observation = observe(
            order,
            seen,
            event=event,
            careful=careful,
            event_at=event_at,
            execution_id=execution_id,
            fill=fill,
            is_fill=is_fill,
            extra=self._extra(unknown),
        )
        if order.legs is None and update.legs is None and event not in _REVERSALS:
            return Parsed("update", event, (observation,), (), tuple(unknown) if unknown else ())
        legs = self._legs(order, seen, "leg", event_at, unknown) if order.legs else ()
        evidence: tuple[Evidence, ...] = ()
        if update.legs:
            evidence = leg_executions(update, seen)
        if event in _REVERSALS:
            evidence = (*evidence, *reversal(update, seen))
        return Parsed("update", event, (observation, *legs), evidence, tuple(unknown))

    def _legs(
        self, order: Any, seen: Seen, event: str, event_at: str | None, unknown: Unknown
    ) -> tuple[Observation, ...]:
        legs: list[Observation] = []
        for value in order.legs:
            leg = order_from_json(self._shapes.order, value, unknown)
            legs.append(observe(leg, seen, event=event, careful=True, event_at=event_at, parent_order_id=order.id))
            if leg.legs:
                legs += self._legs(leg, seen, event, event_at, unknown)
        return tuple(legs)

    @staticmethod
    def _extra(unknown: Unknown) -> str | None:
        text = unknown.as_json() if unknown else None
        return None if text is None else escape(text)


def _no_statement(kind: str) -> Parsed:
    return Parsed(kind, "", (), (), ())
