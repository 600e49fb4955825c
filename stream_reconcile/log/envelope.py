"""The header that every record carries, and its Avro bytes.

All record types have the same eight plain fields (docs/kafka.md), so one hand-written reader serves them: it takes
about 60 % of the time of fastavro's schemaless reader, and what each record costs in Python decides apply's speed.
It accepts what fastavro accepts and the Avro specification allows, with three things refused that fastavro lets pass:
bytes after the end, numbers of more than 64 bits, and a record that names no account (which is what a run of zero
bytes reads as). tests/properties/test_codec_properties.py holds it equal to fastavro.
"""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from typing import Final, NamedTuple

from fastavro import schemaless_writer

from stream_reconcile.core.errors import DecodeError
from stream_reconcile.log.schemas import Schema


class Envelope(NamedTuple):
    """One record of any of our topics: where it came from, and the bytes as they came. "" means unknown.

    `received_at_ns` is nanoseconds since the epoch, UTC; `position` counts from 0 within `stream_id`.
    """

    account_id: str
    stream_id: str
    position: int
    received_at_ns: int
    source: str
    event: str
    order_id: str
    raw: bytes


# Avro fields of a schema that `read_envelope` can read.
LAYOUT: Final = (
    ("account_id", "string"),
    ("stream_id", "string"),
    ("position", "long"),
    ("received_at_ns", "long"),
    ("source", "string"),
    ("event", "string"),
    ("order_id", "string"),
    ("raw", "bytes"),
)

# Longer ids are none; Alpaca's are UUIDs of 36 characters, its client order ids end at 128.
MAX_ID_LENGTH: Final = 128

_nine_bytes = struct.Struct("9B").unpack_from
# The continuation bits of the first eight bytes of a nine-byte varint, as they add up in the sum of its groups.
_NINE_CONTINUATIONS: Final = sum(0x80 << (7 * group) for group in range(8))
_TWO_CONTINUATIONS: Final = 0x80 + (0x80 << 7)
_new_envelope = tuple.__new__


def is_plausible_id(text: str) -> bool:
    """Whether `text` can be an id: 1 to 128 printable characters."""
    return 0 < len(text) <= MAX_ID_LENGTH and text.isprintable()


def read_envelope(data: bytes, start: int) -> Envelope:
    """The envelope whose Avro bytes fill `data` from `start` to its end. Raises DecodeError.

    This is the shape of nearly every record: header texts shorter than 64 bytes, a position below 2**20, a time of
    2001 to 2116, at most 1 MB of raw bytes. Whatever is different is left to the careful reader.
    """
    try:
        size_1 = data[start]
        at = start + 1 + (size_1 >> 1)
        account_id = data[start + 1 : at].decode()
        size_2 = data[at]
        end = at + 1 + (size_2 >> 1)
        stream_id = data[at + 1 : end].decode()

        # A varint holds seven bits a byte, lowest first, the top bit set in all but the last; its value is 2n for n.
        position = data[end]
        at = end + 1
        if position > 0x7F:
            high = data[at]
            at += 1
            position += (high << 7) - 0x80
            if high > 0x7F:
                last = data[at]
                if last > 0x7F:
                    return _read_carefully(data, start)
                at += 1
                position += (last << 14) - (0x80 << 7)

        a, b, c, d, e, f, g, h, i = _nine_bytes(data, at)
        if not (a & b & c & d & e & f & g & h > 0x7F > i):
            return _read_carefully(data, start)
        # Two halves, so that all but the last two sums stay within one digit of Python's integers.
        low = a + (b << 7) + (c << 14) + (d << 21)
        time = low + ((e + (f << 7) + (g << 14) + (h << 21) + (i << 28)) << 28) - _NINE_CONTINUATIONS
        at += 9

        size_3 = data[at]
        end = at + 1 + (size_3 >> 1)
        source = data[at + 1 : end].decode()
        size_4 = data[end]
        at = end + 1 + (size_4 >> 1)
        event = data[end + 1 : at].decode()
        size_5 = data[at]
        end = at + 1 + (size_5 >> 1)
        order_id = data[at + 1 : end].decode()

        size = data[end]
        at = end + 1
        if size > 0x7F:
            high = data[at]
            at += 1
            size += (high << 7) - 0x80
            if high > 0x7F:
                last = data[at]
                if last > 0x7F:
                    return _read_carefully(data, start)
                at += 1
                size += (last << 14) - (0x80 << 7)
    except (IndexError, UnicodeDecodeError, struct.error):
        return _read_carefully(data, start)
    # 0x81: the five sizes were one byte each (top bit clear) and not negative (lowest bit clear).
    odd = (size_1 | size_2 | size_3 | size_4 | size_5) & 0x81 or (size | position | time) & 1
    # An account id of fewer than 64 bytes is plausible if it has any and they can be printed.
    if odd or at + (size >> 1) != len(data) or not (account_id and account_id.isprintable()):
        return _read_carefully(data, start)
    fields = (account_id, stream_id, position >> 1, time >> 1, source, event, order_id, data[at:])
    return _new_envelope(Envelope, fields)


def write_envelope(schema: Schema, header: bytes, envelope: Envelope) -> bytes:
    """`header` and the Avro bytes of `envelope`. Raises ValueError where the account id can't be one.

    `event` and `order_id` come out of what the broker sent. Where they can't be written (a lone surrogate) or could
    not have been meant (control characters, more than 128 characters) they are left empty: `raw` has it all, and a
    frame must not be lost to its header.
    """
    if not is_plausible_id(envelope.account_id):
        raise ValueError("the account id of a record must have 1 to 128 printable characters")
    if not (is_plausible_id(envelope.event) and is_plausible_id(envelope.order_id)):
        envelope = envelope._replace(event=_readable(envelope.event), order_id=_readable(envelope.order_id))
    if schema.fields != LAYOUT:
        out = io.BytesIO()
        out.write(header)
        schemaless_writer(out, schema.parsed, envelope._asdict())
        return out.getvalue()
    # By hand, in a quarter of fastavro's time: this stands between the socket and the log.
    account_id, stream_id, position, received_at_ns, source, event, order_id, raw = envelope
    return b"".join(
        (
            header,
            _written_text(account_id),
            _written_text(stream_id),
            _written_long(position),
            _written_long(received_at_ns),
            _written_text(source),
            _written_text(event),
            _written_text(order_id),
            _written_long(len(raw)),
            raw,
        )
    )


@lru_cache(maxsize=4096)  # account, session, source and event are the same in nearly every record
def _written_text(text: str) -> bytes:
    data = text.encode()
    return _written_long(len(data)) + data


def _written_long(value: int) -> bytes:
    """Zigzag varint (Avro specification, "Binary encoding"). Raises ValueError for more than 64 bits."""
    left = (value << 1) ^ (value >> 63)
    if left >> 64:
        raise ValueError("a number of a record must fit into 64 bits")
    out = bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


def peek_ids(data: bytes, start: int) -> tuple[str | None, str | None]:
    """(account id, order id) as far as they can be read from Avro bytes that may be damaged. Never raises."""
    account_id = order_id = None
    try:
        account_id, at = _text(data, start, "account_id")
        _, at = _text(data, at, "stream_id")
        _, at = _long(data, at, "position")
        _, at = _long(data, at, "received_at_ns")
        _, at = _text(data, at, "source")
        _, at = _text(data, at, "event")
        order_id, at = _text(data, at, "order_id")
    except DecodeError:
        # What was read until here is the answer: this is about records that are known to be bad.
        order_id = None
    return (
        account_id if account_id is not None and is_plausible_id(account_id) else None,
        order_id if order_id is not None and is_plausible_id(order_id) else None,
    )


def checked(envelope: Envelope) -> Envelope:
    """`envelope`, which has been decoded, if it is plausible. Raises DecodeError."""
    if not is_plausible_id(envelope.account_id):
        raise DecodeError("implausible", "it names no account, so the bytes are not what they claim to be")
    return envelope


def _readable(text: str) -> str:
    return text if is_plausible_id(text) else ""


def _read_carefully(data: bytes, start: int) -> Envelope:
    """The same as `read_envelope` for every shape, and the reason where there is none."""
    account_id, at = _text(data, start, "account_id")
    stream_id, at = _text(data, at, "stream_id")
    position, at = _long(data, at, "position")
    received_at_ns, at = _long(data, at, "received_at_ns")
    source, at = _text(data, at, "source")
    event, at = _text(data, at, "event")
    order_id, at = _text(data, at, "order_id")
    raw, at = _bytes(data, at, "raw")
    if at != len(data):
        raise DecodeError("trailing", f"{len(data) - at} bytes after the end of the record")
    return checked(Envelope(account_id, stream_id, position, received_at_ns, source, event, order_id, raw))


def _text(data: bytes, at: int, field: str) -> tuple[str, int]:
    value, at = _bytes(data, at, field)
    try:
        return value.decode(), at
    except UnicodeDecodeError:
        raise DecodeError("utf8", f"field {field} is not UTF-8") from None


def _bytes(data: bytes, at: int, field: str) -> tuple[bytes, int]:
    size, at = _long(data, at, field)
    if size < 0:
        raise DecodeError("length", f"field {field} has a negative length")
    end = at + size
    if end > len(data):
        raise DecodeError("truncated", f"the record ends inside field {field}, {end - len(data)} bytes short")
    return data[at:end], end


def _long(data: bytes, at: int, field: str) -> tuple[int, int]:
    """Zigzag varint of at most 64 bits (Avro specification, "Binary encoding")."""
    value = 0
    for count, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            if value >> 64:
                break
            return (value >> 1) ^ -(value & 1), at + count + 1
    else:
        if len(data) < at + 10:
            raise DecodeError("truncated", f"the record ends inside field {field}")
    raise DecodeError("number", f"field {field} has a number of more than 64 bits")
