"""Backlogs: topics filled once with a generated history, read by ours and by the floor alike.

The simulator's own mix (all order types and classes, partial fills, replaces, busts, multi-leg), 3.3 frames an order,
and 5 % of the frames a second time within the next 20. All records are as ingest writes them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

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
_FLUSHED_WITHIN_S: Final = 120.0
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


class LogFiller:
    """Writes frames as ingest does, one after another, to the topics of one or more prefixes. A context manager."""

    def __init__(self, bootstrap_servers: str, prefixes: Iterable[str]) -> None:
        self._topics = {prefix: Topics(prefix).trade_updates for prefix in prefixes}
        config = KafkaConfig(bootstrap_servers)
        with KafkaAdmin(config) as admin:
            for prefix in self._topics:
                ensure_topics(admin, Topics(prefix))
        # All these topics carry the same type of record, so any of their names stands for it.
        self._record_of = next(iter(self._topics.values()))
        self._codec = SingleObjectCodec(Topics(next(iter(self._topics))))
        self._producer = Producer({**config.producer(), "linger.ms": 20, "queue.buffering.max.kbytes": 262_144})
        self._position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._producer.flush(_FLUSHED_WITHIN_S if error is None else 0)

    def put(self, frame: Frame, prefixes: Iterable[str], **more: Any) -> None:
        """Write a frame to the topic of each prefix; `more` goes to `Producer.produce` (timestamp, on_delivery)."""
        envelope = Envelope(
            ACCOUNT, _STREAM_ID, self._position, time.time_ns(), "stream", frame.event, frame.order_id, frame.raw
        )
        key, value = record_key(ACCOUNT, frame.order_id), self._codec.encode(self._record_of, envelope)
        for prefix in prefixes:
            self._produce(self._topics[prefix], key, value, more)
        if self._position % 1_000 == 0:
            self._producer.poll(0)
        self._position += 1

    def _produce(self, topic: str, key: bytes, value: bytes, more: dict[str, Any]) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, **more)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return


def fill(bootstrap_servers: str, sizes: dict[str, int]) -> dict[str, Backlog]:
    """Write backlogs of several sizes at once, each the beginning of the same history; by prefix."""
    orders: set[str] = set()
    named: dict[int, int] = {}
    ends = set(sizes.values())
    with LogFiller(bootstrap_servers, sizes) as filler:
        for position, frame in enumerate(frames_with_duplicates(max(sizes.values()))):
            filler.put(frame, [prefix for prefix, size in sizes.items() if position < size])
            orders.add(frame.order_id)
            if position + 1 in ends:
                named[position + 1] = len(orders)
    topics = {Topics(prefix).trade_updates: size for prefix, size in sizes.items()}
    with KafkaAdmin(KafkaConfig(bootstrap_servers)) as admin:
        found = {topic: records(admin, topic) for topic in topics}
    if missing := {topic: size - found[topic] for topic, size in topics.items() if found[topic] != size}:
        raise BenchmarkError(f"Kafka did not take the whole backlog; missing by topic: {missing}")
    return {prefix: Backlog(prefix, size, named[size]) for prefix, size in sizes.items()}


def records(admin: KafkaAdmin, topic: str) -> int:
    """How many records a topic holds."""
    return sum(admin.end_offsets(Partition(topic, number) for number in range(PARTITIONS)).values())
