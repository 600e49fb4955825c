"""Reading partitions from one place to another, outside any group: what a replay reads with.

It joins no group and commits nothing, so no lag tool and no member sees it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Final, Self

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from stream_reconcile.core.errors import KafkaUnreachable, LogReplaced, ReconcileError
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.consumer import PREFETCH, OffsetsGone
from stream_reconcile.log.failures import NO_SUCH_TOPIC, kafka_error
from stream_reconcile.log.topics import Partition

log = structlog.get_logger()

SILENT_S: Final = 60.0
"""Without a record for so long, and with records to come: Kafka does not answer."""
_AT_ONCE: Final = 5_000
_POLL_S: Final = 0.25

_GONE: Final = frozenset((KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE))


class LogReader:
    """Reads each partition from `starts` up to, and not including, the offset in `ends`. All calls from one thread.

    `group` is only named, never joined: it is one that our user may name under the cluster's ACLs.
    """

    def __init__(
        self, config: KafkaConfig, group: str, starts: Mapping[Partition, int], ends: Mapping[Partition, int]
    ) -> None:
        self._config = config
        self._ends = dict(ends)
        self._open = {partition for partition, end in ends.items() if starts[partition] < end}
        self._consumer = Consumer({**config.consumer(group), **PREFETCH, "enable.partition.eof": True})
        self._consumer.assign([TopicPartition(*partition, starts[partition]) for partition in sorted(self._open)])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._consumer.close()

    @property
    def done(self) -> bool:
        """Whether each partition has been read to its end."""
        return not self._open

    def take(self, limit: int, timeout_s: float) -> list[Message]:
        """Up to `limit` records: waits up to `timeout_s` for a first one, then takes what is there and does not wait.

        Raises OffsetsGone (expired), LogReplaced (topic deleted), KafkaUnreachable, RefusedError.
        """
        try:
            first = self._consumer.poll(timeout_s)
            messages = [] if first is None else [first, *self._consumer.consume(limit - 1, 0)]
        except KafkaException as error:
            raise self._translated(error.args[0]) from None
        return [message for message in messages if self._takes(message)]

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from `offset`; records fetched before may still come."""
        try:
            if partition not in self._open:
                self._open.add(partition)
                self._consumer.resume([TopicPartition(*partition)])
            self._consumer.seek(TopicPartition(*partition, offset))
        except KafkaException as error:
            raise self._translated(error.args[0]) from None

    def _takes(self, message: Message) -> bool:
        error, offset = message.error(), message.offset() or 0
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise self._translated(error)
        partition = Partition(message.topic() or "", message.partition() or 0)
        end = self._ends[partition]
        # The end of a partition counts too: what stands before `end` may be a transaction's marker, or compacted.
        if offset >= end - (error is None):
            self._close(partition)
        return error is None and offset < end

    def _close(self, partition: Partition) -> None:
        if partition in self._open:
            self._open.discard(partition)
            self._consumer.pause([TopicPartition(*partition)])

    def _translated(self, error: KafkaError) -> ReconcileError:
        if error.code() in _GONE:
            return OffsetsGone("the log is gone where it was to be read next (expired, or the topic was made anew)")
        if error.code() in NO_SUCH_TOPIC:
            return LogReplaced("a topic was deleted while it was read")
        return kafka_error("records can't be read", self._config, error)


def all_of(reader: LogReader, stop: threading.Event) -> Iterator[Message]:
    """All that the reader has to read, each partition in order; ends early when `stop` is set.

    Raises as `take`, and KafkaUnreachable where nothing comes for `SILENT_S`.
    """
    heard = time.monotonic()
    while not reader.done and not stop.is_set():
        messages = reader.take(_AT_ONCE, _POLL_S)
        if messages:
            heard = time.monotonic()
            yield from messages
        elif time.monotonic() - heard > SILENT_S:
            raise KafkaUnreachable(f"no record came for {SILENT_S:g} s, and more are there")
