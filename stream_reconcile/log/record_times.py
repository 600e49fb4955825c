"""The time of the record at an offset, which no admin request can tell: a consumer of our own looks.

It joins no group and commits nothing. One record of each partition is wanted, so it asks for as little as Kafka gives.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, Message, TopicPartition

from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.failures import FORBIDDEN, kafka_error
from stream_reconcile.log.topics import Partition

_AS_LITTLE_AS_POSSIBLE: Final[dict[str, Any]] = {
    "enable.partition.eof": True,
    "fetch.message.max.bytes": 16 * 1024,  # Kafka gives one batch of records even if it is larger
    "fetch.wait.max.ms": 50,
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 1024,
    # A full queue (one record) stops the fetching of every partition of that broker for so long; the default is 1 s.
    "fetch.queue.backoff.ms": 10,
}

# Nothing to read there: its end, an offset that was deleted meanwhile, a topic that is gone meanwhile.
_NOTHING_THERE: Final = frozenset(
    {
        KafkaError._PARTITION_EOF,
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError.OFFSET_OUT_OF_RANGE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    }
)


class RecordTimes:
    """Looks records up by offset. Keeps its connection between calls; for one thread at a time.

    `group` is only named, never joined: it is one that our user may name under the cluster's ACLs.
    """

    def __init__(self, config: KafkaConfig, group: str, *, timeout_s: float = 5.0) -> None:
        self._config = config
        self._timeout_s = timeout_s
        self._consumer = Consumer({**config.consumer(group), **_AS_LITTLE_AS_POSSIBLE})

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def at(self, offsets: Mapping[Partition, int]) -> dict[Partition, int]:
        """Time (ms since the epoch) of the first record at or after each offset.

        A partition is left out where there is no such record, and where Kafka did not give it within the time limit
        (which a partition that does not exist takes in full: ask for the watermarks first).
        Raises RefusedError where reading is forbidden.
        """
        times: dict[Partition, int] = {}
        if not offsets:
            return times
        waiting = set(offsets)
        deadline = time.monotonic() + self._timeout_s
        self._consumer.assign([TopicPartition(*partition, offset) for partition, offset in offsets.items()])
        try:
            while waiting and (left := deadline - time.monotonic()) > 0:
                message = self._consumer.poll(left)
                if message is not None:
                    self._take(message, waiting, times)
        finally:
            # A pause would outlive the assignment.
            self._consumer.resume(self._consumer.assignment())
            self._consumer.unassign()
        return times

    def _take(self, message: Message, waiting: set[Partition], times: dict[Partition, int]) -> None:
        error, topic, number = message.error(), message.topic(), message.partition()
        if error is not None and error.code() in FORBIDDEN:
            raise kafka_error(f"records of {topic} can't be read", self._config, error)
        if topic is None or number is None:
            return  # about a broker, not a partition: the time limit decides
        partition = Partition(topic, number)
        if partition not in waiting:
            return
        if error is None:
            kind, milliseconds = message.timestamp()
            if kind != TIMESTAMP_NOT_AVAILABLE:
                times[partition] = milliseconds
        elif error.code() not in _NOTHING_THERE:
            return
        waiting.discard(partition)
        self._consumer.pause([TopicPartition(*partition)])
