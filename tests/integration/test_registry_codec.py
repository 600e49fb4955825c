"""Confluent's wire format through a registry over real sockets: good days, bad days, and the switch to it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from stream_reconcile.core.errors import (
    ConfigError,
    CredentialsRefused,
    DecodeError,
    RefusedError,
    RegistryUnreachable,
    SchemaMismatch,
)
from stream_reconcile.log import registry as registry_module
from stream_reconcile.log import schemas
from stream_reconcile.log.codec import SingleObjectCodec, try_order_id
from stream_reconcile.log.envelope import Envelope
from stream_reconcile.log.registry import RegistryCodec
from stream_reconcile.log.topics import Topics
from support.schema_registry import SchemaRegistry

TOPICS = Topics("t.")
TOPIC = TOPICS.trade_updates
ENVELOPE = Envelope("account-1", "session-1", 7, 1_763_884_800_123_456_789, "stream", "fill", "order-1", b'{"a":1}')
QUICK = {"max.retries": 1, "retries.wait.ms": 1, "retries.max.wait.ms": 2}


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    with SchemaRegistry(first_id=70_000) as registry:
        yield registry


@pytest.fixture
def codec(registry: SchemaRegistry) -> Iterator[RegistryCodec]:
    with closing(RegistryCodec(TOPICS, registry.url, QUICK)) as codec:
        codec.register()
        yield codec


def refusal(codec: RegistryCodec | SingleObjectCodec, payload: bytes | None, topic: str = TOPIC) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        codec.decode(topic, payload)
    assert topic in str(caught.value)
    return caught.value


def evolved(**field: Any) -> str:
    declared = json.loads(schemas.current("trade_update").text)
    declared["fields"].append(field)
    return json.dumps(declared)


def test_records_are_in_confluents_wire_format(codec: RegistryCodec, registry: SchemaRegistry) -> None:
    payload = codec.encode(TOPIC, ENVELOPE)
    (number,) = registry.subjects[f"{TOPIC}-value"]
    assert payload[:5] == b"\x00" + number.to_bytes(4, "big")
    assert payload[5:] == SingleObjectCodec(TOPICS).encode(TOPIC, ENVELOPE)[10:]
    for topic in TOPICS.all:
        assert codec.decode(topic, codec.encode(topic, ENVELOPE)) == ENVELOPE


def test_confluents_own_serializers_agree(codec: RegistryCodec, registry: SchemaRegistry) -> None:
    client = SchemaRegistryClient({"url": registry.url})
    context = SerializationContext(TOPIC, MessageField.VALUE)
    read: Any = AvroDeserializer(client)(codec.encode(TOPIC, ENVELOPE), context)
    assert read == ENVELOPE._asdict()
    serializer = AvroSerializer(client, schemas.current("trade_update").text, conf={"auto.register.schemas": False})
    assert codec.decode(TOPIC, serializer(ENVELOPE._asdict(), context)) == ENVELOPE
    client.close()


def test_a_second_start_finds_what_the_first_registered(codec: RegistryCodec, registry: SchemaRegistry) -> None:
    registry.read_only = True
    with closing(RegistryCodec(TOPICS, registry.url, QUICK)) as second:
        ids = second.register()
        assert {registry.subjects[f"{topic}-value"][0] for topic in TOPICS.all} == set(ids.values())
        assert second.decode(TOPIC, codec.encode(TOPIC, ENVELOPE)) == ENVELOPE


def test_single_objects_from_before_the_switch_stay_readable(codec: RegistryCodec) -> None:
    before = SingleObjectCodec(TOPICS).encode(TOPIC, ENVELOPE)
    assert codec.decode(TOPIC, before) == ENVELOPE
    assert refusal(codec, before + b"\x00").reason == "trailing"


def test_without_the_registry_its_records_say_what_is_missing(codec: RegistryCodec, registry: SchemaRegistry) -> None:
    payload = codec.encode(TOPIC, ENVELOPE)
    error = refusal(SingleObjectCodec(TOPICS), payload)
    assert error.reason == "registry"
    assert f"schema id {registry.subjects[f'{TOPIC}-value'][0]}" in str(error)
    assert "SCHEMA_REGISTRY_URL" in str(error)
    assert try_order_id(payload) == "order-1"


def test_a_newer_version_is_read_with_its_own_schema(codec: RegistryCodec, registry: SchemaRegistry) -> None:
    number = registry.add(f"{TOPIC}-value", evolved(name="shard", type="int", default=0))
    payload = b"\x00" + number.to_bytes(4, "big") + codec.encode(TOPIC, ENVELOPE)[5:] + b"\x06"
    assert codec.decode(TOPIC, payload) == ENVELOPE
    assert refusal(codec, payload + b"\x00").reason == "trailing"
    assert refusal(codec, payload[:-1]).reason == "truncated"
    # The schema is asked for once.
    assert registry.requests.count(("GET", f"/schemas/ids/{number}")) == 1


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ('"string"', TOPIC),
        ("not json", TOPIC),
        (schemas.current("trade_update").text, TOPICS.adjustments),
    ],
)
def test_an_id_of_something_else_is_refused(
    codec: RegistryCodec, registry: SchemaRegistry, text: str, topic: str
) -> None:
    number = registry.add("somebody-elses", text)
    payload = b"\x00" + number.to_bytes(4, "big") + codec.encode(TOPIC, ENVELOPE)[5:]
    assert refusal(codec, payload, topic).reason == "schema"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"\x01abc", "magic"),
        (b"\x00\x00", "truncated"),
        (b"\xc3\x01", "truncated"),
    ],
)
def test_what_is_no_record_is_refused(codec: RegistryCodec, payload: bytes | None, reason: str) -> None:
    assert refusal(codec, payload).reason == reason


def test_an_unknown_id_is_a_dead_letter_and_not_asked_for_by_every_record(
    codec: RegistryCodec, registry: SchemaRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = b"\x00\x00\x00\x00\x05" + codec.encode(TOPIC, ENVELOPE)[5:]
    for _ in range(3):
        error = refusal(codec, payload)
        assert error.reason == "registry"
        assert "id 5" in str(error)
    assert registry.requests.count(("GET", "/schemas/ids/5")) == 1
    # Later it is asked for again, so that a retry can succeed.
    monkeypatch.setattr(registry_module, "_UNKNOWN_ID_SECONDS", 0.0)
    refusal(codec, b"\x00\x00\x00\x00\x06")
    registry.schemas[6] = schemas.current("trade_update").text
    assert codec.decode(TOPIC, b"\x00\x00\x00\x00\x06" + payload[5:]) == ENVELOPE


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_registry_that_cannot_answer_makes_no_dead_letter(
    codec: RegistryCodec, registry: SchemaRegistry, status: int
) -> None:
    known, unknown = codec.encode(TOPIC, ENVELOPE), b"\x00\x00\x00\x00\x05abc"
    registry.status = status
    asked = len(registry.requests)
    with pytest.raises(RegistryUnreachable, match=f"can't answer now .status {status}.: store is away"):
        codec.decode(TOPIC, unknown)
    assert len(registry.requests) - asked == 2
    # What is known already needs no registry.
    assert codec.decode(TOPIC, known) == ENVELOPE


def test_a_page_of_a_proxy_is_no_answer_of_the_registry(codec: RegistryCodec, registry: SchemaRegistry) -> None:
    registry.body = b"<html>very private gateway</html>"
    for status, expected in [(502, RegistryUnreachable), (404, RefusedError), (200, RegistryUnreachable)]:
        registry.status = status
        with pytest.raises(expected) as caught:
            codec.decode(TOPIC, b"\x00\x00\x00\x00\x05abc")
        assert "private" not in str(caught.value)


def test_a_registry_that_is_away_is_said_with_its_address() -> None:
    with SchemaRegistry() as gone:
        url = gone.url
    with closing(RegistryCodec(TOPICS, url, QUICK)) as codec, pytest.raises(RegistryUnreachable, match=url) as caught:
        codec.register()
    assert caught.value.exit_status == 3


def test_a_registry_that_does_not_answer_is_not_waited_for_without_end(registry: SchemaRegistry) -> None:
    registry.delay = 30
    begun = time.monotonic()
    with (
        closing(RegistryCodec(TOPICS, registry.url, {**QUICK, "timeout": 0.2})) as codec,
        pytest.raises(RegistryUnreachable, match="does not answer"),
    ):
        codec.register()
    assert time.monotonic() - begun < 10


def test_user_and_password_are_used_and_never_shown() -> None:
    with SchemaRegistry(user_info="reconcile:s3cr:et/1") as registry:
        address = registry.url.removeprefix("http://")
        with closing(RegistryCodec(TOPICS, f"http://reconcile:s3cr%3Aet%2F1@{address}", QUICK)) as codec:
            codec.register()
            assert codec.decode(TOPIC, codec.encode(TOPIC, ENVELOPE)) == ENVELOPE
        with (
            closing(RegistryCodec(TOPICS, f"http://reconcile:wr0ng@{address}", QUICK)) as codec,
            pytest.raises(CredentialsRefused, match=r"127\.0\.0\.1") as caught,
        ):
            codec.register()
        assert "wr0ng" not in str(caught.value)


def test_a_schema_that_the_registry_calls_incompatible_stops_the_start(registry: SchemaRegistry) -> None:
    registry.status = 409
    registry.body = b'{"error_code": 409, "message": "Schema being registered is incompatible"}'
    with closing(RegistryCodec(TOPICS, registry.url, QUICK)) as codec:
        with pytest.raises(SchemaMismatch, match="is incompatible") as caught:
            codec.register()
        assert "FULL_TRANSITIVE" in str(caught.value)


def test_rights_that_are_missing_are_said(registry: SchemaRegistry) -> None:
    registry.read_only = True
    with (
        closing(RegistryCodec(TOPICS, registry.url, QUICK)) as codec,
        pytest.raises(CredentialsRefused, match="register subjects"),
    ):
        codec.register()


@pytest.mark.parametrize(
    "properties", [{"no.such.property": "hidden"}, {"ssl.ca.location": "/no/such/file.pem"}, {"max.retries": "hidden"}]
)
def test_settings_that_cannot_be_used_are_said_without_their_values(properties: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="SCHEMA_REGISTRY_URL") as caught:
        RegistryCodec(TOPICS, "http://127.0.0.1:1", properties)
    assert "hidden" not in str(caught.value)


def test_confluents_mock_registry_will_do_as_well() -> None:
    with closing(RegistryCodec(TOPICS, "mock://reconcile")) as codec:
        assert len(codec.register()) == 8
        assert codec.decode(TOPIC, codec.encode(TOPIC, ENVELOPE)) == ENVELOPE
        assert refusal(codec, b"\x00\x00\x0f\xff\xffabc").reason == "registry"
