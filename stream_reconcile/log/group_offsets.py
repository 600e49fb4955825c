"""What a consumer group has committed, read without joining it.

Through a consumer and not through the admin client on purpose: in librdkafka, an admin request to a group's coordinator
that fails on the way ends the whole process (`Assertion eonce->refcnt > 0`, librdkafka issue 4605 and pull request
5397, open as of 2.16). A consumer's own question for its group's offsets takes another way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.failures import FORBIDDEN, LOGIN_REFUSED, NO_SUCH_TOPIC, kafka_error
from stream_reconcile.log.topics import Partition


class GroupOffset(NamedTuple):
    """What a group has committed for a partition: the next offset to read, and the text that went with it."""

    offset: int
    metadata: str


class GroupOffsets:
    """Committed offsets of one group. Keeps its connection between calls; may be shared between threads."""

    def __init__(self, config: KafkaConfig, group: str, *, timeout_s: float) -> None:
        self._config = config
        self._group = group
        self._timeout_s = timeout_s
        self._refused: KafkaError | None = None
        self._lock = threading.Lock()
        self._consumer = Consumer({**config.consumer(group), "error_cb": self._on_error})

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def read(self, partitions: Iterable[Partition]) -> dict[Partition, GroupOffset]:
        """What the group has committed for these partitions; those without are left out.

        Raises KafkaUnreachable, CredentialsRefused, RefusedError.
        """
        asked = [TopicPartition(*partition) for partition in partitions]
        if not asked:
            return {}
        with self._lock:
            try:
                answer = self._consumer.committed(asked, timeout=self._timeout_s)
            except KafkaException as error:
                self._take_events()
                raise self._error(error.args[0]) from None
            self._take_events()
            self._refused = None
        # A partition's error is no "nothing committed": who takes it for that looks away from what is there.
        for place in answer:
            if place.error is not None and place.error.code() not in NO_SUCH_TOPIC:
                raise self._error(place.error)
        return {
            Partition(place.topic, place.partition): GroupOffset(place.offset, place.metadata or "")
            for place in answer
            if place.error is None and place.offset >= 0
        }

    def _take_events(self) -> None:
        # Log lines wait for a poll; and a refusal shows only in what polls bring, once, while the question itself runs
        # into its time limit: a refused login through the callback, a forbidden group as a message.
        while (message := self._consumer.poll(0)) is not None:
            if (error := message.error()) is not None:
                self._on_error(error)

    def _on_error(self, error: KafkaError) -> None:
        if error.code() in LOGIN_REFUSED | FORBIDDEN:
            self._refused = error

    def _error(self, error: KafkaError) -> Exception:
        return kafka_error(f"offsets of group {self._group} can't be read", self._config, self._refused or error)
