"""The producer on a real Kafka: what it takes is acknowledged or said to be lost, once each, and it never waits."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from stream_reconcile.embedded import EmbeddedKafka
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.producer import Limits, RecordProducer
from support.kafka_proxy import KafkaProxy
from support.servers import KAFKA_PROPERTIES, traversable_directory
from support.waiting import wait_until

FRAME = b"x" * 1_100


class Fates:
    """What became of each token."""

    def __init__(self) -> None:
        self.acked: Counter[int] = Counter()
        self.lost: Counter[int] = Counter()
        self.threads: set[str] = set()
        self.seconds = 0.0

    def __call__(self, token: int, acknowledged: bool, seconds: float) -> None:
        (self.acked if acknowledged else self.lost)[token] += 1
        self.threads.add(threading.current_thread().name)
        self.seconds = max(self.seconds, seconds)

    @property
    def told(self) -> int:
        return sum(self.acked.values()) + sum(self.lost.values())


@contextmanager
def producing(kafka: str, limits: Limits | None = None) -> Iterator[tuple[RecordProducer[int], Fates]]:
    fates = Fates()
    producer = RecordProducer(KafkaConfig(kafka), fates, limits=limits)
    try:
        yield producer, fates
    finally:
        producer.close(5)


def make_topic(kafka: str, name: str, **settings: str) -> str:
    with KafkaAdmin(KafkaConfig(kafka)) as admin:
        admin.create_topics([name], partitions=8, replication_factor=1, settings=settings)
    return name


def read_all(kafka: str, topic: str, count: int) -> list[tuple[int, bytes, bytes]]:
    """(partition, key, value) of `count` records."""
    consumer = Consumer({**KafkaConfig(kafka).consumer("none"), "auto.offset.reset": "earliest"})
    found: list[tuple[int, bytes, bytes]] = []

    def read() -> bool:
        found.extend((m.partition(), m.key(), m.value()) for m in consumer.consume(5_000, 0.2))
        return len(found) >= count

    try:
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(8)])
        wait_until(read, timeout=60, what=f"{count} records")
    finally:
        consumer.close()
    return found


@pytest.fixture(scope="module")
def stoppable() -> Iterator[EmbeddedKafka]:
    """A Kafka of this module's own: its tests let it stand still."""
    directory = traversable_directory("reconcile-producer-")
    with EmbeddedKafka(directory / "kafka", properties=KAFKA_PROPERTIES) as server:
        yield server
    shutil.rmtree(directory)


def all_threads_stopped(pid: int) -> bool:
    stats = (path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat"))
    return all(stat.rpartition(")")[2].split()[0] in "Tt" for stat in stats)


@contextmanager
def stopped(server: EmbeddedKafka) -> Iterator[None]:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: all_threads_stopped(server.pid), what="every thread of Kafka to stand still")
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def test_every_record_is_acknowledged_once_in_order_of_its_key(kafka: str, topic_prefix: str) -> None:
    topic = make_topic(kafka, topic_prefix + "a")
    with producing(kafka) as (producer, fates):
        for number in range(5_000):
            assert producer.send(topic, b"A/%d" % (number % 50), b"%d" % number, number)
        wait_until(lambda: fates.told == 5_000, what="all answers")
        assert fates.acked == Counter(range(5_000))
        assert fates.threads == {"kafka-producer"}
        assert (producer.queued_records, producer.queued_bytes, producer.stalled_s) == (0, 0, 0.0)
    by_key: dict[bytes, list[int]] = {}
    partitions: dict[bytes, set[int]] = {}
    for partition, key, value in read_all(kafka, topic, 5_000):
        by_key.setdefault(key, []).append(int(value))
        partitions.setdefault(key, set()).add(partition)
    assert all(numbers == sorted(numbers) for numbers in by_key.values())
    assert all(len(found) == 1 for found in partitions.values())


def test_a_record_that_is_acknowledged_and_in_no_log_is_sent_again(kafka: str, topic_prefix: str) -> None:
    """The broker says to the first batch, as it does while leadership moves, that it does not lead the partition. The
    next is under way by then, and taken for the first that this producer ever sent. When the first is tried again its
    sequence number is a past one, and librdkafka takes it for written long ago: it has no offset."""
    topic, fates, second_passed = make_topic(kafka, topic_prefix), Fates(), threading.Event()
    damaged: list[bytes] = []

    def request(body: bytes) -> bytes:
        if b"second" in body:
            second_passed.set()
        if b"first" in body and not damaged:
            damaged.append(body)
            return body.replace(b"first", b"fIrst")  # its checksum is wrong now, so the broker does not take it
        return body

    def answer(body: bytes) -> bytes:
        corrupt, not_leader = (struct.pack(">hq", error, -1) for error in (2, 6))
        if corrupt in body:
            assert second_passed.wait(30)
            return body.replace(corrupt, not_leader)
        return body

    with KafkaProxy(kafka, request, answer) as proxy:
        producer = RecordProducer[int](KafkaConfig(proxy.bootstrap_servers), fates)
        try:
            assert producer.send(topic, b"key", b"first", 1)
            wait_until(lambda: damaged, timeout=30, what="the first batch")
            assert producer.send(topic, b"key", b"second", 2)
            wait_until(lambda: fates.told == 2, timeout=60, what="both answers")
        finally:
            producer.close(5)
    assert fates.acked == {1: 1, 2: 1}
    assert {value for _, _, value in read_all(kafka, topic, 2)} == {b"first", b"second"}
    assert producer.queued_records == producer.queued_bytes == 0


def test_keys_are_placed_as_javas_clients_place_them(kafka: str, topic_prefix: str) -> None:
    topic = make_topic(kafka, topic_prefix + "a")
    with producing(kafka) as (producer, fates):
        for key in (b"21", b"foobar", b"abc"):
            producer.send(topic, key, b"", 0)
        wait_until(lambda: fates.told == 3, what="all answers")
    # murmur2 as in Kafka's own UtilsTest (-973932308, -790332482, 479470107), made positive, of 8 partitions
    hashes = {b"21": -973932308, b"foobar": -790332482, b"abc": 479470107}
    expected = {key: (value & 0x7FFFFFFF) % 8 for key, value in hashes.items()}
    assert {key: partition for partition, key, _ in read_all(kafka, topic, 3)} == expected


def test_a_kafka_that_stands_still_costs_nothing_while_there_is_room(stoppable: EmbeddedKafka) -> None:
    kafka = stoppable.bootstrap_servers
    topic = make_topic(kafka, secrets.token_hex(6))
    with producing(kafka) as (producer, fates):
        producer.send(topic, b"k", FRAME, -1)
        wait_until(lambda: fates.told == 1, what="the first answer")
        with stopped(stoppable):
            slowest = 0.0
            for number in range(2_500):
                begun = time.perf_counter()
                assert producer.send(topic, b"A/%d" % number, FRAME, number)
                slowest = max(slowest, time.perf_counter() - begun)
            wait_until(lambda: producer.stalled_s > 3, what="the stall to show")
            assert producer.queued_records == 2_500
            assert slowest < 0.5
        wait_until(lambda: fates.told == 2_501, timeout=60, what="all answers")
        assert fates.lost == Counter()
        assert fates.acked == Counter(range(-1, 2_500))
        assert fates.seconds > 3


def test_a_full_queue_refuses_at_once_and_takes_again_later(stoppable: EmbeddedKafka) -> None:
    kafka = stoppable.bootstrap_servers
    topic = make_topic(kafka, secrets.token_hex(6))
    bound = 1024 * 1024
    with producing(kafka, Limits(queue_bytes=bound)) as (producer, fates):
        producer.send(topic, b"k", FRAME, 0)
        wait_until(lambda: fates.told == 1, what="the first answer")
        with stopped(stoppable):
            taken = [producer.send(topic, b"k", FRAME, 1) for _ in range(3_000)]
            assert taken.count(True) < bound / len(FRAME) + 2
            assert not taken[-1]
            assert producer.queued_bytes <= bound + len(FRAME) + 1
        wait_until(lambda: producer.send(topic, b"k", FRAME, 2), timeout=60, what="room in the queue")
        wait_until(lambda: producer.queued_records == 0, timeout=60, what="all answers")
        assert fates.acked == Counter({0: 1, 1: taken.count(True), 2: 1})


def test_what_kafka_does_not_take_in_time_is_said_to_be_lost(stoppable: EmbeddedKafka) -> None:
    kafka = stoppable.bootstrap_servers
    topic = make_topic(kafka, secrets.token_hex(6))
    with producing(kafka, Limits(delivery_s=1)) as (producer, fates):
        wait_until(lambda: producer.send(topic, b"k", FRAME, 0) and fates.acked[0] > 0, what="the first answer")
        wait_until(lambda: producer.queued_records == 0, what="the other first ones")
        before = fates.told
        with stopped(stoppable):
            for number in range(1, 101):
                producer.send(topic, b"A/%d" % number, FRAME, number)
            wait_until(lambda: fates.told == before + 100, timeout=30, what="all answers")
        del fates.lost[0]
        assert fates.lost == Counter(range(1, 101))
        assert producer.queued_bytes == 0


def test_a_record_that_kafka_refuses_is_said_to_be_lost(kafka: str, topic_prefix: str) -> None:
    topic = make_topic(kafka, topic_prefix + "a", **{"max.message.bytes": "2000"})
    with producing(kafka) as (producer, fates):
        producer.send(topic, b"k", b"small", 1)
        wait_until(lambda: fates.told == 1, what="the first answer")
        producer.send(topic, b"k", b"x" * 100_000, 2)
        wait_until(lambda: fates.told == 2, what="both answers")
        assert (fates.acked, fates.lost) == (Counter([1]), Counter([2]))
        assert not producer.send(topic, b"k", b"x" * (9 * 1024 * 1024), 3), "too large for the client itself"


def test_after_a_fatal_error_a_new_client_goes_on_with_all_that_was_under_way(stoppable: EmbeddedKafka) -> None:
    """librdkafka declares its state fatal where it can't be sure of idempotence any more; here the event is made up."""
    kafka = stoppable.bootstrap_servers
    topic = make_topic(kafka, secrets.token_hex(6))
    with producing(kafka) as (producer, fates):
        producer.send(topic, b"k", FRAME, 0)
        wait_until(lambda: fates.told == 1, what="the first answer")
        with stopped(stoppable):
            for number in range(1, 11):
                producer.send(topic, b"k", FRAME, number)
            broken = producer._client
            producer._on_error(KafkaError(KafkaError._FATAL, "made up", True))
            wait_until(lambda: producer._client is not broken, what="the new client")
            assert producer.send(topic, b"k", FRAME, 11)
            assert producer.queued_records == 11
        wait_until(lambda: fates.told == 12, timeout=60, what="the new client's answers")
        assert fates.acked == Counter(range(12))
        assert producer.queued_records == producer.queued_bytes == 0


def test_close_is_bounded_and_says_what_was_not_acknowledged(stoppable: EmbeddedKafka) -> None:
    kafka = stoppable.bootstrap_servers
    topic = make_topic(kafka, secrets.token_hex(6))
    with producing(kafka) as (producer, fates):
        producer.send(topic, b"k", FRAME, 0)
        wait_until(lambda: fates.told == 1, what="the first answer")
        with stopped(stoppable):
            for number in range(1, 11):
                producer.send(topic, b"k", FRAME, number)
            begun = time.monotonic()
            assert producer.close(1) == 10
            assert time.monotonic() - begun < 8
        assert fates.lost == Counter(range(1, 11))
        assert not producer.send(topic, b"k", FRAME, 12)
        assert producer.close(1) == 10


def test_a_callback_that_fails_does_not_stop_the_answers(
    kafka: str, topic_prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = make_topic(kafka, topic_prefix + "a")
    told: list[int] = []

    def on_delivery(token: int, acknowledged: bool, seconds: float) -> None:
        if token == 1:
            raise KeyError("made up")
        told.append(token)

    producer = RecordProducer(KafkaConfig(kafka), on_delivery)
    try:
        producer.send(topic, b"k", b"", 1)
        wait_until(lambda: producer.queued_records == 0, what="the failing answer")
        producer.send(topic, b"k", b"", 2)
        wait_until(lambda: told == [2], what="the answer after it")
    finally:
        producer.close(5)
    capsys.readouterr()
