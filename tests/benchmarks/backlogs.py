"""Backlogs: topics filled once with a generated history, read by ours and by the floor alike.

The simulator's own mix (all order types and classes, partial fills, replaces, busts, multi-leg), 3.3 frames an order,
and 5 % of the frames a second time within the next 20. All records are as ingest writes them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from children import BenchmarkError
from confluent_kafka import Producer
from own_servers import ACCOUNT

from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.codec import Envelope, SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topic_check import ensure_topics
from stream_reconcile.log.topics import Partition, Topics, record_key
from stream_reconcile.simulator.frames import Frame
from stream_reconcile.simulator.history import generate_history
from stream_reconcile.simulator.truth import Truth

SEED: Final = 20260918
PARTITIONS: Final = 8
DUPLICATES: Final = 0.05
ORDERS_PER_EVENT: Final = 0.3
_DUPLICATE_WITHIN: Final = 20
_STREAM_ID: Final = "be5c4a00-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Backlog:
    """A filled topic. `prefix` is that of its topics; `orders` are those named by a frame itself."""

    prefix: str
    events: int
    orders: int

    @property
    def topic(self) -> str:
        return Topics(self.prefix).trade_updates


class Nowhere:
    """The generator's ground truth, which nobody asks for here."""

    def add(self, truth: Truth) -> None:
        pass


def frames_with_duplicates(events: int) -> Iterator[Frame]:
    """The first `events` frames of the history, a share of them twice."""
    rng = random.Random(SEED)
    later: dict[int, list[Frame]] = {}
    drawn = 0
    # A few orders more than are needed: the history must not end before the events do.
    history = generate_history(SEED, int(events * ORDERS_PER_EVENT * 1.2) + 50, truth=Nowhere())
    for place, frame in enumerate(history.frames()):
        due = [frame, *later.pop(place, ())]
        if rng.random() < DUPLICATES:
            later.setdefault(place + 1 + rng.randrange(_DUPLICATE_WITHIN), []).append(frame)
        for each in due:
            if drawn == events:
                return
            drawn += 1
            yield each


def fill(bootstrap_servers: str, sizes: dict[str, int]) -> dict[str, Backlog]:
    """Write backlogs of several sizes at once, each the beginning of the same history; by prefix."""
    config = KafkaConfig(bootstrap_servers)
    with KafkaAdmin(config) as admin:
        for prefix in sizes:
            ensure_topics(admin, Topics(prefix))
    codec = SingleObjectCodec(Topics(next(iter(sizes))))
    first = Topics(next(iter(sizes))).trade_updates
    topics = [(Topics(prefix).trade_updates, size) for prefix, size in sizes.items()]
    producer = Producer({**config.producer(), "linger.ms": 20, "queue.buffering.max.kbytes": 262_144})
    orders: set[str] = set()
    named: dict[int, int] = {}
    ends = set(sizes.values())
    for position, frame in enumerate(frames_with_duplicates(max(sizes.values()))):
        envelope = Envelope(
            ACCOUNT, _STREAM_ID, position, time.time_ns(), "stream", frame.event, frame.order_id, frame.raw
        )
        key, value = record_key(ACCOUNT, frame.order_id), codec.encode(first, envelope)
        for topic, size in topics:
            if position < size:
                _produce(producer, topic, key, value)
        orders.add(frame.order_id)
        if position + 1 in ends:
            named[position + 1] = len(orders)
        if position % 1_000 == 0:
            producer.poll(0)
    producer.flush(120)
    with KafkaAdmin(config) as admin:
        if missing := {topic: size - records(admin, topic) for topic, size in topics if records(admin, topic) != size}:
            raise BenchmarkError(f"Kafka did not take the whole backlog; missing by topic: {missing}")
    return {prefix: Backlog(prefix, size, named[size]) for prefix, size in sizes.items()}


def _produce(producer: Producer, topic: str, key: bytes, value: bytes) -> None:
    while True:
        try:
            producer.produce(topic, value, key)
        except BufferError:
            producer.poll(0.1)
        else:
            return


def records(admin: KafkaAdmin, topic: str) -> int:
    """How many records a topic holds."""
    return sum(admin.end_offsets(Partition(topic, number) for number in range(PARTITIONS)).values())
