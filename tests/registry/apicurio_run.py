"""A whole run with a real schema registry that is not there at first, is there, is away, and comes back.

Run by `make registry` and not with the other tests: each start of the registry takes a while. It keeps its schemas in
Kafka, as docker-compose.yml has it, so that they have the same ids when it is back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from stream_reconcile.log.codec import schema_id
from stream_reconcile.log.envelope import Envelope
from stream_reconcile.log.topics import Topics
from support.apicurio import Apicurio, in_kafka
from support.command import RunningCommand, running, simulated_broker, stream_reconcile
from support.registry_questions import NEWER, OURS, added, full_transitive, newer_record
from support.telling import tell
from support.waiting import wait_until


@dataclass
class Tables:
    """What apply has written."""

    dsn: str

    def number(self, query: str, *values: object) -> int:
        with psycopg.connect(self.dsn, options="-c search_path=reconcile") as connection:
            row = connection.execute(query, values).fetchone()  # type: ignore[arg-type]  # a test's own
            return int(row[0] or 0) if row else 0

    def grow(self, run: RunningCommand, events: int) -> None:
        """Until so many more events are there; nothing has become a dead letter."""
        before = self.number("SELECT count(*) FROM order_events")

        def grown() -> bool:
            run.readyz()  # fails, and says why, if it has ended
            return self.number("SELECT count(*) FROM order_events") >= before + events

        wait_until(grown, timeout=120, what=f"{events} events more")
        after, dead = (self.number(f"SELECT count(*) FROM {table}") for table in ("order_events", "dead_letters"))
        tell(f"  {before} events, then {after}; dead letters: {dead}")
        assert dead == 0


def red(run: RunningCommand) -> dict[str, str]:
    """What /readyz says of each part that is not ready."""
    return {part: status["why"] for part, status in run.readyz()[1].items() if not status["ready"]}


def records(kafka: str, topic: str) -> Iterator[Message]:
    """What is in partition 0, from its beginning."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "unused", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    with closing(consumer):
        while (message := consumer.poll(20)) is not None:
            yield message


def settings_of(kafka: str, topic: str) -> dict[str, str]:
    """How long a topic keeps what is in it."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    found = admin.describe_configs([resource])[resource].result(timeout=30)
    return {name: str(found[name].value) for name in ("cleanup.policy", "retention.ms", "retention.bytes")}


def produced(kafka: str, topic: str, key: bytes, value: bytes) -> int:
    """Its offset in partition 0."""
    reports: list[Message] = []
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(topic, value, key, partition=0, on_delivery=lambda _, message: reports.append(message))
    assert producer.flush(30) == 0
    return int(reports[0].offset() or 0)


@pytest.mark.timeout(900)
def test_never_there_then_there_then_away_then_back(
    kafka: str, topic_prefix: str, database: str, tmp_path: Path
) -> None:
    topics, tables = Topics(f"{topic_prefix}."), Tables(database)
    topic, subject = topics.trade_updates, f"{topics.trade_updates}-value"
    registry = Apicurio(tmp_path, in_kafka(kafka, topic_prefix))
    with closing(registry), simulated_broker(tmp_path, "--rate", "10", "--no-reversals") as broker:
        settings = broker | {
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "DATABASE_URL": database,
            "SCHEMA_REGISTRY_URL": registry.url,
            "RECONCILE_TOPIC_PREFIX": topics.prefix,
            "RECONCILE_CONSUMER_GROUP": topic_prefix,
            "RECONCILE_PARTITIONS": "2",
        }

        def check() -> tuple[int, str]:
            done = stream_reconcile("check", settings=settings, folder=tmp_path)
            tell(f"$ stream-reconcile check\n{done.stdout}(exit status {done.returncode})")
            return done.returncode, " ".join(done.stdout.split())

        tell("# It was never there")
        status, said = check()
        assert status == 3
        assert f"the schema registry {registry.url} does not answer" in said
        with running(settings=settings, folder=tmp_path) as run:
            wait_until(lambda: "does not answer" in run.output, timeout=90, what="run to say that no registry answers")
            tell("$ stream-reconcile run\n" + next(line for line in run.output.splitlines() if "registry" in line))
            tell(f"  /readyz: {red(run)}")
            for part in ("ingest", "apply", "sweep"):
                assert f"the schema registry {registry.url} does not answer" in run.wait_not_ready(part)

            tell("# It is there")
            registry.start()
            run.wait_ready(timeout=120)
            tables.grow(run, 20)
            sample = next(message for message in records(kafka, topic) if not str(message.key()).endswith("/'"))
            value = sample.value() or b""
            tell(f"  a record: {value[:5].hex(' ')} | {value[5:]!r}")
            assert json.loads(registry.ask("GET", f"/schemas/ids/{schema_id(value)}")[1]["schema"]) == OURS
            with closing(SchemaRegistryClient({"url": registry.url})) as client:
                deserializer = AvroDeserializer(client, conf={"subject.name.strategy": topic_subject_name_strategy})
                read: Any = deserializer(value, SerializationContext(topic, MessageField.VALUE))
            assert json.loads(read["raw"])["stream"] == "trade_updates"
            tell(f"  its own topic: {settings_of(kafka, f'{topic_prefix}.registry-journal')}")
            full_transitive(registry, subject)
            newer = added(registry, subject, NEWER)[1]["id"]

            tell("# It is away: what is known goes on")
            registry.kill()
            tables.grow(run, 20)
            assert run.readyz()[0] == 200

            tell("# A record that it alone can explain waits, and is no dead letter")
            offset = produced(kafka, topic, bytes(sample.key() or b""), newer_record(newer, Envelope(**read)))
            wait_until(lambda: "does not answer" in str(run.readyz()), timeout=90, what="/readyz to say so")
            tell(f"  /readyz: {red(run)}")
            assert tables.number("SELECT count(*) FROM dead_letters") == 0

            tell("# It is back")
            registry.start()
            query = "SELECT next_offset FROM stream_cursors WHERE topic = %s AND partition = 0"
            wait_until(lambda: tables.number(query, topic) > offset, timeout=120, what="the record to be applied")
            run.wait_ready(timeout=60)
            tables.grow(run, 5)
            assert check()[0] == 0
            assert run.stop() == 0
