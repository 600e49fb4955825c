"""Topics of one's own on a real Kafka, records in them, and the same records read back for `support.expected_rows`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from stream_reconcile.core.observation import Parsed, Seen
from stream_reconcile.core.wire.executions import parse_activity, parse_adjustment
from stream_reconcile.core.wire.parse import Parser
from stream_reconcile.log.admin import KafkaAdmin, Watermarks
from stream_reconcile.log.codec import Envelope, SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topic_check import TopicPlan, ensure_topics
from stream_reconcile.log.topics import Partition, Topics, record_key
from stream_reconcile.store.batch import Place, Record
from support.waiting import wait_until
from support.wire_data import ACTIVITIES, ADJUSTMENTS, SNAPSHOTS, UPDATES


class RealLog:
    """All topics under a prefix, with few partitions."""

    def __init__(self, kafka: str, prefix: str, *, partitions: int = 2) -> None:
        self.kafka = KafkaConfig(kafka)
        self.topics = Topics(f"{prefix}.")
        self.codec = SingleObjectCodec(self.topics)
        self.admin = KafkaAdmin(self.kafka)
        self.client = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
        self._plan = TopicPlan(partitions=partitions)
        self.partitions = [Partition(topic, n) for topic in sorted(self.topics.applied) for n in range(partitions)]
        self._named = {
            UPDATES: self.topics.trade_updates,
            SNAPSHOTS: self.topics.order_snapshots,
            ACTIVITIES: self.topics.fill_activities,
            ADJUSTMENTS: self.topics.adjustments,
        }
        self._new_producer()
        self.make_topics()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.admin.close()

    def make_topics(self) -> None:
        """Make those that are not there."""
        ensure_topics(self.admin, self.topics, self._plan)

    def delete(self, topic: str) -> None:
        """Delete a topic."""
        self.client.delete_topics([topic])[topic].result(timeout=20)
        wait_until(lambda: self.admin.topics([topic]) == {topic: None}, what=f"{topic} to be gone")

    def make_anew(self, topic: str) -> None:
        """Delete a topic, and make another one of that name."""
        self.delete(topic)
        self.make_topics()
        self._new_producer()  # the old one would number the records of its idempotent session on

    def delete_before(self, partition: Partition, offset: int) -> None:
        """Make Kafka forget the records before an offset, as a retention does."""
        for future in self.client.delete_records([TopicPartition(*partition, offset)]).values():
            future.result(timeout=20)

    def produce(self, records: Iterable[Record], *, partition: int = -1) -> None:
        """Append records of a `LogRecords` to the topics of their kind; returns when they are acknowledged."""
        for record in records:
            self.send(record, partition=partition)
        assert self._producer.flush(60) == 0

    def send(self, record: Record, *, partition: int = -1) -> None:
        """Append one without waiting for its acknowledgement."""
        topic, parsed = self._named[record.place.topic], record.parsed
        order_id = next((said.order_id for said in (*parsed.observations, *parsed.evidence)), "")
        received = max((o.snapshot_ns for o in parsed.observations), default=0)
        envelope = Envelope(
            record.account_id, "stream", record.place.offset, received, "stream", "", order_id, record.payload
        )
        key = record_key(record.account_id, order_id)
        self._producer.produce(topic, self.codec.encode(topic, envelope), key=key, partition=partition)
        self._producer.poll(0)

    def watermarks(self) -> dict[Partition, Watermarks]:
        """First and end offset of all that apply reads."""
        return self.admin.watermarks(self.partitions)

    def ends(self) -> dict[Partition, int]:
        """End offset of all that apply reads."""
        return self.admin.end_offsets(self.partitions)

    def records(self) -> list[Record]:
        """All that the topics hold now, parsed, each at its place."""
        wanted = {partition: marks for partition, marks in self.watermarks().items() if marks.low < marks.high}
        places = [TopicPartition(*partition, marks.low) for partition, marks in wanted.items()]
        count = sum(marks.high - marks.low for marks in wanted.values())
        found: list[Record] = []
        consumer = Consumer({**self.kafka.consumer("none")})
        try:
            consumer.assign(places)
            while len(found) < count:
                for message in consumer.consume(5_000, 0.2):
                    assert message.error() is None
                    place = Place(message.topic() or "", message.partition() or 0, message.offset() or 0)
                    found.append(self._parsed(place, message.value() or b"", message.timestamp()[1]))
        finally:
            consumer.close()
        return found

    def _parsed(self, place: Place, payload: bytes, known_at_ms: int) -> Record:
        envelope = self.codec.decode(place.topic, payload)
        source = "stream" if place.topic == self.topics.trade_updates else "sweep"
        seen = Seen(envelope.account_id, source, envelope.received_at_ns, *place, known_at_ms)
        parser = Parser()
        parse: dict[str, Callable[[bytes, Seen], Parsed]] = {
            self.topics.trade_updates: parser.frame,
            self.topics.order_snapshots: parser.snapshot,
            self.topics.fill_activities: parse_activity,
            self.topics.adjustments: parse_adjustment,
        }
        parsed = parse[place.topic](envelope.raw, seen)
        return Record(place, parsed, known_at_ms, None, envelope.raw, envelope.account_id, "")

    def _new_producer(self) -> None:
        # Quick to give up nothing: a stalled or restarted Kafka only makes it wait.
        self._producer = Producer({**self.kafka.producer(), "linger.ms": 1, "message.timeout.ms": 120_000})
