"""The consumer that apply reads with: positions come from the database, on assignment, and from nowhere else.

An exception that leaves librdkafka's rebalance callback would make the client fall back to the group's committed
offsets, and lose what the same call had fetched. So nothing leaves it: a failed claim assigns nothing, is kept, and is
raised by the next `take`, after which this consumer must be closed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from stream_reconcile.core.errors import KafkaUnreachable, ReconcileError, RefusedError
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.failures import kafka_error
from stream_reconcile.log.topics import Partition

log = structlog.get_logger()

CONSUMER_PROTOCOL: Final = "consumer"
CLASSIC_PROTOCOL: Final = "classic"

PREFETCH: Final[Mapping[str, Any]] = {
    # Memory of a member stays flat whatever the lag: 32 MB fetched ahead at most, 20,000 records of the usual size.
    "queued.max.messages.kbytes": 32_768,
    "queued.min.messages": 20_000,
    # The default of 1,000 ms makes a full queue wait a second before it is filled again: 6,000 records/s.
    "fetch.queue.backoff.ms": 5,
    "fetch.wait.max.ms": 500,
    "fetch.min.bytes": 1,
}
LEAVE_S: Final = 10.0
"""Leaving the group takes a moment where Kafka answers; where it does not, librdkafka waits for minutes."""
_ANSWERS_WITHIN_S: Final = 60.0
"""A commit to a group without a coordinator fails after its session timeout, 45 s."""
_SAY_AGAIN_S: Final = 60.0
_UNSUPPORTED: Final = frozenset(
    {KafkaError.UNSUPPORTED_VERSION, KafkaError._UNSUPPORTED_FEATURE, KafkaError.INVALID_REQUEST}
)


class ProtocolUnsupported(RefusedError):
    """The broker does not know the KIP-848 group protocol; the classic one works everywhere."""


class OffsetsGone(ReconcileError):
    """The log can't be read at the position of some partitions (F5)."""


class LogConsumer:
    """One member of the consumer group. All calls from one thread; those back, from that one or from `close`.

    `claim` is called with newly assigned partitions and gives the offset to start each from; `release` with partitions
    that are taken away, True when they are lost already.
    """

    def __init__(
        self,
        config: KafkaConfig,
        *,
        group: str,
        topics: Iterable[str],
        protocol: str,
        claim: Callable[[list[Partition]], Mapping[Partition, int]],
        release: Callable[[list[Partition], bool], None],
    ) -> None:
        self._config = config
        self._protocol = protocol
        self._claim, self._release = claim, release
        self._failure: Exception | None = None
        self._said: dict[str, float] = {}
        self._shown: dict[Partition, int] = {}
        self._asked_to_show: float | None = None
        self._left = False
        properties = {**config.consumer(group), **PREFETCH, "group.protocol": protocol}
        if protocol == CONSUMER_PROTOCOL:
            properties["group.remote.assignor"] = "range"
        else:
            properties["partition.assignment.strategy"] = "range"
        self._consumer = Consumer({**properties, "on_commit": self._on_commit, "error_cb": self._on_error})
        self._consumer.subscribe(
            list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def take(self, limit: int, timeout_s: float) -> list[Message]:
        """Up to `limit` records: waits up to `timeout_s` for a first one, then takes what is there and does not wait.

        (`consume(n, t)` alone waits for n: 50 ms for a lone record.) Raises what a claim raised, OffsetsGone,
        ProtocolUnsupported, KafkaUnreachable, RefusedError; the consumer must be closed then.
        """
        try:
            first = self._consumer.poll(timeout_s)
            messages = [] if first is None else [first, *self._consumer.consume(limit - 1, 0)]
        except KafkaException as error:
            raise self._translated(error.args[0]) from None
        if self._failure is not None:
            raise self._failure
        if any(message.error() is not None for message in messages):
            for message in messages:
                self._check(message.error())
            messages = [message for message in messages if message.error() is None]
        return messages

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from `offset`. Records fetched before may still come: the caller drops what is out of line."""
        try:
            self._consumer.seek(TopicPartition(partition.topic, partition.partition, offset))
        except KafkaException as error:
            raise self._translated(error.args[0]) from None

    def mirror(self, offsets: Mapping[Partition, tuple[int, str]], *, last: bool = False) -> None:
        """Show committed positions (next offset, topic id) to the group, for lag tools. Does not wait.

        Only those that it did not take from this member: new ones, refused in a rebalance, or never shown. While it has
        not answered, nothing more is shown, unless it is the `last` of them: without Kafka they would heap up, and
        whoever leaves waits for each.
        """
        now = time.monotonic()
        if not last and self._asked_to_show is not None and now - self._asked_to_show < _ANSWERS_WITHIN_S:
            return
        late = [
            TopicPartition(p.topic, p.partition, offset, topic_id)
            for p, (offset, topic_id) in offsets.items()
            if self._shown.get(p) != offset
        ]
        if not late:
            return
        try:
            self._consumer.commit(offsets=late, asynchronous=True)
            self._asked_to_show = now
        except KafkaException as error:
            log.warning("mirror_failed", error=error.args[0].name())

    def close(self) -> None:
        """Leave the group; after ten seconds in vain, go on: the group takes who is silent for gone."""
        leaving = threading.Thread(target=self._consumer.close, name="apply-leave", daemon=True)
        leaving.start()
        leaving.join(LEAVE_S)
        self._left = True
        if leaving.is_alive():
            log.warning("group_not_left", why=f"it does not answer a farewell within {LEAVE_S:g} s")

    def _on_assign(self, consumer: Consumer, assigned: list[TopicPartition]) -> None:
        if self._failure is not None or self._left:
            return
        partitions = sorted(Partition(p.topic, p.partition) for p in assigned)
        try:
            starts = self._claim(partitions)
            positions = [TopicPartition(p.topic, p.partition, starts[p]) for p in partitions]
            if self._protocol == CONSUMER_PROTOCOL:
                consumer.incremental_assign(positions)
            else:
                consumer.assign(positions)
        except Exception as error:  # noqa: BLE001 - nothing may leave this callback; `take` raises it
            self._failure = error
            if self._protocol == CONSUMER_PROTOCOL:
                consumer.incremental_assign([])
            else:
                consumer.assign([])

    def _on_revoke(self, _consumer: Consumer, revoked: list[TopicPartition]) -> None:
        self._taken_away(revoked, lost=False)

    def _on_lost(self, _consumer: Consumer, lost: list[TopicPartition]) -> None:
        self._taken_away(lost, lost=True)

    def _taken_away(self, places: list[TopicPartition], *, lost: bool) -> None:
        if self._left:
            return
        partitions = [Partition(p.topic, p.partition) for p in places]
        self._release(partitions, lost)
        for partition in partitions:
            self._shown.pop(partition, None)

    def _on_commit(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        self._asked_to_show = None
        if error is not None:
            log.info("mirror_refused", error=error.name())  # during a rebalance; the next watch mirrors again
            return
        self._shown.update({Partition(p.topic, p.partition): p.offset for p in places if p.error is None})

    def _on_error(self, error: KafkaError) -> None:
        now = time.monotonic()
        # In an outage it comes twenty times a second, and says the same.
        if now - self._said.get(error.name(), -_SAY_AGAIN_S) >= _SAY_AGAIN_S:
            self._said[error.name()] = now
            log.info("kafka_connection", error=error.name())

    def _check(self, error: KafkaError | None) -> None:
        if error is None or error.code() == KafkaError._PARTITION_EOF:
            return
        raise self._translated(error)

    def _translated(self, error: KafkaError) -> ReconcileError:
        code = error.code()
        if code in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            return OffsetsGone("the log is gone at a cursor (expired, or the topic was made anew): see docs/kafka.md")
        if self._protocol == CONSUMER_PROTOCOL and code in _UNSUPPORTED:
            return ProtocolUnsupported("the broker does not know the group protocol of KIP-848")
        if code == KafkaError._MAX_POLL_EXCEEDED:
            return KafkaUnreachable("this member was thrown out of the group because it did not poll in time")
        return kafka_error("records can't be read", self._config, error)
