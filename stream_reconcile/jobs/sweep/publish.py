"""What a sweep found, into the log: verbatim, each acknowledged before the sweep goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from stream_reconcile.core.errors import KafkaUnreachable
from stream_reconcile.log.acked import AckedProducer, Outgoing
from stream_reconcile.log.codec import Codec, Envelope
from stream_reconcile.log.connection import KafkaConfig
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
    """Publishes for one account. For one thread."""

    def __init__(self, kafka: KafkaConfig, codec: Codec, account_id: str, *, limit_s: float) -> None:
        self._codec, self._account_id = codec, account_id
        self._producer = AckedProducer(kafka, limit_s=limit_s)

    def close(self) -> None:
        """End the producer; nothing is under way between calls of `publish`."""
        self._producer.close()

    def publish(self, stream_id: str, first_position: int, findings: Iterable[Finding]) -> int:
        """Write all of them; gives how many.

        Raises KafkaUnreachable where Kafka did not acknowledge each one in time: some may be in the log then.
        """
        try:
            return self._producer.send_all(self._records(stream_id, first_position, findings))
        except KafkaUnreachable as error:
            raise KafkaUnreachable(f"{error} that a sweep found: it is repeated") from None

    def _records(self, stream_id: str, first_position: int, findings: Iterable[Finding]) -> Iterator[Outgoing]:
        for position, finding in enumerate(findings, first_position):
            envelope = Envelope(
                self._account_id,
                stream_id,
                position,
                finding.received_at_ns,
                _SOURCE,
                finding.event,
                finding.order_id,
                finding.raw,
            )
            key = record_key(self._account_id, finding.order_id)
            yield Outgoing(finding.topic, key, self._codec.encode(finding.topic, envelope))
