"""Lag as `lag` and the metrics show it, against a real Kafka and a real Postgres, with no job running."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from prometheus_client import CollectorRegistry

from stream_reconcile.core.errors import PostgresUnreachable
from stream_reconcile.core.lag_state import LagState
from stream_reconcile.embedded import EmbeddedPostgres
from stream_reconcile.jobs.lag import LagReader, PartitionReport
from stream_reconcile.jobs.lag_metrics import LagMetrics
from stream_reconcile.jobs.polled import Polled
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topic_check import TopicPlan, ensure_topics
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.migrations import migrate
from support.waiting import wait_until

SCHEMA = "reconcile"
GROUP = "lag-test"


class World:
    """Topics of two partitions each, a database, and cursors set by hand."""

    def __init__(self, kafka: str, prefix: str, dsn: str) -> None:
        self.kafka = KafkaConfig(kafka)
        self.topics = Topics(f"{prefix}.")
        self.dsn = dsn
        with KafkaAdmin(self.kafka) as admin:
            ensure_topics(admin, self.topics, TopicPlan(partitions=2))
            self.topic_id = admin.topic_ids([self.topic])[self.topic]

    @property
    def topic(self) -> str:
        return self.topics.trade_updates

    def produce(self, *ages_s: float, partition: int = 0) -> None:
        producer = Producer(self.kafka.producer())
        now = time.time()
        for age in ages_s:
            producer.produce(self.topic, value=b"x", partition=partition, timestamp=round((now - age) * 1000))
        assert producer.flush(20) == 0

    def set_cursor(
        self, next_offset: int, *, partition: int = 0, maximum: int | None = None, topic_id: str = ""
    ) -> None:
        with psycopg.connect(self.dsn) as connection:
            connection.execute(
                "INSERT INTO reconcile.stream_cursors"
                " (consumer_group, topic, partition, next_offset, max_offset, owner,"
                " epoch, cluster_id, topic_id) VALUES (%s, %s, %s, %s, %s, 'o', 1, 'c', %s)"
                " ON CONFLICT (consumer_group, topic, partition)"
                " DO UPDATE SET next_offset = EXCLUDED.next_offset, max_offset = EXCLUDED.max_offset",
                [GROUP, self.topic, partition, next_offset, maximum or next_offset, topic_id or self.topic_id],
            )

    def reader(self, *, stalled_after_s: float = 30) -> LagReader:
        return LagReader(
            self.dsn,
            SCHEMA,
            self.kafka,
            group=GROUP,
            topics=self.topics,
            limit_seconds=30,
            stalled_after_s=stalled_after_s,
        )


@pytest.fixture
def world(kafka: str, topic_prefix: str, database: str) -> World:
    return World(kafka, topic_prefix, database)


@pytest.fixture
def reader(world: World) -> Iterator[LagReader]:
    with world.reader() as reader:
        yield reader


def partition(reader: LagReader, world: World, number: int = 0) -> PartitionReport:
    return next(p for p in reader.read().partitions if (p.topic, p.partition) == (world.topic, number))


def test_every_partition_that_apply_reads_is_there(world: World, reader: LagReader) -> None:
    report = reader.read()
    assert [(p.topic, p.partition) for p in report.partitions] == sorted(
        (topic, number) for topic in world.topics.applied for number in range(2)
    )
    assert {p.next_offset for p in report.partitions} == {-1}
    assert (report.records, report.seconds, report.is_bad_news) == (0, 0, False)


def test_lag_in_records_and_seconds(world: World, reader: LagReader) -> None:
    world.produce(300, 200, 100, 5)
    world.set_cursor(2)
    found = partition(reader, world)
    assert (found.next_offset, found.end_offset, found.oldest_offset, found.lag) == (2, 4, 0, 2)
    assert found.lag_seconds == pytest.approx(100, abs=5)
    assert found.state is LagState.STOP  # nobody is in the group
    world.set_cursor(3)
    assert partition(reader, world).state is LagState.OK  # 5 s behind
    world.set_cursor(4)
    found = partition(reader, world)
    assert (found.lag, found.lag_seconds, found.state) == (0, 0, LagState.OK)


def test_nothing_applied_yet(world: World, reader: LagReader) -> None:
    world.produce(100)
    found = partition(reader, world)
    assert (found.next_offset, found.lag, found.state) == (-1, 1, LagState.STOP)


def test_a_position_that_the_log_does_not_have(world: World, reader: LagReader) -> None:
    world.produce(1, 1)
    world.set_cursor(7)
    found = partition(reader, world)
    assert (found.lag, found.state) == (0, LagState.LOST)
    world.set_cursor(1, partition=1, topic_id="another")
    assert partition(reader, world, 1).state is LagState.LOST


def test_a_topic_that_is_gone(world: World, reader: LagReader) -> None:
    world.set_cursor(3, partition=9)
    found = partition(reader, world, 9)
    assert (found.next_offset, found.end_offset, found.lag, found.lag_seconds) == (3, -1, 0, None)
    assert found.state is LagState.LOST


def test_a_member_that_does_not_move_its_cursor(world: World) -> None:
    world.produce(100, 100)
    world.set_cursor(0, maximum=1)
    member = Consumer(world.kafka.consumer(GROUP))
    member.subscribe([world.topic])
    try:
        with world.reader(stalled_after_s=0.01) as reader:

            def state() -> LagState:
                member.poll(0)
                return partition(reader, world).state

            wait_until(lambda: state() is LagState.STALL, what="the stalled member", timeout=60)
            world.set_cursor(1, maximum=2)
            assert state() is LagState.REWIND
    finally:
        member.close()


def test_metrics_under_the_names_of_kafka_exporter(world: World) -> None:
    world.produce(100, 50)
    world.set_cursor(1)
    polled = Polled("lag", world.reader, every_s=0.05, too_old_s=60)
    registry = CollectorRegistry()
    registry.register(LagMetrics(polled))
    polled.start()
    try:
        place = {"topic": world.topic, "partition": "0"}
        ours = {"consumergroup": GROUP, **place}
        wait_until(lambda: registry.get_sample_value("kafka_consumergroup_lag", ours) == 1, what="the first reading")
        assert registry.get_sample_value("kafka_consumergroup_current_offset", ours) == 1
        assert registry.get_sample_value("kafka_topic_partition_current_offset", place) == 2
        assert registry.get_sample_value("kafka_topic_partition_oldest_offset", place) == 0
        assert registry.get_sample_value("reconcile_consumergroup_lag_seconds", ours) == pytest.approx(50, abs=5)
        never = ours | {"partition": "1"}
        assert registry.get_sample_value("kafka_consumergroup_lag", never) == -1
        assert registry.get_sample_value("kafka_consumergroup_current_offset", never) == -1
        total = {"consumergroup": GROUP, "topic": world.topic}
        assert registry.get_sample_value("kafka_consumergroup_lag_sum", total) == 1
        world.set_cursor(2)
        wait_until(lambda: registry.get_sample_value("kafka_consumergroup_lag", ours) == 0, what="the drained lag")
    finally:
        polled.close()


def test_an_old_reading_is_not_shown_and_a_scrape_never_waits(
    kafka: str, topic_prefix: str, own_postgres: EmbeddedPostgres
) -> None:
    migrate(own_postgres.dsn, SCHEMA)
    world = World(kafka, topic_prefix, own_postgres.dsn)
    polled = Polled("lag", world.reader, every_s=0.05, too_old_s=1)
    registry = CollectorRegistry()
    registry.register(LagMetrics(polled))
    polled.start()
    try:
        place = {"topic": world.topic, "partition": "0"}

        def end_offset() -> float | None:
            return registry.get_sample_value("kafka_topic_partition_current_offset", place)

        wait_until(lambda: end_offset() == 0, what="the first reading")
        own_postgres.stop()
        wait_until(lambda: end_offset() is None, what="the old reading to go")
        begun = time.monotonic()
        registry.collect()
        assert time.monotonic() - begun < 1
        assert registry.get_sample_value("reconcile_lag_read_timestamp_seconds") is not None
        own_postgres.start()
        wait_until(lambda: end_offset() == 0, what="readings again")
    finally:
        polled.close()


def test_postgres_away(kafka: str, topic_prefix: str, own_postgres: EmbeddedPostgres) -> None:
    migrate(own_postgres.dsn, SCHEMA)
    world = World(kafka, topic_prefix, own_postgres.dsn)
    with world.reader() as reader:
        reader.read()
        own_postgres.stop()
        for _again in range(2):
            with pytest.raises(PostgresUnreachable):
                reader.read()
        own_postgres.start()
        assert reader.read().records == 0
