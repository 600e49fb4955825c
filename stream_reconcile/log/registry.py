"""The codec with a schema registry (SCHEMA_REGISTRY_URL): Confluent's wire format, subjects `<topic>-value`.

Records that were written before the registry was set stay readable: they are Avro single objects, and are read with
the schemas of the package. A registry that is away is waited for and then raises RegistryUnreachable, so that its
outage never turns a good record into a dead letter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import structlog
from confluent_kafka.schema_registry import Schema as RegistrySchema
from confluent_kafka.schema_registry import SchemaRegistryClient, SchemaRegistryError
from fastavro.schema import SchemaParseException, UnknownType

from stream_reconcile.core.errors import (
    ConfigError,
    CredentialsRefused,
    DecodeError,
    RefusedError,
    RegistryUnreachable,
    SchemaMismatch,
)
from stream_reconcile.log import schemas
from stream_reconcile.log.codec import (
    REGISTRY_HEADER_BYTES,
    REGISTRY_MAGIC,
    SINGLE_OBJECT_MAGIC,
    SingleObjectCodec,
    read_with,
    schema_id,
)
from stream_reconcile.log.envelope import LAYOUT, Envelope, read_envelope, write_envelope
from stream_reconcile.log.schemas import Schema
from stream_reconcile.log.topics import Topics
from stream_reconcile.log.usual import UsualFrames

log = structlog.get_logger()

# One question: three tries of at most 5 s, up to 1 s between them.
_BOUNDS: Final = {"timeout": 5, "max.retries": 2, "retries.wait.ms": 200, "retries.max.wait.ms": 1000}
# An id that the registry does not have is not asked for again by every record that carries it.
_UNKNOWN_ID_SECONDS: Final = 30.0
_MOST_UNKNOWN_IDS: Final = 1000

Answer = TypeVar("Answer")


class RegistryCodec:
    """Confluent's wire format; reads single objects too. Call `register` before use; not shared between threads.

    `url` may hold user and password; `properties` are those of confluent_kafka.schema_registry
    (`ssl.ca.location`, `basic.auth.user.info`, `bearer.auth.…`).
    """

    def __init__(self, topics: Topics, url: str, properties: Mapping[str, Any] | None = None) -> None:
        bare, user_info = _without_credentials(url)
        self._name = bare
        conf: dict[str, Any] = {**_BOUNDS, **user_info, **(properties or {}), "url": bare}
        try:
            self._client = SchemaRegistryClient.new_client(conf)
        except (ValueError, TypeError, OSError) as error:
            # Not its text: it may name a property with its value. A file that can't be read is named.
            which = f" {error.filename}" if isinstance(error, OSError) and error.filename else ""
            raise ConfigError(
                f"the settings of the schema registry {bare} can't be used ({type(error).__name__}{which}): check "
                "SCHEMA_REGISTRY_URL and the registry's properties"
            ) from None
        self._single_object = SingleObjectCodec(topics)
        self._current = {topics.of(record): schemas.current(record) for record in schemas.RECORDS}
        self._headers: dict[str, bytes] = {}
        self._writers: dict[int, Schema] = {}
        # Headers of schemas that the fast reader can read, for each topic.
        self._fast: dict[str, set[bytes]] = {topic: set() for topic in self._current}
        self._usual = {topic: UsualFrames(headers, REGISTRY_HEADER_BYTES) for topic, headers in self._fast.items()}
        self._unknown: dict[int, float] = {}

    def register(self) -> dict[str, int]:
        """Look our schemas up in the registry, register those that it does not have; gives the id for each topic.

        Raises RegistryUnreachable, CredentialsRefused, SchemaMismatch (the registry calls ours incompatible),
        RefusedError.
        """
        ids = {}
        for topic, current in self._current.items():
            number = self._registered(f"{topic}-value", RegistrySchema(current.text, "AVRO"))
            header = REGISTRY_MAGIC + number.to_bytes(4, "big")
            self._headers[topic] = header
            self._learn(topic, header, current)
            ids[topic] = number
        return ids

    def encode(self, topic: str, envelope: Envelope) -> bytes:
        """Bytes of a record for `topic`. Raises ValueError for an envelope without a plausible account id."""
        return write_envelope(self._current[topic], self._headers[topic], envelope)

    def decode(self, topic: str, payload: bytes | None) -> Envelope:
        """The envelope in the value of a record of `topic`.

        Raises DecodeError for a bad record; RegistryUnreachable, CredentialsRefused, RefusedError where its schema id
        is new and the registry can't be asked.
        """
        if payload is None or payload[:2] == SINGLE_OBJECT_MAGIC:
            return self._single_object.decode(topic, payload)
        try:
            if payload[:REGISTRY_HEADER_BYTES] in self._fast[topic]:
                return read_envelope(payload, REGISTRY_HEADER_BYTES)
            return self._decode_other(topic, payload)
        except DecodeError as error:
            raise DecodeError(error.reason, f"record of {topic}: {error}") from None

    def usual(self, topic: str, payload: bytes | None) -> tuple[str, bytes] | None:
        """Account id and raw bytes where the record is a frame's in its usual form; None: use `decode`."""
        if payload is None or payload[:2] == SINGLE_OBJECT_MAGIC:
            return self._single_object.usual(topic, payload)
        return self._usual[topic].read(payload)

    def close(self) -> None:
        """Close the connections to the registry."""
        self._client.close()

    def _registered(self, subject: str, schema: RegistrySchema) -> int:
        # Looked up first: registries that people administer let programs read, not write.
        found = self._ask(lambda: self._client.lookup_schema(subject, schema))
        if found is not None and found.schema_id is not None:
            return found.schema_id
        number = self._ask(lambda: self._client.register_schema(subject, schema))
        if number is None:
            raise RefusedError(f"{self._name} has no subject {subject} and did not make one: register it by hand")
        log.info("schema_registered", subject=subject, schema_id=number)
        return number

    def _decode_other(self, topic: str, payload: bytes) -> Envelope:
        if not payload:
            raise DecodeError("empty", "it has no value")
        if payload[:1] != REGISTRY_MAGIC:
            raise DecodeError("magic", "it is neither in Confluent's wire format nor an Avro single object")
        if len(payload) < REGISTRY_HEADER_BYTES:
            raise DecodeError("truncated", "it ends inside the id of its schema")
        current = self._current[topic]
        writer = self._writer(schema_id(payload))
        if writer.name != current.name:
            raise DecodeError("schema", f"its schema (id {schema_id(payload)}) is that of {writer.name}")
        envelope = read_with(writer, current, payload, REGISTRY_HEADER_BYTES)
        self._learn(topic, payload[:REGISTRY_HEADER_BYTES], writer)
        return envelope

    def _learn(self, topic: str, header: bytes, writer: Schema) -> None:
        if writer.fields == LAYOUT:
            self._fast[topic].add(header)

    def _writer(self, number: int) -> Schema:
        """The schema with this id. Raises DecodeError if the registry has none, or one that is no record's."""
        known = self._writers.get(number)
        if known is not None:
            return known
        if self._unknown.get(number, 0.0) > time.monotonic():
            raise self._unknown_id(number)
        found = self._ask(lambda: self._client.get_schema(number))
        if found is None:
            if len(self._unknown) >= _MOST_UNKNOWN_IDS:
                self._unknown.clear()
            self._unknown[number] = time.monotonic() + _UNKNOWN_ID_SECONDS
            raise self._unknown_id(number)
        try:
            writer = schemas.schema(found.schema_str or "")
        except (SchemaParseException, UnknownType, ValueError):
            raise DecodeError("schema", f"its schema (id {number}) is not the Avro schema of a record") from None
        self._writers[number] = writer
        return writer

    def _unknown_id(self, number: int) -> DecodeError:
        return DecodeError(
            "registry",
            f"{self._name} has no schema with the id {number}: if another registry gave that id, set "
            "SCHEMA_REGISTRY_URL to that one, then retry the dead letter",
        )

    def _ask(self, question: Callable[[], Answer]) -> Answer | None:
        """The registry's answer, None for "no such thing"."""
        try:
            return question()
        except SchemaRegistryError as error:
            # Codes 404xx: no such subject, version or schema. Another 404 is not the registry's.
            if error.http_status_code == 404 and (error.error_code or 0) // 100 == 404:
                return None
            raise self._refusal(error) from None
        except Exception as error:  # noqa: BLE001 - which HTTP library it uses, and so what it raises, is its own affair
            raise RegistryUnreachable(
                f"the schema registry {self._name} does not answer ({type(error).__name__}): check SCHEMA_REGISTRY_URL "
                "and that the registry runs"
            ) from None

    def _refusal(self, error: SchemaRegistryError) -> Exception:
        status = error.http_status_code
        # A code of its own means that the registry spoke; what a proxy says in its place is not repeated.
        words = f": {error.error_message[:300]}" if error.error_code not in (None, -1) and error.error_message else ""
        if status in (401, 403):
            return CredentialsRefused(
                f"the schema registry {self._name} refused us (status {status}): check user and password in "
                "SCHEMA_REGISTRY_URL, and that they may read and register subjects"
            )
        if status in (409, 422):
            return SchemaMismatch(
                f"the schema registry {self._name} refused our schema (status {status}){words}. Another program may "
                "have registered its own under our subject, or its compatibility rule is stricter than FULL_TRANSITIVE"
            )
        if status in (408, 429) or status >= 500:
            return RegistryUnreachable(f"the schema registry {self._name} can't answer now (status {status}){words}")
        return RefusedError(
            f"the schema registry {self._name} answered with status {status}{words}. Check that SCHEMA_REGISTRY_URL is "
            "the root of Confluent's API (Apicurio: …/apis/ccompat/v7)"
        )


def _without_credentials(url: str) -> tuple[str, dict[str, str]]:
    """The address (or several, by comma) without user and password, and these as the client's property."""
    bare, user_info = [], {}
    for address in url.split(","):
        parts = urlsplit(address.strip())
        if parts.username:
            user_info = {"basic.auth.user.info": f"{unquote(parts.username)}:{unquote(parts.password or '')}"}
        host = parts.netloc.rpartition("@")[2]
        bare.append(urlunsplit((parts.scheme, host, parts.path, parts.query, "")).rstrip("/"))
    return ",".join(bare), user_info
