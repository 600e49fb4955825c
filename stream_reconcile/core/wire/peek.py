"""A first, cheap look at a websocket frame: what a record's header and the session need, and no more.

Ingest publishes every frame verbatim, understood or not (I8), so this never raises: what can't be read is empty. The
full parse is apply's (`core.wire`).
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

import msgspec

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.timestamps import parse_ns

# Longer, or with characters that can't be printed, it is no id of Alpaca's (UUIDs of 36 characters, client order ids up
# to 128) and stays out of the record's header.
_MAX_NAME = 128
_MAX_WORDS = 256


class Kind(Enum):
    """What a frame is to the session. Shapes: docs.alpaca.markets/docs/websocket-streaming and captures."""

    UPDATE = "update"  # stream trade_updates, `data` may be null
    AUTHORIZED = "authorized"
    UNAUTHORIZED = "unauthorized"  # every authorization whose status is not "authorized"
    GRANTED = "granted"  # listening, and trade_updates is among the streams granted
    NOT_GRANTED = "not_granted"  # listening, without trade_updates: refused streams are silently missing
    ERROR = "error"  # {"action": "error", …}; the broker closes after it
    HEARTBEAT = "heartbeat"  # one byte 0x01
    OTHER = "other"  # JSON, but none of these
    JUNK = "junk"  # no JSON: HTML of a gateway, MessagePack, an empty frame


class Peek(NamedTuple):
    """`stream`, `event` and `order_id` are "" where unreadable; `timestamp_ns` is the broker's time of the event."""

    kind: Kind
    stream: str = ""
    event: str = ""
    order_id: str = ""
    timestamp_ns: int | None = None
    message: str = ""  # what the broker says of a refusal or error; not for logs, it may quote what we sent


class _Order(msgspec.Struct):
    id: str = ""


class _Data(msgspec.Struct):
    event: str = ""
    timestamp: str = ""
    order: _Order | None = None


class _Update(msgspec.Struct):
    stream: str = ""
    data: _Data | None = None


class _Activity(msgspec.Struct):
    order_id: Any = ""


_HEARTBEAT = Peek(Kind.HEARTBEAT)
_JUNK = Peek(Kind.JUNK)
_TRADE_UPDATES = "trade_updates"
_decode_update = msgspec.json.Decoder(_Update).decode
_decode_activity = msgspec.json.Decoder(_Activity).decode
_decode_any = msgspec.json.Decoder().decode


def peek(raw: bytes) -> Peek:
    """Look at a frame's bytes, text or binary alike. Never raises."""
    try:
        update = _decode_update(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _peek_any(raw)
    data = update.data
    if update.stream != _TRADE_UPDATES:
        return _peek_any(raw)
    if data is None:
        return Peek(Kind.UPDATE, _TRADE_UPDATES)
    order_id = data.order.id if data.order is not None else ""
    return Peek(Kind.UPDATE, _TRADE_UPDATES, _name(data.event), _name(order_id), _time(data.timestamp))


def order_of_activity(raw: bytes) -> str:
    """The order that an activity names; "" where that can't be read. Never raises."""
    try:
        return _name(_decode_activity(raw).order_id)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""


def _peek_any(raw: bytes) -> Peek:
    """The slow way, for control frames and for updates with a field of an unexpected type."""
    if raw == b"\x01":
        return _HEARTBEAT
    try:
        frame = _decode_any(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _JUNK
    if not isinstance(frame, dict):
        return Peek(Kind.OTHER)
    stream = _name(frame.get("stream"))
    data = frame.get("data")
    fields: dict[str, Any] = data if isinstance(data, dict) else {}
    if stream == _TRADE_UPDATES:
        order = fields.get("order")
        order_id = order.get("id") if isinstance(order, dict) else ""
        return Peek(Kind.UPDATE, stream, _name(fields.get("event")), _name(order_id), _time(fields.get("timestamp")))
    return Peek(_control(stream, frame.get("action"), fields), stream, message=_words(fields))


def _control(stream: str, action: object, fields: dict[str, Any]) -> Kind:
    if stream == "authorization":
        return Kind.AUTHORIZED if fields.get("status") == "authorized" else Kind.UNAUTHORIZED
    if stream == "listening":
        streams = fields.get("streams")
        return Kind.GRANTED if isinstance(streams, list) and _TRADE_UPDATES in streams else Kind.NOT_GRANTED
    return Kind.ERROR if action == "error" else Kind.OTHER


def _name(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= _MAX_NAME and value.isprintable() else ""


def _words(fields: dict[str, Any]) -> str:
    said = (fields.get(name) for name in ("status", "message", "error_message"))
    return " ".join(words for words in said if isinstance(words, str))[:_MAX_WORDS]


def _time(value: object) -> int | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        return parse_ns(value)
    except WireError:
        return None
