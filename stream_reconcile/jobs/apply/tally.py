"""What apply tells of each committed batch: how much there was, and how long its oldest record was on its way."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

import structlog
from confluent_kafka import Message

from stream_reconcile.core.errors import DecodeError
from stream_reconcile.jobs.apply.decode import Decoded
from stream_reconcile.jobs.apply.positions import Positions, Run
from stream_reconcile.log.codec import Codec
from stream_reconcile.metrics import ApplyMetrics
from stream_reconcile.store.batch import Written

log = structlog.get_logger()


class Passage(NamedTuple):
    """The oldest record of a batch, by Kafka's timestamp, and when apply took it up (seconds since the epoch)."""

    message: Message
    consumed: float


def passage(runs: Iterable[Run], positions: Positions) -> Passage | None:
    """Of the records that are applied for the first time; None where there are none: a rewind brings old ones."""
    consumed = time.time()
    # Offsets grow with time, nearly: the first of each partition will do, and costs nothing.
    firsts = [
        messages[0]
        for partition, messages in runs
        if (messages[0].offset() or 0) >= positions.max_offset(partition) and messages[0].timestamp()[1] > 0
    ]
    if not firsts:
        return None
    return Passage(min(firsts, key=lambda message: message.timestamp()[1]), consumed)


class Tally:
    """Counts committed work only."""

    def __init__(self, metrics: ApplyMetrics, codec: Codec) -> None:
        self._metrics, self._codec = metrics, codec

    def committed(
        self, decoded: Decoded, written: Written, passed: Passage | None, *, records: int, seconds: float
    ) -> None:
        """One batch of `records` records was committed just now, `seconds` after its first statement."""
        metrics = self._metrics
        metrics.batch_committed(records=records, seconds=seconds)
        metrics.events.inc(written.events + written.duplicates)
        metrics.duplicates.inc(written.duplicates)
        metrics.no_statement.add(decoded.no_statement)
        metrics.unknown_events.add(decoded.unknown_events)
        metrics.unknown_statuses.add(decoded.unknown_statuses)
        metrics.unknown_fields.add(decoded.unknown_fields)
        for letter in written.dead_letters:
            metrics.dead_letters.add({letter.reason: 1})
            log.warning("dead_letter", place=letter.place, reason=letter.reason)
        if passed is not None:
            metrics.stages_passed(
                received=self._received(passed.message),
                produced=passed.message.timestamp()[1] / 1e3,
                consumed=passed.consumed,
                committed=time.time(),
            )

    def _received(self, message: Message) -> float | None:
        """When a frame was received, in seconds since the epoch; None for a record that is none, or can't be read."""
        try:
            envelope = self._codec.decode(message.topic() or "", message.value())
        except DecodeError:
            return None
        # What a sweep has read waits for its comparison first, and is published only if it differs.
        return envelope.received_at_ns / 1e9 if envelope.source == "stream" else None
