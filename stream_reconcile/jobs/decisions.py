"""Decisions to the log and back: what the trading loop decided is copied, and a restored database takes it back.

    lead ─▶ take back what the log has and this database has not seen ─▶ copy what changed, again and again
      ▲                                                                     │ Postgres or Kafka broke off
      └─────────────────────────────────────────────────────────────────────┘

A database that was restored from an older backup knows less of the topic than the topic holds: `next_offsets` of
`decision_copies` are behind its end. So taking back is part of every start, and as a rule has nothing to do. One
session of the database copies at a time, and one that falls silent is ended, so that another can; two would do no harm,
for each record states a whole row, and of several the one that knows most is taken back.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import psycopg
import structlog
from prometheus_client import CollectorRegistry, Counter

from stream_reconcile.core.decision_copy import DecisionCopy, from_bytes, to_bytes
from stream_reconcile.core.errors import DecodeError, KafkaUnreachable, PostgresUnreachable, ReconcileError, WireError
from stream_reconcile.log.acked import AckedProducer, Outgoing
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.codec import Codec, Envelope
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.reader import LogReader, all_of
from stream_reconcile.log.topics import Partition, Topics, record_key
from stream_reconcile.store.connect import connect
from stream_reconcile.store.decision_copies import (
    BEGINNING,
    Progress,
    Watermark,
    changed_since,
    lead,
    note_progress,
    progress,
    restore,
)
from stream_reconcile.store.failures import is_transient

log = structlog.get_logger()

Report = Callable[[bool, str], None]
_STRETCH: Final = 20_000
"""Records held at once while decisions are taken back."""


class DecisionMetrics:
    """What the job counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.copied = Counter(
            "reconcile_decisions_copied",
            "Records written to the topic of decisions: one for each change of a decision.",
            registry=registry,
        )
        self.restored = Counter(
            "reconcile_decisions_restored",
            "Decisions that this database did not have, and that were taken back from the log.",
            registry=registry,
        )


@dataclass(frozen=True, slots=True)
class DecisionsConfig:
    """What the job needs to know; times in seconds. `overlap_s`: longer than a program's transaction may take.
    `silent_s`: after so long without a word to Postgres another process copies; longer than `publish_s`."""

    dsn: str = field(repr=False)
    schema: str
    kafka: KafkaConfig
    topics: Topics
    group: str = "stream-reconcile"
    """Only named, never joined: one that our user may name."""
    every_s: float = 1.0
    stand_by_s: float = 2.0
    overlap_s: float = 60.0
    publish_s: float = 60.0
    silent_s: float = 90.0
    retry_s: float = 1.0
    most_retry_s: float = 60.0


def run_decision_copies(
    config: DecisionsConfig,
    new_codec: Callable[[], Codec],
    *,
    stop: threading.Event,
    report: Report,
    metrics: DecisionMetrics,
) -> None:
    """Copy until `stop` is set. What is away is waited for with backoff, and shows in `report`."""
    failures = 0
    while not stop.is_set():
        began = time.monotonic()
        try:
            _Session(config, new_codec(), stop, report, metrics).run()
        except (ReconcileError, psycopg.Error) as error:
            if not isinstance(error, ReconcileError) and not is_transient(error):
                raise
            why = str(error) if isinstance(error, ReconcileError) else str(_broken_off(error))
            failures = 0 if time.monotonic() - began > config.most_retry_s else failures + 1
            report(False, why)
            log.warning("decision_copies_wait", why=why)
            stop.wait(min(config.most_retry_s, config.retry_s * 2 ** min(failures, 8)) * random.uniform(0.5, 1.0))  # noqa: S311 - jitter


def _broken_off(error: psycopg.Error) -> PostgresUnreachable:
    return PostgresUnreachable(f"Postgres broke off ({type(error).__name__}): we connect again")


class _Session:
    """One connection to Postgres, and what is done while it lasts."""

    def __init__(
        self, config: DecisionsConfig, codec: Codec, stop: threading.Event, report: Report, metrics: DecisionMetrics
    ) -> None:
        self._config, self._codec, self._stop = config, codec, stop
        self._report, self._metrics = report, metrics
        self._topic = config.topics.trade_decisions
        self._run_id, self._position = str(uuid.uuid4()), 0
        self._copied: dict[uuid.UUID, DecisionCopy] = {}
        """As they were copied last, as far back as the overlap reaches: those are read again and again."""

    def run(self) -> None:
        config = self._config
        with ExitStack() as stack:
            connection = stack.enter_context(connect(config.dsn, config.schema, name="stream-reconcile decisions"))
            while not lead(connection, silent_s=config.silent_s):
                self._report(True, "")
                if self._stop.wait(config.stand_by_s):
                    return
            admin = stack.enter_context(KafkaAdmin(config.kafka))
            made = self._take_back(connection, admin)
            producer = AckedProducer(config.kafka, limit_s=config.publish_s)
            stack.callback(producer.close)
            if self._stop.is_set():
                return  # what was not taken back must not be noted as known
            stopped = False
            # One round more when told to stop: what was decided a moment ago is in the log before this ends.
            while not stopped:
                stopped = self._stop.is_set()
                made, more = self._copy(connection, admin, producer, made)
                self._report(True, "")
                if not more:
                    self._stop.wait(config.every_s)

    def _take_back(self, connection: psycopg.Connection, admin: KafkaAdmin) -> Progress:
        """Insert the decisions that the log has beyond what is known here."""
        topic_id = admin.topic_ids([self._topic]).get(self._topic)
        if topic_id is None:
            raise KafkaUnreachable(f"topic {self._topic} is not there: `stream-reconcile run` makes it at its start")
        state = admin.topics([self._topic])[self._topic]
        partitions = [Partition(self._topic, number) for number in range(state.partitions if state else 0)]
        marks = admin.watermarks(partitions)
        known = progress(connection, self._topic)
        if known is None or known.topic_id != topic_id:
            known = Progress(topic_id, [], BEGINNING)
        next_offsets, restored = [marks[partition].high for partition in partitions], 0
        for partition in partitions:
            low, high = marks[partition]
            seen = known.next_offsets[partition.partition] if partition.partition < len(known.next_offsets) else 0
            begin = max(low, seen)
            # The newest first, for a decision that is there stays. Each stretch with the one before it: a copy that
            # came late (`core.decision_copy.fuller`) may stand across the border from the one that knows more.
            for end in range(high, begin, -_STRETCH):
                restored += restore(connection, self._read(partition, max(begin, end - 2 * _STRETCH), end))
        if self._stop.is_set():
            return known
        if restored:
            log.warning("decisions_restored", decisions=restored, topic=self._topic)
            self._metrics.restored.inc(restored)
        made = Progress(topic_id, next_offsets, known.watermark)
        note_progress(connection, self._topic, made)
        return made

    def _read(self, partition: Partition, start: int, end: int) -> list[DecisionCopy]:
        """Decisions in a stretch of the topic. Raises KafkaUnreachable."""
        found: list[DecisionCopy] = []
        with LogReader(self._config.kafka, self._config.group, {partition: start}, {partition: end}) as reader:
            for message in all_of(reader, self._stop):
                try:
                    found.append(from_bytes(self._codec.decode(partition.topic, message.value()).raw))
                except (DecodeError, WireError) as error:
                    log.warning("decision_copy_not_readable", offset=message.offset(), why=str(error))
        return found

    def _copy(
        self, connection: psycopg.Connection, admin: KafkaAdmin, producer: AckedProducer, made: Progress
    ) -> tuple[Progress, bool]:
        """One round; how far it came, and whether there may be more at once.

        It begins an overlap before the watermark: a transaction that took long commits a change that is dated there.
        """
        overlap = timedelta(seconds=self._config.overlap_s)
        watermark = Watermark(max(BEGINNING.changed_at, made.watermark.changed_at - overlap), BEGINNING.decision_id)
        changed: list[DecisionCopy] = []
        recent: dict[uuid.UUID, DecisionCopy] = {}
        while True:
            page = changed_since(connection, watermark)
            if not page.copies:
                break
            watermark = page.watermark
            recent |= {copy.decision_id: copy for copy in page.copies}
            changed += [copy for copy in page.copies if self._copied.get(copy.decision_id) != copy]
            if len(changed) >= _STRETCH:
                break
        if changed:
            producer.send_all(self._records(changed))
            self._metrics.copied.inc(len(changed))
            ends = admin.end_offsets([Partition(self._topic, number) for number in range(len(made.next_offsets))])
            next_offsets = [ends[Partition(self._topic, number)] for number in range(len(made.next_offsets))]
            made = Progress(made.topic_id, next_offsets, max(made.watermark, watermark))
            note_progress(connection, self._topic, made)
        self._copied = recent
        return made, len(changed) >= _STRETCH

    def _records(self, copies: list[DecisionCopy]) -> Iterator[Outgoing]:
        for copy in copies:
            envelope = Envelope(
                copy.account_id,
                self._run_id,
                self._position,
                time.time_ns(),
                "database",
                copy.state,
                copy.alpaca_order_id or "",
                to_bytes(copy),
            )
            self._position += 1
            key = record_key(copy.account_id, str(copy.decision_id))
            yield Outgoing(self._topic, key, self._codec.encode(self._topic, envelope))
