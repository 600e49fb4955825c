"""What a real schema registry answers: `make registry` installs it, and shows question and answer.

`integration/test_registry_codec.py` has the bad days of a registry that does as it is told; this one is other people's.
The longer half, a whole run whose registry goes and comes back, is `apicurio_run.py`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from stream_reconcile.core.errors import DecodeError, SchemaMismatch
from stream_reconcile.log import schemas
from stream_reconcile.log.codec import schema_id
from stream_reconcile.log.envelope import Envelope
from stream_reconcile.log.registry import RegistryCodec
from stream_reconcile.log.topics import Topics
from support.apicurio import Apicurio, why_not_installed
from support.registry_questions import NEWER, OURS, added, compatible, full_transitive, newer_record, with_field
from support.telling import tell

pytestmark = [
    pytest.mark.skipif(why_not_installed() is not None, reason=str(why_not_installed())),
    pytest.mark.timeout(300),
]
ENVELOPE = Envelope("account-1", "session-1", 7, 1_763_884_800_123_456_789, "stream", "fill", "order-1", b'{"a":1}')
OTHER_TYPE = [{**field, "type": "string"} if field["name"] == "position" else field for field in OURS["fields"]]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apicurio]:
    with Apicurio(tmp_path_factory.mktemp("apicurio")) as registry:
        yield registry


@pytest.fixture
def topics() -> Topics:
    """Subjects of one's own; no topics are made."""
    return Topics(f"{secrets.token_hex(3)}.")


@pytest.fixture
def codec(registry: Apicurio, topics: Topics) -> Iterator[RegistryCodec]:
    with closing(RegistryCodec(topics, registry.url)) as codec:
        yield codec


def test_our_schemas_are_registered_once(registry: Apicurio, topics: Topics, codec: RegistryCodec) -> None:
    ids = codec.register()
    assert codec.register() == ids
    assert set(ids) == set(topics.all)
    subjects = registry.ask("GET", "/subjects")[1]
    assert {f"{topic}-value" for topic in ids} <= set(subjects)
    for topic, number in ids.items():
        assert registry.ask("GET", f"/subjects/{topic}-value/versions") == (200, [1])
        found = registry.ask("GET", f"/schemas/ids/{number}")[1]
        assert json.loads(found["schema"]) == json.loads(schemas.current(topics.record(topic)).text)


def test_confluents_own_serializers_agree(registry: Apicurio, topics: Topics, codec: RegistryCodec) -> None:
    topic = topics.trade_updates
    ids = codec.register()
    ours = codec.encode(topic, ENVELOPE)
    tell(f"  a record: {ours[:5].hex(' ')} | {ours[5:]!r}")
    assert schema_id(ours) == ids[topic]
    context = SerializationContext(topic, MessageField.VALUE)
    with closing(SchemaRegistryClient({"url": registry.url})) as client:
        # Without a strategy it asks for associations first, which are Confluent's alone, and waits without a limit.
        usual = {"auto.register.schemas": False, "subject.name.strategy": topic_subject_name_strategy}
        serializer = AvroSerializer(client, schemas.current("trade_update").text, conf=usual)
        assert serializer(ENVELOPE._asdict(), context) == ours
        read: Any = AvroDeserializer(client, conf={"subject.name.strategy": topic_subject_name_strategy})(ours, context)
    assert read == ENVELOPE._asdict()
    assert codec.decode(topic, ours) == ENVELOPE


def test_a_compatible_version_is_taken_and_both_are_read(
    registry: Apicurio, topics: Topics, codec: RegistryCodec
) -> None:
    topic, subject = topics.trade_updates, f"{topics.trade_updates}-value"
    ids = codec.register()
    full_transitive(registry, subject)
    assert compatible(registry, subject, NEWER)
    status, answer = added(registry, subject, NEWER)
    assert status == 200
    assert registry.ask("GET", f"/subjects/{subject}/versions") == (200, [1, 2])
    # This version, already running, and started again beside the newer one.
    record = newer_record(answer["id"], ENVELOPE)
    assert codec.decode(topic, record) == ENVELOPE
    with closing(RegistryCodec(topics, registry.url)) as again:
        assert again.register() == ids
        assert again.decode(topic, record) == ENVELOPE
        assert again.decode(topic, codec.encode(topic, ENVELOPE)) == ENVELOPE


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(with_field(name="venue", type="string"), id="a field more, without a default"),
        pytest.param(json.dumps(OURS | {"fields": OURS["fields"][1:]}), id="a field less"),
        pytest.param(json.dumps(OURS | {"fields": OTHER_TYPE}), id="another type"),
    ],
)
def test_an_incompatible_version_is_refused(
    registry: Apicurio, topics: Topics, codec: RegistryCodec, text: str
) -> None:
    subject = f"{topics.trade_updates}-value"
    codec.register()
    full_transitive(registry, subject)
    assert not compatible(registry, subject, text)
    status, answer = added(registry, subject, text)
    assert (status, answer["error_code"]) == (409, 409)
    assert registry.ask("GET", f"/subjects/{subject}/versions") == (200, [1])


def test_without_a_level_it_takes_anything(registry: Apicurio, topics: Topics, codec: RegistryCodec) -> None:
    """Why docs/kafka.md says to set one: Confluent's own begins with BACKWARD, this one with NONE."""
    subject = f"{topics.trade_updates}-value"
    codec.register()
    assert registry.ask("GET", f"/config/{subject}") == (200, {"compatibilityLevel": "NONE"})
    assert added(registry, subject, json.dumps(OURS | {"fields": OTHER_TYPE}))[0] == 200


def test_what_others_put_under_our_subject_stops_the_start(
    registry: Apicurio, topics: Topics, codec: RegistryCodec
) -> None:
    subject = f"{topics.trade_updates}-value"
    theirs = {"type": "record", "name": "Trade", "fields": [{"name": "price", "type": "double"}]}
    assert added(registry, subject, json.dumps(theirs))[0] == 200
    full_transitive(registry, subject)
    with pytest.raises(SchemaMismatch, match=r"status 409.*Incompatible") as caught:
        codec.register()
    tell(f"  ours: {caught.value}")


def test_an_id_that_it_never_gave(registry: Apicurio, topics: Topics, codec: RegistryCodec) -> None:
    codec.register()
    assert registry.ask("GET", "/schemas/ids/99999")[0] == 404
    with pytest.raises(DecodeError, match="no schema with the id 99999") as caught:
        codec.decode(topics.trade_updates, newer_record(99_999, ENVELOPE))
    tell(f"  ours: {caught.value}")
