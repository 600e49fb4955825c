"""Reading a stretch of one partition by its offsets, outside of any group."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from stream_reconcile.core.errors import KafkaUnreachable
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.failures import kafka_error
from stream_reconcile.log.topics import Partition

_AT_ONCE: Final = 5_000
_POLL_S: Final = 0.2
SILENT_FOR_S: Final = 30.0
"""Without a record and without progress for so long, the reading is given up."""


class StretchReader:
    """For one thread. `group` names the client to Kafka; nothing is ever committed under it."""

    def __init__(self, kafka: KafkaConfig, *, group: str) -> None:
        self._kafka = kafka
        self._consumer = Consumer({**kafka.consumer(group), "enable.partition.eof": True})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._consumer.close()

    def read(self, partition: Partition, start: int, end: int, *, stopped: Callable[[], bool]) -> Iterator[Message]:
        """Records at offsets from `start` up to but not with `end`, in order; those that the log holds of them.

        Ends early when `stopped`. Raises KafkaUnreachable, RefusedError (no right, or `start` is not in the log).
        """
        if start >= end:
            return
        where = f"{partition.topic}:{partition.partition}"
        self._consumer.assign([TopicPartition(*partition, start)])
        heard = time.monotonic()
        while not stopped():
            try:
                messages = self._consumer.consume(_AT_ONCE, _POLL_S)
            except KafkaException as error:
                raise kafka_error(f"{where} can't be read", self._kafka, error.args[0]) from None
            for message in messages:
                heard = time.monotonic()
                problem = message.error()
                if problem is not None:
                    if problem.code() == KafkaError._PARTITION_EOF:
                        return
                    raise kafka_error(f"{where} can't be read from {start}", self._kafka, problem)
                offset = message.offset() or 0
                if offset >= end:
                    return
                yield message
                if offset + 1 == end:
                    return
            if time.monotonic() - heard > SILENT_FOR_S:
                raise KafkaUnreachable(
                    f"Kafka at {self._kafka.bootstrap_servers} gives no more of {where} before {end}: see its log"
                )
