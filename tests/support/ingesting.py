"""Ingest run by a test: short waits, everything it did at hand."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from confluent_kafka import Consumer, Message, TopicPartition
from prometheus_client import CollectorRegistry
from psycopg.rows import dict_row

from stream_reconcile.broker.stream import Waits
from stream_reconcile.core.reconnect import Pace
from stream_reconcile.core.session import End
from stream_reconcile.core.session import Timing as SessionTiming
from stream_reconcile.jobs.ingest import IngestConfig, IngestMetrics, Timing, run_ingest
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.codec import Envelope, SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topic_check import TopicPlan, ensure_topics
from stream_reconcile.log.topics import Partition, Topics
from stream_reconcile.web.readiness import Readiness
from support.servers import SCHEMA
from support.waiting import wait_until_async

QUICK = Timing(
    waits=Waits(SessionTiming(open_s=3, auth_s=3, listen_s=3, ping_every_s=2, pong_within_s=3), close_s=1),
    lease_s=6,
    renew_every_s=0.3,
    acquire_every_s=0.2,
    account_unanswered_s=0.3,
    record_every_s=0.1,
    kafka_every_s=0.3,
    kafka_stalled_s=1,
    database_s=2,
    flush_s=5,
    recycle_check_s=0.1,
    usual_pace=Pace(0.05, 0.2, 0.5),
    paces={End.CREDENTIALS_REFUSED: Pace(120, 240, 900), End.RATE_LIMITED: Pace(0.1, 0.2, 0.5)},
)

PARTITIONS = 3
"""Of each topic that `make_topics` makes: each takes Kafka some work and files."""


def make_topics(kafka: str, prefix: str, *, partitions: int = PARTITIONS) -> Topics:
    """All topics under `prefix`."""
    topics = Topics(prefix + ".")
    with KafkaAdmin(KafkaConfig(kafka)) as admin:
        ensure_topics(admin, topics, TopicPlan(partitions=partitions))
    return topics


@dataclass
class Ingesting:
    """One run of the job. Blocking methods are for threads: `await asyncio.to_thread(…)`."""

    config: IngestConfig
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    readiness: Readiness = field(default_factory=Readiness)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    task: asyncio.Task[None] | None = None

    def metric(self, name: str, **labels: str) -> float:
        """Sum of all samples of `reconcile_ingest_<name>` with these labels."""
        wanted = f"reconcile_ingest_{name}"
        samples = [sample for metric in self.registry.collect() for sample in metric.samples if sample.name == wanted]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def why(self, part: str) -> str | None:
        """Why a part is not ready; None if it is."""
        status = self.readiness.statuses().get(part)
        return "nothing said yet" if status is None else None if status.ready else status.why

    async def listening(self) -> None:
        """Wait until the subscription is granted and all that is due about it is written."""

        def settled() -> bool:
            assert self.task is not None
            if self.task.done():
                self.task.result()
            return self.metric("connected") == 1 and self.metric("gap_window_due") == 0 and self.readiness.is_ready()

        await wait_until_async(settled, timeout=40, what="ingest to listen")

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Rows of a query in the schema."""
        options = f"-c search_path={SCHEMA}"
        with psycopg.connect(self.config.dsn, options=options, row_factory=dict_row, autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def gaps(self) -> list[dict[str, Any]]:
        """All windows, oldest first."""
        return self.rows("SELECT * FROM stream_gaps ORDER BY opened_at")

    def sessions(self) -> list[dict[str, Any]]:
        """All sessions, oldest first."""
        return self.rows("SELECT * FROM stream_sessions ORDER BY opened_at")

    def frames(self) -> list[Envelope]:
        """All records of the frames' topic, by session and position."""
        return self._read(self.config.topics.trade_updates)

    def steps(self) -> list[Envelope]:
        """All session records, in the order of their time."""
        return sorted(self._read(self.config.topics.stream_sessions), key=lambda record: record.received_at_ns)

    def _read(self, topic: str) -> list[Envelope]:
        codec = SingleObjectCodec(self.config.topics)
        # A Kafka that was just woken on a busy machine takes its time.
        with KafkaAdmin(self.config.kafka, timeout_s=45) as admin:
            state = admin.topics([topic])[topic]
            assert state is not None, topic
            partitions = [Partition(topic, number) for number in range(state.partitions)]
            ends = admin.end_offsets(partitions)
        consumer = Consumer({**self.config.kafka.consumer("none"), "auto.offset.reset": "earliest"})
        found: list[Envelope] = []
        try:
            consumer.assign([TopicPartition(*partition, 0) for partition in partitions])
            # On to where nothing comes for a moment: of what comes meanwhile, some partitions have more than others.
            messages: list[Message] = []
            give_up = time.monotonic() + 45
            while len(found) < sum(ends.values()) or messages:
                assert time.monotonic() < give_up, "records keep coming"
                messages = consumer.consume(5_000, 0.3)
                for message in messages:
                    assert message.error() is None
                    found.append(codec.decode(topic, message.value()))
        finally:
            consumer.close()
        return sorted(found, key=lambda record: (record.stream_id, record.position))


def config_for(broker: Any, dsn: str, kafka: str, topics: Topics, **changes: Any) -> IngestConfig:
    """Ingest of a stub or a simulator; `timing` changes single waits of QUICK."""
    timing = replace(QUICK, **changes.pop("timing", {}))
    values: dict[str, Any] = {
        "key_id": getattr(broker, "key", "KEY"),
        "secret_key": getattr(broker, "secret", "SECRET"),
        "base_url": broker.base_url,
        "stream_url": broker.stream_url,
        "dsn": dsn,
        "schema": SCHEMA,
        "kafka": KafkaConfig(kafka),
        "topics": topics,
        "timing": timing,
    }
    return IngestConfig(**(values | changes))


@contextlib.asynccontextmanager
async def ingesting(config: IngestConfig) -> AsyncIterator[Ingesting]:
    """The job, running; stopped in order at the end. What it raised is raised when it is awaited or at the end."""
    run = Ingesting(config)
    metrics = IngestMetrics(run.registry)
    codec = SingleObjectCodec(config.topics)
    run.task = asyncio.create_task(run_ingest(config, codec, stop=run.stop, health=run.readiness, metrics=metrics))
    try:
        yield run
    finally:
        died = run.task.done()
        run.stop.set()
        await asyncio.wait_for(asyncio.wait({run.task}), 30)
        if died:
            # What ended the job says more than a wait that was in vain because of it.
            run.task.result()
    run.task.result()
