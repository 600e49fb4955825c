"""The ingest job of one account: find out which account it is, take the lease, hold one websocket, publish all it says.

identify ─▶ stand by ─▶ hold the lease: socket ─▶ Kafka, good_until and windows ─▶ Postgres
   ▲                        │ lease lost: the socket is closed at once
   └────────────────────────┘
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import Awaitable, Iterable
from functools import partial
from typing import Any

import structlog

from stream_reconcile.broker.stream import StreamTarget
from stream_reconcile.core.errors import CredentialsRefused, RateLimited, ReconcileError, WrongAccount
from stream_reconcile.core.gaps import GapTracker
from stream_reconcile.core.reconnect import Backoff
from stream_reconcile.core.session import End
from stream_reconcile.jobs.ingest.account import AccountCheck
from stream_reconcile.jobs.ingest.config import IngestConfig
from stream_reconcile.jobs.ingest.connect import Connector
from stream_reconcile.jobs.ingest.database import Database
from stream_reconcile.jobs.ingest.health import Health, IngestHealth
from stream_reconcile.jobs.ingest.kafka import KafkaWatch
from stream_reconcile.jobs.ingest.metrics import IngestMetrics
from stream_reconcile.jobs.ingest.publish import Publisher
from stream_reconcile.jobs.ingest.record import Recorder
from stream_reconcile.log.codec import Codec
from stream_reconcile.store import accounts, leases, second_writer, sessions
from stream_reconcile.store.leases import Lease

log = structlog.get_logger()


async def run_ingest(
    config: IngestConfig, codec: Codec, *, stop: asyncio.Event, health: Health, metrics: IngestMetrics
) -> None:
    """Ingest until `stop` is set. `codec` is used by this job alone.

    Whatever is away is waited for, with backoff; what refuses us is tried again in minutes; both show in `health`.
    Raises WrongAccount (everything has to stop) and ConfigError (an address that can't be used).
    """
    await _Job(config, codec, stop, health, metrics).run()


class _Job:
    def __init__(
        self, config: IngestConfig, codec: Codec, stop: asyncio.Event, health: Health, metrics: IngestMetrics
    ) -> None:
        self._config, self._codec, self._stop, self._metrics = config, codec, stop, metrics
        self._target = StreamTarget(
            config.stream_url, config.key_id, config.secret_key, allow_plain=config.allow_plain_stream
        )
        self._owner = f"ingest-{uuid.uuid4()}"
        self._health = IngestHealth(health, "" if config.sole_account else config.name)
        name = f"stream-reconcile ingest {config.name}"[:63]
        self._database = Database(config.dsn, config.schema, name=name, call_s=config.timing.database_s)
        self._account = AccountCheck(config, self._database, self._health)
        self._backoff = self._fresh_backoff()
        self._said = ""  # which holder of the lease was told of last

    async def run(self) -> None:
        """Hold the lease again and again until told to stop."""
        try:
            while not self._stop.is_set():
                try:
                    account_id = await self._account.identify()
                    lease = await self._stand_by(account_id)
                    if lease is not None:
                        await self._hold(lease)
                except WrongAccount as error:
                    self._health.trouble("start", str(error))
                    raise
                except ReconcileError as error:
                    await self._wait_out(error)
        finally:
            await self._database.close()

    def _fresh_backoff(self) -> Backoff:
        return Backoff(random.random, paces=self._config.timing.paces, usual=self._config.timing.usual_pace)

    async def _wait_out(self, error: ReconcileError) -> None:
        kinds = ((CredentialsRefused, End.CREDENTIALS_REFUSED), (RateLimited, End.RATE_LIMITED))
        end = next((end for kind, end in kinds if isinstance(error, kind)), End.UNREACHABLE)
        delay_s = self._backoff.delay_s(end, time.monotonic_ns())
        self._health.trouble("start", str(error))
        log.warning("ingest_waits", why=str(error), retry_in_s=round(delay_s, 1))
        await self._sleep(delay_s)

    async def _stand_by(self, account_id: str) -> Lease | None:
        """Wait until the lease is ours; None when told to stop.

        The account is checked all the while: whoever takes over publishes at once, and who had the lease before may
        have ended because another account was behind the key.
        """
        checking = asyncio.create_task(self._account.keep_checking())
        try:
            while not self._stop.is_set():
                lease = await self._try_lease(account_id)
                if checking.done():
                    checking.result()  # raises
                if lease is not None:
                    return lease
                # A standby is ready: it does all that it can do.
                self._health.well("start")
                self._health.broker_is_there()
                await self._sleep(self._config.timing.acquire_every_s * random.uniform(0.7, 1.0))  # noqa: S311 - jitter
            return None
        finally:
            checking.cancel()
            await asyncio.gather(checking, return_exceptions=True)

    async def _try_lease(self, account_id: str) -> Lease | None:
        """The lease, if it can be had. Raises WrongAccount while an F6 of the account is open."""
        timing, owner = self._config.timing, self._owner
        lease = await self._database.call(
            lambda connection: leases.acquire(connection, "ingest", account_id, owner, seconds=timing.lease_s)
        )
        if lease is not None:
            await self._database.call(lambda connection: accounts.refuse_open_f6(connection, account_id))
            log.info("ingest_lease_acquired", account_id=account_id, owner=owner, epoch=lease.epoch)
            return lease
        holder = await self._database.call(lambda connection: leases.holder(connection, "ingest", account_id))
        if holder is not None and holder.owner != self._said:
            self._said = holder.owner
            log.info("ingest_stands_by", account_id=account_id, holder=self._said)
        return None

    async def _hold(self, lease: Lease) -> None:
        config, timing, metrics = self._config, self._config.timing, self._metrics.of(lease.account_id)
        stored = await self._database.call(lambda connection: sessions.newest(connection, lease.account_id))
        tracker = GapTracker(stored, lambda: str(uuid.uuid4()))
        recorder = Recorder(self._database, lease, tracker, timing, self._health, metrics)
        # Before anything is published: from here on whatever was missed lies in a window.
        await recorder.record()
        publisher = Publisher(lease.account_id, config.topics, self._codec, tracker, metrics, recorder.hurry)
        producer = publisher.open(config.kafka, config.limits)
        connector = Connector(
            self._target, lease.account_id, tracker, publisher, recorder, self._database, timing, self._health, metrics
        )
        watch = KafkaWatch(config.kafka, config.topics, producer, tracker, timing, self._health, metrics)
        recorder.on_mute = connector.reconnect
        metrics.lease_held.set(1)
        self._health.broker_is_away("connecting")
        self._health.forget()
        self._backoff = self._fresh_backoff()
        connecting = asyncio.create_task(connector.run())
        keeping = asyncio.create_task(recorder.keep_lease())
        recording = asyncio.create_task(recorder.keep_record())
        helpers: list[asyncio.Task[Any]] = [keeping, recording]
        helpers += map(asyncio.create_task, (watch.run(), self._account.keep_checking(), self._stop.wait()))
        lost = False
        try:
            await asyncio.wait({connecting, *helpers}, return_when=asyncio.FIRST_COMPLETED)
            lost = _returned(keeping) or _returned(recording)
        finally:
            connector.end(End.LEASE_LOST if lost else End.STOPPED)
            for helper in helpers:
                helper.cancel()
            outcomes = await asyncio.gather(connecting, *helpers, return_exceptions=True)
            await asyncio.to_thread(producer.close, timing.flush_s)
            metrics.lease_held.set(0)
            self._health.forget()
        self._raise_faults(outcomes)
        if lost:
            metrics.lease_lost.inc()
            log.error("ingest_lease_lost", account_id=lease.account_id, owner=lease.owner, epoch=lease.epoch)
            await self._quietly(self._database.call(partial(second_writer.note_lease, lease=lease)))
            return
        await self._quietly(recorder.record())
        await self._quietly(recorder.release())

    @staticmethod
    def _raise_faults(outcomes: Iterable[Any]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    @staticmethod
    async def _quietly(ending: Awaitable[None]) -> None:
        """At the end nothing is owed: what could not be written is assumed at the next start."""
        try:
            await ending
        except ReconcileError as error:
            log.info("ingest_end_not_recorded", why=str(error))

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()


def _returned(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
