"""The trade_updates message: an envelope round the order as it is at that moment."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from stream_reconcile.simulator.orders import Order
from stream_reconcile.simulator.values import DAY, Ids, date_text, rfc3339, rfc3339_micros

# Which events carry an execution id besides fills: those that an exchange reports. `pending_new` has none and `new`
# has one in the captures of 2026-09-18; for the others it is our reading. An execution id does not imply a fill.
EXCHANGE_EVENTS = frozenset(
    {"new", "canceled", "expired", "replaced", "rejected", "done_for_day", "stopped", "suspended", "restated"}
)


class Frame(NamedTuple):
    """One websocket message with what a reader would have to parse it for. `ns` is the event's own `timestamp`."""

    raw: bytes
    event: str
    order_id: str
    ns: int


class FrameWriter:
    """Writes frames, each with an event id of its own."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._encode = msgspec.json.Encoder().encode

    def frame(self, order: Order, event: str, ns: int, now: int, extra: dict[str, Any]) -> Frame:
        """The frame of an event that happened at `ns` and is sent `now`; `extra` are the envelope's other fields."""
        message = {
            "stream": "trade_updates",
            "data": {
                "at": rfc3339_micros(now),
                "event_id": self._ids.ulid(now),
                "event": event,
                "timestamp": rfc3339(ns),
                "order": order.wire,
                **extra,
            },
        }
        return Frame(self._encode(message), event, order.id, ns)


def settle_date(order: Order, ns: int) -> str:
    """Coins settle the same day, all else on the next trading day (T+1), holidays aside."""
    day = ns // DAY
    if order.wire["asset_class"] == "crypto":
        return date_text(day)
    weekday = (day + 3) % 7  # the epoch was a Thursday; 0 is Monday
    return date_text(day + (1 if weekday < 4 else 7 - weekday))
