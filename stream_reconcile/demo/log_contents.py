"""What the trade-updates topic holds, counted by reading all of it: the log's own word for what came twice."""

from __future__ import annotations

import time
from hashlib import blake2b
from typing import Final, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from stream_reconcile.core.errors import KafkaUnreachable
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Partition, Topics

_READER: Final = "stream-reconcile-demo"
_AT_ONCE: Final = 5000
_SILENT_FOR: Final = 20.0  # seconds without a record before the reading is given up


class LogContents(NamedTuple):
    """Records of one topic. `frames` name an order (answers of the broker don't), `distinct` differ in any byte."""

    records: int
    frames: int
    distinct: int

    @property
    def repeated(self) -> int:
        """Frames that say, byte for byte, what an earlier one said."""
        return self.frames - self.distinct


def read_log(kafka: KafkaConfig, topics: Topics) -> LogContents:
    """Read the topic from its start to its present end. Raises KafkaUnreachable."""
    topic = topics.trade_updates
    with KafkaAdmin(kafka) as admin:
        state = admin.topics([topic])[topic]
        partitions = [Partition(topic, number) for number in range(state.partitions if state else 0)]
        left = {partition: end for partition, end in admin.end_offsets(partitions).items() if end > 0}
    codec = SingleObjectCodec(topics)
    seen: set[bytes] = set()
    records = frames = 0
    consumer = Consumer(kafka.consumer(_READER))
    try:
        consumer.assign([TopicPartition(*partition, 0) for partition in left])
        heard = time.monotonic()
        while left:
            for message in consumer.consume(_AT_ONCE, 0.2):
                partition, offset = Partition(topic, message.partition() or 0), message.offset() or 0
                end = left.get(partition)
                if message.error() is not None or end is None or offset >= end:
                    continue
                heard = time.monotonic()
                records += 1
                envelope = codec.decode(topic, message.value())
                if envelope.order_id:
                    frames += 1
                    seen.add(blake2b(envelope.raw, digest_size=16).digest())
                if offset + 1 == end:
                    del left[partition]
            if time.monotonic() - heard > _SILENT_FOR:
                raise KafkaUnreachable(f"Kafka at {kafka.bootstrap_servers} gives no more of {topic}: see its log")
    finally:
        consumer.close()
    return LogContents(records, frames, len(seen))
