"""Frames and session records into the log: verbatim, with a small header, and without ever waiting.

What becomes of each frame is told to the `GapTracker`: taken and acknowledged, or lost, and then a window is due.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable

import structlog

from stream_reconcile.core.gaps import Entry, Fate, GapTracker, usable_time
from stream_reconcile.core.wire.peek import Kind, Peek
from stream_reconcile.jobs.ingest.metrics import AccountMetrics
from stream_reconcile.log.codec import Codec, Envelope
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.producer import Limits, RecordProducer
from stream_reconcile.log.topics import Topics, record_key

log = structlog.get_logger()

_SOURCE = "stream"


class Publisher:
    """Used on the event loop only. `on_loss` is called when frames begin to be lost: a window is due at once."""

    def __init__(
        self,
        account_id: str,
        topics: Topics,
        codec: Codec,
        tracker: GapTracker,
        metrics: AccountMetrics,
        on_loss: Callable[[], None],
    ) -> None:
        self._account_id = account_id
        self._frames_topic, self._sessions_topic = topics.trade_updates, topics.stream_sessions
        self._encode = codec.encode
        self._tracker = tracker
        self._metrics = metrics
        self._on_loss = on_loss
        self._loop = asyncio.get_running_loop()
        self._session_key = record_key(account_id)
        self._session_id = ""
        self._position = 0
        self._producer: RecordProducer[Entry | None] | None = None

    def open(self, kafka: KafkaConfig, limits: Limits) -> RecordProducer[Entry | None]:
        """Start the producer; returns it, to be closed by the caller."""
        self._producer = RecordProducer(kafka, self._delivered, limits=limits)
        return self._producer

    def frame(self, raw: bytes, peek: Peek, received_at_ns: int) -> None:
        """Publish a frame. The hot path: nothing here waits."""
        tracker = self._tracker
        if tracker.session_id != self._session_id:
            self._session_id, self._position = tracker.session_id, 0
        broker_ns = usable_time(peek.timestamp_ns, received_at_ns) if peek.kind is Kind.UPDATE else None
        entry = tracker.read(broker_ns)
        envelope = Envelope(
            self._account_id, self._session_id, self._position, received_at_ns, _SOURCE, peek.event, peek.order_id, raw
        )
        self._position += 1
        self._metrics.frames[peek.kind].inc()
        if self._send(self._frames_topic, record_key(self._account_id, peek.order_id), envelope, entry):
            tracker.taken(entry)
        else:
            was_losing = tracker.losing
            tracker.dropped()
            self._count_loss(began=not was_losing)
        self._metrics.last_frame.set(received_at_ns / 1e9)

    def step(self, session_id: str, event: str, **detail: str) -> None:
        """Publish a step of a session's life. Its loss opens no window: it is no frame."""
        position = self._position if session_id == self._session_id else 0
        raw = json.dumps({"event": event, **detail}).encode()
        envelope = Envelope(self._account_id, session_id, position, time.time_ns(), _SOURCE, event, "", raw)
        if not self._send(self._sessions_topic, self._session_key, envelope, None):
            log.warning("session_record_dropped", step=event, session_id=session_id)

    def _send(self, topic: str, key: bytes, envelope: Envelope, entry: Entry | None) -> bool:
        try:
            value = self._encode(topic, envelope)
        except ValueError as error:
            # The header's fault, never the frame's; the frame counts as lost, and the socket lives on.
            log.error("record_not_encodable", topic=topic, error=type(error).__name__)
            return False
        return self._producer is not None and self._producer.send(topic, key, value, entry)

    def _delivered(self, entry: Entry | None, acknowledged: bool, seconds: float) -> None:
        """In the producer's thread."""
        if entry is None:
            return
        if acknowledged:
            entry.fate = Fate.ACKED
            self._metrics.ack_seconds.observe(seconds)
        else:
            entry.fate = Fate.LOST
            with contextlib.suppress(RuntimeError):  # the loop has ended; the next start opens a window anyway
                self._loop.call_soon_threadsafe(self._lost, entry)

    def _lost(self, entry: Entry) -> None:
        was_losing = self._tracker.losing
        self._tracker.lost(entry)
        self._count_loss(began=not was_losing and self._tracker.losing)

    def _count_loss(self, *, began: bool) -> None:
        self._metrics.frames_lost.inc()
        if began:
            queued = self._producer.queued_bytes if self._producer is not None else 0
            log.error("frames_are_being_lost", account_id=self._account_id, queued_bytes=queued)
            # The same socket goes on under another id. Where the queue is full this record is dropped too.
            self.step(self._session_id, "frames_lost", continued_as=self._tracker.session_id)
            self._on_loss()
