"""Envelope ⇄ bytes of a Kafka record.

`SingleObjectCodec` needs no other server: Avro's single-object encoding (C3 01, the CRC-64-AVRO fingerprint of the
writer's schema little-endian, the Avro bytes; Avro specification, "Single-object encoding") with the schemas of the
package. `log.registry.RegistryCodec` is the same with a schema registry. Decoding consumes the whole record or raises.
"""

from __future__ import annotations

import io
from typing import Any, Final, Protocol

from fastavro import schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError

from stream_reconcile.core.errors import DecodeError
from stream_reconcile.log import schemas
from stream_reconcile.log.envelope import LAYOUT, Envelope, checked, peek_ids, read_envelope, write_envelope
from stream_reconcile.log.schemas import Schema
from stream_reconcile.log.topics import Topics
from stream_reconcile.log.usual import UsualFrames

__all__ = ["Codec", "Envelope", "SingleObjectCodec", "try_account_id", "try_order_id"]

SINGLE_OBJECT_MAGIC: Final = b"\xc3\x01"
SINGLE_OBJECT_HEADER_BYTES: Final = 10
# Confluent's wire format: a zero byte, the schema id as four bytes big-endian, the Avro bytes.
REGISTRY_MAGIC: Final = b"\x00"
REGISTRY_HEADER_BYTES: Final = 5


class Codec(Protocol):
    """What turns envelopes into records of a topic and back. Several threads may decode."""

    def encode(self, topic: str, envelope: Envelope) -> bytes:
        """Bytes of a record for `topic`. Raises ValueError for an envelope without a plausible account id."""
        ...

    def decode(self, topic: str, payload: bytes | None) -> Envelope:
        """The envelope in the value of a record of `topic`. Raises DecodeError."""
        ...

    def usual(self, topic: str, payload: bytes | None) -> tuple[str, bytes] | None:
        """Account id and raw bytes where the record is a frame's in its usual form; None: use `decode`."""
        ...


class SingleObjectCodec:
    """Avro single objects; writer schemas are known by fingerprint: the current ones and all released ones."""

    def __init__(self, topics: Topics) -> None:
        self._headers: dict[str, bytes] = {}
        self._current: dict[str, Schema] = {}
        self._writers: dict[str, dict[bytes, Schema]] = {}
        for record in schemas.RECORDS:
            topic = topics.of(record)
            current = schemas.current(record)
            self._current[topic] = current
            self._headers[topic] = SINGLE_OBJECT_MAGIC + current.fingerprint
            known = [schema for _, schema in schemas.released(record)]
            self._writers[topic] = {schema.fingerprint: schema for schema in [*known, current]}
        # What the common case compares with; None, equal to no header, if a schema ever needs the slower reader.
        self._fast = {
            topic: header if self._current[topic].fields == LAYOUT else None for topic, header in self._headers.items()
        }

        self._usual = {
            topic: UsualFrames(() if header is None else (header,), SINGLE_OBJECT_HEADER_BYTES)
            for topic, header in self._fast.items()
        }

    def encode(self, topic: str, envelope: Envelope) -> bytes:
        """Bytes of a record for `topic`. Raises ValueError for an envelope without a plausible account id."""
        return write_envelope(self._current[topic], self._headers[topic], envelope)

    def decode(self, topic: str, payload: bytes | None) -> Envelope:
        """The envelope in the value of a record of `topic`. Raises DecodeError."""
        try:
            if payload is not None and payload[:SINGLE_OBJECT_HEADER_BYTES] == self._fast[topic]:
                return read_envelope(payload, SINGLE_OBJECT_HEADER_BYTES)
            return self._decode_other(topic, payload)
        except DecodeError as error:
            raise DecodeError(error.reason, f"record of {topic}: {error}") from None

    def usual(self, topic: str, payload: bytes | None) -> tuple[str, bytes] | None:
        """Account id and raw bytes where the record is a frame's in its usual form; None: use `decode`."""
        return None if payload is None else self._usual[topic].read(payload)

    def _decode_other(self, topic: str, payload: bytes | None) -> Envelope:
        if not payload:
            raise DecodeError("empty", "it has no value")
        if payload[:1] == REGISTRY_MAGIC and len(payload) > REGISTRY_HEADER_BYTES:
            raise DecodeError(
                "registry",
                f"it is in Confluent's wire format (schema id {schema_id(payload)}), which needs the registry that "
                "knows that id: set SCHEMA_REGISTRY_URL, then retry the dead letter",
            )
        if payload[:2] != SINGLE_OBJECT_MAGIC:
            raise DecodeError("magic", "it is no Avro single object")
        if len(payload) < SINGLE_OBJECT_HEADER_BYTES:
            raise DecodeError("truncated", "it ends inside the fingerprint of its schema")
        mark = payload[2:SINGLE_OBJECT_HEADER_BYTES]
        writer = self._writers[topic].get(mark)
        if writer is None:
            for other, writers in self._writers.items():
                if mark in writers:
                    raise DecodeError("schema", f"it is a record of {other} ({writers[mark].name})")
            raise DecodeError(
                "fingerprint",
                f"its schema has the fingerprint {mark.hex()}, which this version does not know: a newer version wrote "
                "it; update this one, then retry the dead letter",
            )
        return read_with(writer, self._current[topic], payload, SINGLE_OBJECT_HEADER_BYTES)


def read_with(writer: Schema, reader: Schema, payload: bytes, start: int) -> Envelope:
    """The envelope that `writer` wrote into `payload` from `start` to its end, by Avro's schema resolution.

    Raises DecodeError. fastavro says where a record ends, but takes numbers of any length; so what it read must also
    be what it would write.
    """
    if writer.fields == LAYOUT:
        return read_envelope(payload, start)
    body = payload[start:]
    source, copy = io.BytesIO(body), io.BytesIO()
    try:
        record = schemaless_reader(source, writer.parsed, None)
        resolved: Any = schemaless_reader(io.BytesIO(body), writer.parsed, reader.parsed)
    except SchemaResolutionError:
        raise DecodeError("schema", f"its schema {writer.name} does not resolve to ours") from None
    except (EOFError, IndexError):
        raise DecodeError("truncated", "it ends inside a field") from None
    except UnicodeDecodeError:
        raise DecodeError("utf8", "a text is not UTF-8") from None
    except (ValueError, OverflowError, MemoryError):
        raise DecodeError("length", "a length or a number is out of range") from None
    if source.tell() != len(body):
        raise DecodeError("trailing", f"{len(body) - source.tell()} bytes after the end of the record")
    schemaless_writer(copy, writer.parsed, record)
    if copy.getvalue() != body:
        raise DecodeError("number", "a number is not in its shortest form")
    return checked(Envelope(**{field: resolved[field] for field in Envelope._fields}))


def schema_id(payload: bytes) -> int:
    """The schema id in a header of Confluent's wire format."""
    return int.from_bytes(payload[1:REGISTRY_HEADER_BYTES], "big")


def try_account_id(payload: bytes | None) -> str | None:
    """The account id in a record that may be damaged, or in an encoding of which only the start is known."""
    return _peek(payload)[0]


def try_order_id(payload: bytes | None) -> str | None:
    """The order id in a record that may be damaged; None where there is none, or it can't be read. Never raises."""
    return _peek(payload)[1]


def _peek(payload: bytes | None) -> tuple[str | None, str | None]:
    if payload and payload[:2] == SINGLE_OBJECT_MAGIC:
        return peek_ids(payload, SINGLE_OBJECT_HEADER_BYTES)
    if payload and payload[:1] == REGISTRY_MAGIC:
        return peek_ids(payload, REGISTRY_HEADER_BYTES)
    return None, None
