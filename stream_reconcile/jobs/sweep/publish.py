"""What a sweep found, into the log: verbatim, each acknowledged before the sweep goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

from stream_reconcile.core.errors import KafkaUnreachable
from stream_reconcile.log.codec import Codec, Envelope
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.producer import Limits, RecordProducer
from stream_reconcile.log.topics import record_key

_SOURCE = "sweep"


class Finding(NamedTuple):
    """One object of the broker's, as it came. `event` names what it is."""

    topic: str
    event: str
    order_id: str
    received_at_ns: int
    raw: bytes


class Publisher:
    """Publishes for one account; a context manager. For one thread."""

    def __init__(self, kafka: KafkaConfig, codec: Codec, account_id: str, *, limit_s: float) -> None:
        self._codec, self._account_id, self._limit_s = codec, account_id, limit_s
        self._told = threading.Condition()
        self._waiting = self._lost = 0
        self._producer = RecordProducer[None](kafka, self._delivered, limits=Limits(delivery_s=limit_s))

    def close(self) -> None:
        """End the producer; nothing is under way between calls of `publish`."""
        self._producer.close(1.0)

    def publish(self, stream_id: str, first_position: int, findings: Iterable[Finding]) -> int:
        """Write all of them; gives how many.

        Raises KafkaUnreachable where Kafka did not acknowledge each one in time: some may be in the log then.
        """
        sent = refused = 0
        for finding in findings:
            envelope = Envelope(
                self._account_id,
                stream_id,
                first_position + sent,
                finding.received_at_ns,
                _SOURCE,
                finding.event,
                finding.order_id,
                finding.raw,
            )
            value = self._codec.encode(finding.topic, envelope)
            with self._told:
                self._waiting += 1
            if self._producer.send(finding.topic, record_key(self._account_id, finding.order_id), value, None):
                sent += 1
            else:
                refused += 1
                with self._told:
                    self._waiting -= 1
        deadline = time.monotonic() + self._limit_s
        with self._told:
            self._told.wait_for(lambda: self._waiting == 0, timeout=max(0.0, deadline - time.monotonic()))
            missing, self._lost = self._waiting + self._lost + refused, 0
        if missing:
            raise KafkaUnreachable(
                f"Kafka did not take {missing} of {sent + refused} records that a sweep found: it is repeated"
            )
        return sent

    def _delivered(self, _token: None, acknowledged: bool, _seconds: float) -> None:
        with self._told:
            self._waiting -= 1
            self._lost += not acknowledged
            self._told.notify_all()
