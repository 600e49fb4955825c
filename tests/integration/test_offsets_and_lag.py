"""Offsets, times and lag as Kafka has them: deleted records, recreated topics, groups, and Kafka's own admin client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from stream_reconcile.log.admin import GroupOffset, KafkaAdmin, Watermarks
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.lag import NEVER, read_lag
from stream_reconcile.log.record_times import RecordTimes
from stream_reconcile.log.topics import Partition
from support.waiting import wait_until

BEGIN_MS = 1_763_884_800_000


@pytest.fixture
def admin(kafka: str) -> Iterator[KafkaAdmin]:
    with KafkaAdmin(KafkaConfig(kafka)) as admin:
        yield admin


@pytest.fixture
def times(kafka: str) -> Iterator[RecordTimes]:
    times = RecordTimes(KafkaConfig(kafka), "some-group")
    yield times
    times.close()


@pytest.fixture
def topic(kafka: str, topic_prefix: str) -> str:
    """Four partitions: 0 has ten records, 1 has three, 2 one of 3 MB, 3 none. The nth is n seconds after BEGIN_MS."""
    name = f"{topic_prefix}.lag"
    create(kafka, name, 4)
    producer = Producer({"bootstrap.servers": kafka, "message.max.bytes": 8_000_000})
    for partition, count, value in ((0, 10, b"small"), (1, 3, b"small"), (2, 1, bytes(3_000_000))):
        for number in range(count):
            producer.produce(name, value, partition=partition, timestamp=BEGIN_MS + 1000 * number)
    assert producer.flush(30) == 0
    return name


def create(kafka: str, name: str, partitions: int) -> None:
    client = AdminClient({"bootstrap.servers": kafka})
    config = {"max.message.bytes": "8000000", "retention.ms": "-1"}
    client.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(timeout=20)
    wait_until(lambda: name in client.list_topics(timeout=10).topics, what=f"{name} to be known")


def delete_before(kafka: str, partition: Partition, offset: int) -> None:
    client = AdminClient({"bootstrap.servers": kafka})
    for future in client.delete_records([TopicPartition(*partition, offset)]).values():
        future.result(timeout=20)


def commit(kafka: str, group: str, *positions: TopicPartition) -> None:
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": group, "enable.auto.commit": False})
    consumer.commit(offsets=list(positions), asynchronous=False)
    consumer.close()


def test_watermarks_of_all_partitions_at_once(admin: KafkaAdmin, kafka: str, topic: str) -> None:
    delete_before(kafka, Partition(topic, 0), 4)
    partitions = [Partition(topic, number) for number in range(4)]
    assert admin.watermarks(partitions) == {
        (topic, 0): Watermarks(4, 10),
        (topic, 1): Watermarks(0, 3),
        (topic, 2): Watermarks(0, 1),
        (topic, 3): Watermarks(0, 0),
    }
    assert admin.end_offsets(partitions) == {(topic, 0): 10, (topic, 1): 3, (topic, 2): 1, (topic, 3): 0}
    assert admin.watermarks([]) == {}


def test_partitions_that_are_not_there_are_left_out(admin: KafkaAdmin, topic: str) -> None:
    asked = [Partition(topic, 1), Partition(topic, 77), Partition(f"{topic}-none", 0)]
    assert admin.watermarks(asked) == {(topic, 1): Watermarks(0, 3)}
    assert admin.offsets_at(asked, BEGIN_MS) == {(topic, 1): 0}


def test_the_offset_at_a_time(admin: KafkaAdmin, kafka: str, topic: str) -> None:
    partitions = [Partition(topic, number) for number in range(4)]
    assert admin.offsets_at(partitions, BEGIN_MS + 1500) == {(topic, 0): 2, (topic, 1): 2, (topic, 2): 1, (topic, 3): 0}
    delete_before(kafka, Partition(topic, 0), 4)
    assert admin.offsets_at(partitions[:1], BEGIN_MS) == {(topic, 0): 4}
    assert admin.offsets_at(partitions, BEGIN_MS + 10**7)[Partition(topic, 0)] == 10


def test_times_of_records(times: RecordTimes, kafka: str, topic: str) -> None:
    delete_before(kafka, Partition(topic, 0), 4)
    asked = {Partition(topic, 0): 6, Partition(topic, 1): 0, Partition(topic, 2): 0}
    assert times.at(asked) == {(topic, 0): BEGIN_MS + 6000, (topic, 1): BEGIN_MS, (topic, 2): BEGIN_MS}
    # A deleted offset, the end, an empty partition: no time.
    assert times.at({Partition(topic, 0): 2, Partition(topic, 1): 3, Partition(topic, 3): 0}) == {}
    assert times.at({}) == {}
    assert times.at({Partition(topic, 0): 9}) == {(topic, 0): BEGIN_MS + 9000}


def test_times_that_cannot_be_had_are_not_waited_for_without_end(kafka: str, topic: str) -> None:
    times = RecordTimes(KafkaConfig(kafka), "some-group", timeout_s=3)
    asked = {Partition(f"{topic}-none", 0): 0, Partition(topic, 1): 1}
    assert times.at(asked) == {(topic, 1): BEGIN_MS + 1000}
    times.close()


def test_a_recreated_topic_has_another_id(admin: KafkaAdmin, kafka: str, topic: str) -> None:
    (before,) = admin.topic_ids([topic]).values()
    client = AdminClient({"bootstrap.servers": kafka})
    client.delete_topics([topic])[topic].result(timeout=20)
    wait_until(lambda: admin.topics([topic]) == {topic: None}, what="the topic to be gone")
    assert admin.topic_ids([topic]) == {}
    create(kafka, topic, 4)
    (after,) = wait_until(lambda: admin.topic_ids([topic]), what="the new topic's id").values()
    assert after != before


def test_the_cluster_has_an_id(admin: KafkaAdmin) -> None:
    cluster = admin.cluster()
    assert len(cluster.cluster_id) == 22
    assert cluster.brokers == 1


def test_group_offsets_are_those_of_kafkas_admin(admin: KafkaAdmin, kafka: str, topic: str) -> None:
    group = f"{topic}-group"
    partitions = [Partition(topic, number) for number in range(4)]
    assert admin.group_offsets(group, partitions) == {}
    commit(
        kafka,
        group,
        TopicPartition(topic, 0, 7, metadata='{"topic_id":"abc"}'),
        TopicPartition(topic, 1, 3),
    )
    found = admin.group_offsets(group, [*partitions, Partition(f"{topic}-none", 0)])
    assert found == {(topic, 0): GroupOffset(7, '{"topic_id":"abc"}'), (topic, 1): GroupOffset(3, "")}
    assert admin.group_offsets(group, []) == {}
    assert admin.group_offsets(f"{group}-other", partitions) == {}

    client = AdminClient({"bootstrap.servers": kafka})
    (answer,) = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]).values()
    theirs = {(one.topic, one.partition): one.offset for one in answer.result(timeout=20).topic_partitions}
    assert theirs == {partition: offset.offset for partition, offset in found.items()}


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_group_has_members_while_somebody_reads(admin: KafkaAdmin, kafka: str, topic: str, protocol: str) -> None:
    group = f"{topic}-group"
    assert admin.group_has_members(group) is False
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": group, "group.protocol": protocol})
    consumer.subscribe([topic])

    def reads() -> bool:
        consumer.poll(0.05)
        return admin.group_has_members(group)

    wait_until(reads, what="the group to have a member")
    assert admin.group_has_members(f"{group}-other") is False
    consumer.close()
    wait_until(lambda: not admin.group_has_members(group), what="the group to be empty")


def test_lag_is_what_kafkas_numbers_give(admin: KafkaAdmin, times: RecordTimes, kafka: str, topic: str) -> None:
    cursors = {Partition(topic, 0): 7, Partition(topic, 1): 3, Partition(topic, 2): NEVER, Partition(topic, 3): NEVER}
    now_ms = BEGIN_MS + 60_000
    lags = read_lag(admin, times, cursors, now_ms=now_ms)
    assert lags == [
        (topic, 0, 7, 10, 3, 53.0, 0),
        (topic, 1, 3, 3, 0, 0.0, 0),
        (topic, 2, -1, 1, 1, 60.0, 0),
        (topic, 3, -1, 0, 0, 0.0, 0),
    ]
    client = AdminClient({"bootstrap.servers": kafka})
    ends = client.list_offsets({TopicPartition(topic, 0): OffsetSpec.latest()})
    (end,) = (future.result(timeout=20).offset for future in ends.values())
    assert lags[0].lag == end - 7


def test_lag_in_seconds_is_from_the_oldest_record_that_is_left(
    admin: KafkaAdmin, times: RecordTimes, kafka: str, topic: str
) -> None:
    delete_before(kafka, Partition(topic, 0), 5)
    (lag,) = read_lag(admin, times, {Partition(topic, 0): 2}, now_ms=BEGIN_MS + 60_000)
    assert lag == (topic, 0, 2, 10, 8, 55.0, 5)
    (lag,) = read_lag(admin, times, {Partition(topic, 0): NEVER}, now_ms=BEGIN_MS + 60_000)
    assert lag == (topic, 0, -1, 10, 5, 55.0, 5)
    delete_before(kafka, Partition(topic, 0), 10)
    (lag,) = read_lag(admin, times, {Partition(topic, 0): 2}, now_ms=BEGIN_MS + 60_000)
    assert lag == (topic, 0, 2, 10, 8, None, 10)


def test_lag_is_never_negative(admin: KafkaAdmin, times: RecordTimes, topic: str) -> None:
    # A cursor past the end: the topic was recreated. A clock behind that of the producer.
    (lag,) = read_lag(admin, times, {Partition(topic, 0): 99}, now_ms=BEGIN_MS)
    assert lag == (topic, 0, 99, 10, 0, 0.0, 0)
    (lag,) = read_lag(admin, times, {Partition(topic, 0): 9}, now_ms=BEGIN_MS)
    assert lag == (topic, 0, 9, 10, 1, 0.0, 0)


def test_a_topic_that_is_gone_has_no_lag(admin: KafkaAdmin, times: RecordTimes, topic: str) -> None:
    assert read_lag(admin, times, {Partition(f"{topic}-none", 0): 3}, now_ms=BEGIN_MS) == []
