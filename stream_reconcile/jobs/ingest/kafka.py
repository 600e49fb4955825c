"""Whether Kafka takes our records: looked at every few seconds, since an idle account sends none to tell by."""

from __future__ import annotations

import asyncio

from stream_reconcile.core.errors import KafkaUnreachable, ReconcileError
from stream_reconcile.core.gaps import Entry, GapTracker
from stream_reconcile.jobs.ingest.config import Timing
from stream_reconcile.jobs.ingest.health import IngestHealth
from stream_reconcile.jobs.ingest.metrics import AccountMetrics
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.producer import RecordProducer
from stream_reconcile.log.topics import Topics

_ASK_S = 5.0


class KafkaWatch:
    """Readiness of Kafka as ingest sees it, and the end of a loss that no further frame would show."""

    def __init__(
        self,
        kafka: KafkaConfig,
        topics: Topics,
        producer: RecordProducer[Entry | None],
        tracker: GapTracker,
        timing: Timing,
        health: IngestHealth,
        metrics: AccountMetrics,
    ) -> None:
        self._kafka, self._topic = kafka, topics.trade_updates
        self._producer, self._tracker = producer, tracker
        self._timing, self._health, self._metrics = timing, health, metrics

    async def run(self) -> None:
        """Look for ever."""
        # Not closed at the end: a question may still be under way in its thread. It closes when it is freed.
        admin = await asyncio.to_thread(KafkaAdmin, self._kafka, timeout_s=_ASK_S)
        # Read when they are asked for: a look takes seconds where Kafka stands still, which is when they matter.
        self._metrics.queue_bytes.set_function(lambda: float(self._producer.queued_bytes))
        self._metrics.queue_records.set_function(lambda: float(self._producer.queued_records))
        try:
            while True:
                await self._look(admin)
                await asyncio.sleep(self._timing.kafka_every_s)
        finally:
            self._metrics.queue_bytes.set_function(lambda: 0.0)
            self._metrics.queue_records.set_function(lambda: 0.0)

    async def _look(self, admin: KafkaAdmin) -> None:
        stalled_s = self._producer.stalled_s
        try:
            await asyncio.to_thread(self._takes_records, admin)
            if stalled_s > self._timing.kafka_stalled_s:
                last_error = self._producer.last_error or "no error said"
                raise KafkaUnreachable(f"Kafka has acknowledged nothing for {stalled_s:.0f} s ({last_error})")
        except ReconcileError as error:
            self._health.trouble("kafka", str(error))
            return
        self._health.well("kafka")
        self._tracker.settle()
        self._tracker.resume()

    def _takes_records(self, admin: KafkaAdmin) -> None:
        state = admin.topics([self._topic])[self._topic]
        if state is None:
            raise KafkaUnreachable(f"topic {self._topic} does not exist: run `stream-reconcile check`")
        if state.leaderless:
            raise KafkaUnreachable(
                f"partitions {', '.join(map(str, state.leaderless))} of {self._topic} have no leader: check the brokers"
            )
