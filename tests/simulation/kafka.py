"""Kafka as a model: partitions with low and high marks, topic ids, the group and its coordinator.

Harsher than the real one: what a consumer had fetched before a seek may still come, a topic that was made anew is read
on as if it were the old one until somebody asks for its id, a member that was cut off goes on with what it holds.
"""

from __future__ import annotations

import zlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from stream_reconcile.core.errors import KafkaUnreachable
from stream_reconcile.log.codec import Envelope
from stream_reconcile.log.topics import Partition, Topics

from .world import SECOND, World

if TYPE_CHECKING:
    from .kafka_clients import Consumer

TOPICS: Final = Topics()
PARTITIONS: Final = 2
SESSION_TIMEOUT_S: Final = 10.0


class Record:
    """One record, in the look of confluent_kafka's Message."""

    __slots__ = ("_key", "_place", "_timestamp", "_value", "topic_id")

    def __init__(self, place: tuple[str, int, int], topic_id: str, key: bytes, value: Any, ms: int) -> None:
        self._place, self.topic_id, self._key, self._value, self._timestamp = place, topic_id, key, value, (1, ms)

    def topic(self) -> str:
        return self._place[0]

    def partition(self) -> int:
        return self._place[1]

    def offset(self) -> int:
        return self._place[2]

    def timestamp(self) -> tuple[int, int]:
        return self._timestamp

    def key(self) -> bytes:
        return self._key

    def value(self) -> Any:
        return self._value

    def leader_epoch(self) -> int:
        return 0

    def error(self) -> None:
        return None


class Stretch:
    """One partition: the records from `low` on."""

    def __init__(self) -> None:
        self.low = 0
        self.records: list[Record] = []

    @property
    def high(self) -> int:
        return self.low + len(self.records)


class Log:
    """The cluster."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.down_until_ns = self.silent_until_ns = 0
        self.topic_ids: dict[str, str] = {}
        self.partitions: dict[Partition, Stretch] = {}
        self.group = Group(self)
        self.seen: set[bytes] = set()
        """What is in the log, or was, as the broker sent it."""
        self.damaged = False
        """Records are gone that nobody may have applied."""
        self._made = 0
        for topic in TOPICS.applied:
            self.make(topic)

    @property
    def is_down(self) -> bool:
        return self.world.now_ns < self.down_until_ns

    def make(self, topic: str) -> None:
        """Make a topic, anew if it was there."""
        self._made += 1
        self.topic_ids[topic] = f"topic-{self._made}"
        for number in range(PARTITIONS):
            self.partitions[Partition(topic, number)] = Stretch()

    def append(self, topic: str, key: bytes, value: Any) -> Record | None:
        """One more record; of a topic that apply does not read nothing is kept."""
        if topic not in self.topic_ids:
            return None
        partition = Partition(topic, zlib.crc32(key) % PARTITIONS)
        stretch = self.partitions[partition]
        place = (*partition, stretch.high)
        record = Record(place, self.topic_ids[topic], key, value, self.world.now_ns // 1_000_000)
        stretch.records.append(record)
        if isinstance(value, Envelope):
            self.seen.add(value.raw)
        self.group.tell(partition)
        return record

    def cut(self, partition: Partition, low: int) -> None:
        """Retention: records before `low` are gone."""
        stretch = self.partitions[partition]
        gone = min(low, stretch.high) - stretch.low
        if gone > 0:
            del stretch.records[:gone]
            stretch.low += gone
            self.damaged = True

    def truncate(self, partition: Partition, high: int) -> None:
        """An unclean election: records that were acknowledged are gone."""
        stretch = self.partitions[partition]
        if high < stretch.high:
            del stretch.records[max(0, high - stretch.low) :]
            self.damaged = True

    def reach(self) -> None:
        """A request; raises KafkaUnreachable where nobody answers."""
        self.world.io()
        if self.is_down:
            self.world.pause(1.0)
            raise KafkaUnreachable("the model of Kafka is down")


class Group:
    """The consumer group and its coordinator: who is to have what, and who has it."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.members: list[Consumer] = []
        self.target: dict[Partition, Consumer] = {}
        self.holder: dict[Partition, Consumer] = {}
        self.offsets: dict[Partition, SimpleNamespace] = {}
        self._turn = 0

    def join(self, member: Consumer) -> None:
        self.members.append(member)
        self.rebalance()

    def leave(self, member: Consumer) -> None:
        if member in self.members:
            self.members.remove(member)
            for partition in [p for p, holder in self.holder.items() if holder is member]:
                del self.holder[partition]
            self.rebalance()

    def rebalance(self, turn: int = 0) -> None:
        """Ranges over the members, beginning with another one each `turn`."""
        self._turn += turn
        self.target = {}
        if self.members:
            for number, partition in enumerate(sorted(self._log.partitions)):
                self.target[partition] = self.members[(number // 3 + self._turn) % len(self.members)]
        for member in self.members:
            member.signal.tell()

    def watch(self) -> None:
        """Expel those that nobody has heard of for too long; called each second."""
        limit = int(SESSION_TIMEOUT_S * SECOND)
        for member in list(self.members):
            if member.silent_ns > limit:
                self._log.world.note(f"{member.process} is expelled from the group")
                member.expelled = True
                self.leave(member)
        self._log.world.after(1.0, self.watch)

    def tell(self, partition: Partition) -> None:
        holder = self.holder.get(partition)
        if holder is not None:
            holder.signal.tell()
