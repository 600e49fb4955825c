"""Clients of the model of Kafka, each in place of one of `log`: consumer, admin, producers, codec."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Final, Self

from stream_reconcile.core.errors import DecodeError, KafkaUnreachable
from stream_reconcile.log.admin import TopicState, Watermarks
from stream_reconcile.log.codec import Envelope
from stream_reconcile.log.consumer import OffsetsGone
from stream_reconcile.log.topics import Partition

from .kafka import PARTITIONS, Log, Record
from .world import SECOND, Process, Signal

_MOST_QUEUED: Final = 30
_DELIVERY_LIMIT_S: Final = 15.0


class Consumer:
    """In place of `log.consumer.LogConsumer`."""

    def __init__(
        self,
        log: Log,
        claim: Callable[[list[Partition]], Mapping[Partition, int]],
        release: Callable[[list[Partition], bool], None],
    ) -> None:
        self._log, self._claim, self._release = log, claim, release
        self.process = log.world.process
        self.signal = Signal(log.world)
        self.expelled = False
        self.cut_since_ns = self.cut_until_ns = 0
        self._mine: dict[Partition, int] = {}
        self._buffer: list[Record] = []
        self._shown: dict[Partition, int] = {}
        log.group.join(self)

    @property
    def silent_ns(self) -> int:
        """For how long the coordinator has not heard of it."""
        now, process = self._log.world.now_ns, self.process
        if not process.alive:
            return now - process.died_ns
        if now < process.stopped_until_ns:
            return now - process.stopped_since_ns
        return now - self.cut_since_ns if now < self.cut_until_ns else 0

    def take(self, limit: int, timeout_s: float) -> list[Record]:
        world = self._log.world
        world.io("take")
        if world.now_ns >= self.cut_until_ns and not self._log.is_down:
            self._follow_the_group()
        if not self._buffer:
            self._fetch()
        if not self._buffer and timeout_s > 0:
            self.signal.wait(timeout_s)
            self._fetch()
        count = min(limit, world.rng.choice((1, 2, 3, 12)))
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def seek(self, partition: Partition, offset: int) -> None:
        """What was fetched before may come or not."""
        if partition in self._mine:
            self._mine[partition] = offset
        if self._log.world.rng.random() < 0.5:
            self._drop_fetched({partition})

    def mirror(self, offsets: Mapping[Partition, tuple[int, str]], *, last: bool = False) -> None:
        del last
        late = {p: shown for p, shown in offsets.items() if self._shown.get(p) != shown[0]}
        if not late:
            return
        self._log.world.pause(0.0, "mirror")
        if self.expelled or self._log.is_down:
            return
        for partition, (offset, topic_id) in late.items():
            self._log.group.offsets[partition] = SimpleNamespace(offset=offset, metadata=topic_id)
            self._shown[partition] = offset

    def close(self) -> None:
        if self._mine:
            mine, self._mine = list(self._mine), {}
            self._release(mine, self.expelled)
        self._log.group.leave(self)

    def _follow_the_group(self) -> None:
        group = self._log.group
        if self.expelled:
            mine, self._mine = list(self._mine), {}
            self._buffer.clear()
            self.expelled = False
            self._release(mine, True)
            self._shown.clear()
            group.join(self)
        revoked = [p for p in self._mine if group.target.get(p) is not self]
        if revoked:
            self._drop_fetched(set(revoked))
            for partition in revoked:
                del self._mine[partition]
            self._release(revoked, False)
            for partition in revoked:
                self._shown.pop(partition, None)
                if group.holder.get(partition) is self:
                    del group.holder[partition]
                if partition in group.target:
                    group.target[partition].signal.tell()
        assigned = [p for p, member in group.target.items() if member is self and p not in group.holder]
        if assigned:
            for partition in assigned:
                group.holder[partition] = self
            self._mine.update(self._claim(sorted(assigned)))

    def _fetch(self) -> None:
        log = self._log
        if log.is_down:
            return
        for partition, position in self._mine.items():
            stretch = log.partitions[partition]
            if not stretch.low <= position <= stretch.high:
                raise OffsetsGone("the log is gone at a cursor")
            if position < stretch.high:
                found = stretch.records[position - stretch.low : position - stretch.low + 8]
                self._mine[partition] = position + len(found)
                self._buffer += found

    def _drop_fetched(self, partitions: set[Partition]) -> None:
        self._buffer = [r for r in self._buffer if (r.topic(), r.partition()) not in partitions]


class Admin:
    """In place of `log.admin.KafkaAdmin`."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass

    def cluster(self) -> SimpleNamespace:
        return SimpleNamespace(cluster_id="cluster", brokers=1)

    def topics(self, names: Iterable[str]) -> dict[str, TopicState | None]:
        self._log.reach()
        ids = self._log.topic_ids
        return {name: TopicState(ids[name], PARTITIONS, 1, ()) if name in ids else None for name in names}

    def topic_ids(self, names: Iterable[str]) -> dict[str, str]:
        self._log.reach()
        return {name: self._log.topic_ids[name] for name in names}

    def watermarks(self, partitions: Iterable[Partition]) -> dict[Partition, Watermarks]:
        self._log.reach()
        return {p: Watermarks(self._log.partitions[p].low, self._log.partitions[p].high) for p in partitions}

    def end_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        self._log.reach()
        return {p: self._log.partitions[p].high for p in partitions}

    def group_offsets(self, _group: str, partitions: Iterable[Partition]) -> dict[Partition, SimpleNamespace]:
        self._log.reach()
        offsets = self._log.group.offsets
        return {p: offsets[p] for p in partitions if p in offsets}

    def group_has_members(self, _group: str) -> bool:
        return bool(self._log.group.members)


class TopicWatch:
    """In place of `jobs.apply.topic_watch`: each look gives what was so at the one before."""

    def __init__(self, log: Log, topics: Iterable[str]) -> None:
        self._log, self._topics = log, list(topics)
        self._asked: dict[str, str] | None = None

    def look(self) -> dict[str, str] | None:
        asked, self._asked = self._asked, None
        if not self._log.is_down:
            self._asked = {topic: self._log.topic_ids[topic] for topic in self._topics}
        return asked

    def forget(self) -> None:
        self._asked = None

    def close(self) -> None:
        pass


class Producer:
    """In place of `log.producer.RecordProducer`: in order, bounded, and what is not answered is sent again or lost."""

    def __init__(self, log: Log, delivered: Callable[[Any, bool, float], None]) -> None:
        self._log, self._delivered = log, delivered
        self._process: Process = log.world.process
        self._queue: list[tuple[str, bytes, Envelope, Any, int]] = []
        self._sending = False
        self.closed = False

    @property
    def queued_records(self) -> int:
        return len(self._queue)

    @property
    def queued_bytes(self) -> int:
        return 1000 * len(self._queue)

    stalled_s = 0.0
    last_error = ""

    def send(self, topic: str, key: bytes, value: Any, token: Any) -> bool:
        if len(self._queue) >= _MOST_QUEUED:
            return False
        self._queue.append((topic, key, value, token, self._log.world.now_ns))
        self._go_on()
        return True

    def close(self, _within_s: float) -> int:
        """What is under way gets a moment, and is lost after that."""
        world = self._log.world
        for _ in range(10):
            if self._queue:
                world.pause(0.1)
        self.closed = True
        left, self._queue = self._queue, []
        for *_record, token, _since in left:
            self._delivered(token, False, 0.0)
        return len(left)

    def _go_on(self) -> None:
        if self._queue and not self._sending:
            self._sending = True
            rng = self._log.world.rng
            self._log.world.after(0.001 + 0.004 * rng.random(), self._deliver)

    def _deliver(self) -> None:
        self._sending = False
        world, log = self._log.world, self._log
        if not self._queue:
            return
        topic, key, value, token, since_ns = self._queue[0]
        if not self._process.alive:
            # What had left the process may arrive all the same.
            if not log.is_down and world.rng.random() < 0.5:
                log.append(topic, key, value)
                self._queue.pop(0)
                self._go_on()
            return
        if world.is_stopped(self._process):
            world.after((self._process.stopped_until_ns - world.now_ns) / SECOND, self._deliver)
            self._sending = True
            return
        late = world.now_ns - since_ns > _DELIVERY_LIMIT_S * SECOND
        if log.is_down and not late:
            self._sending = True
            world.after(1.0, self._deliver)
            return
        self._queue.pop(0)
        if not log.is_down:
            log.append(topic, key, value)
            if world.now_ns < log.silent_until_ns and world.rng.random() < 0.7:
                # The answer is lost: it is sent once more, or given up though it is there.
                late = world.rng.random() < 0.5
                if not late:
                    log.append(topic, key, value)
        self._delivered(token, not late, 0.0)
        self._go_on()


class AckedProducer:
    """In place of `log.acked.AckedProducer`."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def close(self) -> None:
        pass

    def send_all(self, records: Iterator[Any]) -> int:
        sent = 0
        for topic, key, value in records:
            self._log.world.io("publish")
            if self._log.is_down:
                raise KafkaUnreachable("Kafka did not take some of the records")
            self._log.append(topic, key, value)
            sent += 1
            if self._log.world.now_ns < self._log.silent_until_ns and self._log.world.rng.random() < 0.3:
                raise KafkaUnreachable("Kafka did not answer for some of the records")
        self._log.world.pause(0.0, "published")
        return sent


class PlainCodec:
    """Records hold envelopes as they are; what is none can't be decoded."""

    def encode(self, _topic: str, envelope: Envelope) -> Any:
        return envelope

    def decode(self, _topic: str, payload: Any) -> Envelope:
        if not isinstance(payload, Envelope):
            raise DecodeError("magic", "the record is no envelope")
        return payload

    def usual(self, _topic: str, payload: Any) -> tuple[str, bytes] | None:
        return (payload.account_id, payload.raw) if isinstance(payload, Envelope) else None
