"""One socket after another, as long as the lease is held: connect, listen, wait, connect again."""

from __future__ import annotations

import asyncio
import random
import time

import structlog

from stream_reconcile.broker.stream import Ended, StreamSocket, StreamTarget
from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.core.gaps import GapTracker
from stream_reconcile.core.lifecycle import STATUSES
from stream_reconcile.core.reconnect import Backoff, may_recycle
from stream_reconcile.core.session import Authorized, End, Listening
from stream_reconcile.core.wire.peek import Kind, Peek
from stream_reconcile.jobs.ingest.config import Timing
from stream_reconcile.jobs.ingest.database import Database
from stream_reconcile.jobs.ingest.health import IngestHealth
from stream_reconcile.jobs.ingest.metrics import AccountMetrics
from stream_reconcile.jobs.ingest.publish import Publisher
from stream_reconcile.jobs.ingest.record import Recorder
from stream_reconcile.store import sessions

log = structlog.get_logger()

_TERMINAL = tuple(name for name, status in STATUSES.items() if status.terminal)

# What a person can do about an end, where waiting alone is not the answer.
_ADVICE = {
    End.CREDENTIALS_REFUSED: "the broker refused the key: check APCA_API_KEY_ID and APCA_API_SECRET_KEY",
    End.NOT_GRANTED: "the broker did not grant trade_updates to this key",
    End.RATE_LIMITED: "the broker answers HTTP 429: another connection of this account holds the stream",
    End.CONNECTION_LIMIT: "another connection of this account holds the stream",
}


class Connector:
    """Sockets for one account. `end` stops it; `run` returns then."""

    def __init__(
        self,
        target: StreamTarget,
        account_id: str,
        tracker: GapTracker,
        publisher: Publisher,
        recorder: Recorder,
        database: Database,
        timing: Timing,
        health: IngestHealth,
        metrics: AccountMetrics,
    ) -> None:
        self._target, self._account_id = target, account_id
        self._tracker, self._publisher, self._recorder, self._database = tracker, publisher, recorder, database
        self._timing, self._health, self._metrics = timing, health, metrics
        self._backoff = Backoff(random.random, paces=timing.paces, usual=timing.usual_pace)
        self._ending: End | None = None
        self._ended = asyncio.Event()
        self._socket: StreamSocket | None = None
        self._stream_id = ""
        self._listening_at: float | None = None
        self._quiet_since = 0.0

    def end(self, end: End) -> None:
        """Close the socket and open no other."""
        self._ending = self._ending or end
        self._ended.set()
        if self._socket is not None:
            self._socket.end(self._ending)

    def reconnect(self) -> None:
        """A sweep has found that this socket carries nothing: take another."""
        if self._socket is not None and self._listening_at is not None:
            self._socket.end(End.MUTE)

    async def run(self) -> None:
        """Connect again and again until `end`."""
        recycling = asyncio.create_task(self._recycle_idle_sockets())
        try:
            while self._ending is None:
                ended = await self._one_socket()
                if self._ending is None:
                    await self._pause(ended)
        finally:
            recycling.cancel()
            await asyncio.gather(recycling, return_exceptions=True)

    async def _one_socket(self) -> Ended:
        self._stream_id = self._tracker.connecting()
        self._publisher.step(self._stream_id, "opened")
        self._socket = StreamSocket(self._target, self._frame, self._step, waits=self._timing.waits)
        try:
            ended = await self._socket.run()
        finally:
            self._socket = None
            self._listening_at = None
            self._metrics.connected.set(0)
        self._tracker.disconnected(ended.end.value)
        self._publisher.step(self._tracker.session_id, "closed", reason=ended.end.value, detail=ended.detail)
        self._metrics.sessions_ended[ended.end].inc()
        self._recorder.hurry()
        return ended

    async def _pause(self, ended: Ended) -> None:
        delay_s = self._backoff.delay_s(ended.end, time.monotonic_ns())
        why = (
            _ADVICE.get(ended.end)
            or f"the stream ended ({ended.end.value}{', ' if ended.detail else ''}{ended.detail})"
        )
        if ended.end is not End.RECYCLED:
            self._health.broker_is_away(f"{why}; next attempt within {delay_s:.0f} s")
        log.warning(
            "stream_ended",
            account_id=self._account_id,
            stream_id=self._stream_id,
            reason=ended.end.value,
            detail=ended.detail,
            retry_in_s=round(delay_s, 1),
        )
        try:
            async with asyncio.timeout(delay_s):
                await self._ended.wait()
        except TimeoutError:
            return

    def _frame(self, raw: bytes, peek: Peek, received_at_ns: int) -> None:
        if peek.kind is Kind.UPDATE:
            self._quiet_since = time.monotonic()
        self._publisher.frame(raw, peek, received_at_ns)

    def _step(self, step: Authorized | Listening) -> None:
        if isinstance(step, Authorized):
            self._publisher.step(self._tracker.session_id, "authorized")
            return
        self._tracker.listening()
        self._backoff.listening(time.monotonic_ns())
        self._listening_at = self._quiet_since = time.monotonic()
        self._publisher.step(self._tracker.session_id, "listening")
        self._metrics.connected.set(1)
        self._health.broker_is_there()
        self._recorder.hurry()
        log.info("stream_listening", account_id=self._account_id, stream_id=self._tracker.session_id)

    async def _recycle_idle_sockets(self) -> None:
        while True:
            await asyncio.sleep(self._timing.recycle_check_s)
            # Asked twice: the database is only bothered when the socket itself is idle and old enough.
            if self._may_recycle(open_orders=False) and self._may_recycle(open_orders=await self._open_orders()):
                self._socket.end(End.RECYCLED) if self._socket is not None else None

    def _may_recycle(self, *, open_orders: bool | None) -> bool:
        if self._listening_at is None:
            return False
        now = time.monotonic()
        return may_recycle(
            open_orders=open_orders,
            quiet_s=now - self._quiet_since,
            age_s=now - self._listening_at,
            quiet_limit_s=self._timing.recycle_quiet_s,
            every_s=self._timing.recycle_every_s,
        )

    async def _open_orders(self) -> bool | None:
        account_id = self._account_id
        try:
            return await self._database.call(
                lambda connection: sessions.has_open_orders(connection, account_id, _TERMINAL)
            )
        except ReconcileError as error:
            log.info("open_orders_unknown", account_id=account_id, why=str(error))
            return None
