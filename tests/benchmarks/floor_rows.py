"""The floor's way from records to rows: the fastest decoding we know, and nothing that a guarantee would need.

No merge (the last frame of a batch wins, by `updated_at` against what stands there), no fence, no dead letters, no
I9, no history without doubles, no look at what is new. The order's columns are those of `executions`, as COPY text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec
from confluent_kafka import Message

NUMBERS: Final = (
    "qty", "notional", "filled_qty", "filled_avg_price", "limit_price", "stop_price", "trail_price", "trail_percent",
    "hwm",
)  # fmt: skip
TIMES: Final = (
    "created_at", "updated_at", "submitted_at", "filled_at", "canceled_at", "expired_at", "failed_at", "replaced_at",
    "cancel_requested_at", "expires_at",
)  # fmt: skip
TEXTS: Final = (
    "client_order_id", "symbol", "asset_id", "asset_class", "side", "position_intent", "order_type", "order_class",
    "time_in_force", "status", "replaces", "replaced_by",
)  # fmt: skip
ORDER: Final = (*NUMBERS, *TIMES, *TEXTS)
FRAME: Final = ("event_at", "execution_id", "event_qty", "event_price", "position_qty")
COLUMNS: Final = ("alpaca_order_id", *ORDER, "extended_hours", "event", *FRAME, "event_key", "partition", "offset")
_BOOLEAN: Final = {True: "t", False: "f", None: "\\N"}
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_FILLS: Final = frozenset(("fill", "partial_fill"))
_AVRO_HEADER: Final = 10  # single-object marker and fingerprint


def _decoder() -> Callable[[bytes], Any]:
    optional: list[tuple[str, Any, Any]] = [(name, str | None, None) for name in ORDER]
    order = msgspec.defstruct("Order", [("id", str), *optional, ("extended_hours", bool | None, None)], gc=False)
    texts: list[tuple[str, Any, Any]] = [
        (name, str | None, None) for name in ("timestamp", "execution_id", "qty", "price", "position_qty")
    ]
    update = msgspec.defstruct("Update", [("event", str), ("order", order), *texts], gc=False)
    return msgspec.json.Decoder(msgspec.defstruct("Frame", [("data", update)], gc=False)).decode


def frame_bytes(payload: bytes) -> bytes:
    """The frame in a record. Its header is skipped, not read: two texts, two numbers, three texts, a length."""
    at = _AVRO_HEADER
    at += 1 + (payload[at] >> 1)
    at += 1 + (payload[at] >> 1)
    while payload[at] > 0x7F:
        at += 1
    at += 1
    while payload[at] > 0x7F:
        at += 1
    at += 1
    at += 1 + (payload[at] >> 1)
    at += 1 + (payload[at] >> 1)
    at += 1 + (payload[at] >> 1)
    while payload[at] > 0x7F:
        at += 1
    return payload[at + 1 :]


def copy_text(messages: Sequence[Message]) -> str:
    """COPY text for a batch: `COLUMNS`, then whether it is the order's last line here, then whether it is a fill."""
    lines: list[str] = []
    last: dict[str, int] = {}
    fills: list[bool] = []
    for index, message in enumerate(messages):
        payload: Any = message.value()
        raw = frame_bytes(payload)
        data = decode(raw).data
        order = data.order
        event = data.event
        values = [order.id, *columns_of(order)]
        if b"\\" in raw:
            values = [value and value.translate(_ESCAPES) for value in values]
        columns = "\t".join(["\\N" if value is None else value for value in values])
        partition, offset = message.partition(), message.offset()
        lines.append(
            f"{columns}\t{_BOOLEAN[order.extended_hours]}\t{event}\t{data.timestamp or _NULL}"
            f"\t{data.execution_id or _NULL}\t{data.qty or _NULL}\t{data.price or _NULL}\t{data.position_qty or _NULL}"
            f"\t{partition:016x}{offset:016x}\t{partition}\t{offset}"
        )
        last[order.id] = index
        # The fill of a multi-leg parent names its executions by leg; the floor leaves legs alone.
        fills.append(event in _FILLS and data.execution_id is not None)
    newest = set(last.values())
    return "".join(
        [
            f"{line}\t{'t' if index in newest else 'f'}\t{'t' if fill else 'f'}\n"
            for index, (line, fill) in enumerate(zip(lines, fills, strict=True))
        ]
    )


_NULL: Final = "\\N"
columns_of = attrgetter(*ORDER)
decode = _decoder()
