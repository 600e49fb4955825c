"""A producer for those who go on only when Kafka has acknowledged all they sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

from stream_reconcile.core.errors import KafkaUnreachable
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.producer import Limits, RecordProducer


class Outgoing(NamedTuple):
    """A record to be."""

    topic: str
    key: bytes
    value: bytes


class AckedProducer:
    """For one thread. What is under way when a call gives up is of no later call."""

    def __init__(self, kafka: KafkaConfig, *, limit_s: float) -> None:
        self._limit_s = limit_s
        self._told = threading.Condition()
        self._call = self._waiting = self._lost = 0
        self._producer = RecordProducer[int](kafka, self._delivered, limits=Limits(delivery_s=limit_s))

    def close(self) -> None:
        """End the producer."""
        self._producer.close(1.0)

    def send_all(self, records: Iterable[Outgoing]) -> int:
        """Write all of them; gives how many.

        Raises KafkaUnreachable where Kafka did not acknowledge each one in time: some may be in the log then.
        """
        sent = refused = 0
        with self._told:
            self._call += 1
            self._waiting = self._lost = 0
        for record in records:
            with self._told:
                self._waiting += 1
            if self._producer.send(*record, self._call):
                sent += 1
            else:
                refused += 1
                with self._told:
                    self._waiting -= 1
        deadline = time.monotonic() + self._limit_s
        with self._told:
            self._told.wait_for(lambda: self._waiting == 0, timeout=max(0.0, deadline - time.monotonic()))
            missing = self._waiting + self._lost + refused
        if missing:
            raise KafkaUnreachable(f"Kafka did not take {missing} of {sent + refused} records")
        return sent

    def _delivered(self, call: int, acknowledged: bool, _seconds: float) -> None:
        with self._told:
            if call != self._call:
                return
            self._waiting -= 1
            self._lost += not acknowledged
            self._told.notify_all()
