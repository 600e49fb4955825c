"""What must stand in Postgres: the lease kept, good_until moved, gap windows written. Never on the way of a frame.

While Postgres is away the socket is kept, as a rule nobody else can take the lease then either; what is due waits, and
good_until stands still. Only the database saying that another holds the lease ends it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog

from stream_reconcile.core.errors import FencedError, ReconcileError
from stream_reconcile.core.gaps import GapTracker, OpenWindow
from stream_reconcile.jobs.ingest.config import Timing
from stream_reconcile.jobs.ingest.database import Database
from stream_reconcile.jobs.ingest.health import IngestHealth
from stream_reconcile.jobs.ingest.metrics import AccountMetrics
from stream_reconcile.store import leases, sessions
from stream_reconcile.store.leases import Lease

log = structlog.get_logger()

_RETRY_S = 1.0


class Recorder:
    """One lease's writes."""

    def __init__(
        self,
        database: Database,
        lease: Lease,
        tracker: GapTracker,
        timing: Timing,
        health: IngestHealth,
        metrics: AccountMetrics,
    ) -> None:
        self._database, self._lease, self._tracker = database, lease, tracker
        self._timing, self._health, self._metrics = timing, health, metrics
        self._due = asyncio.Event()
        self.on_mute: Callable[[], None] = lambda: None
        """Called when a sweep has found that the socket carries nothing."""

    def hurry(self) -> None:
        """Something is due that should not wait for the next round."""
        self._due.set()
        self._show()

    async def keep_lease(self) -> None:
        """Renew the lease for ever; returns only when it is lost."""
        asked_before: datetime | None = None
        known = False
        while True:
            try:
                if not await self._renew():
                    return
                asked = await self._reconnect_asked()
                if known and asked != asked_before:
                    self.on_mute()
                asked_before, known = asked, True
                self._health.well("lease")
                pause = self._timing.renew_every_s
            except ReconcileError as error:
                self._health.trouble("lease", f"the lease can't be renewed: {error}")
                pause = _RETRY_S
            await asyncio.sleep(pause)

    async def keep_record(self) -> None:
        """Write what is due, about each second, for ever; returns only when the lease is lost."""
        verified_at = time.monotonic()
        while True:
            self._due.clear()
            verify = time.monotonic() - verified_at >= self._timing.renew_every_s
            try:
                await self.record(verify=verify)
                verified_at = time.monotonic() if verify else verified_at
                self._health.well("record")
            except FencedError:
                return
            except ReconcileError as error:
                self._health.trouble("record", f"gap windows can't be written: {error}")
            self._show()
            try:
                async with asyncio.timeout(self._timing.record_every_s):
                    await self._due.wait()
            except TimeoutError:
                continue

    async def record(self, *, verify: bool = False) -> None:
        """Write all that is due now; with `verify`, look at the newest row at least.

        Raises FencedError if the lease is lost, PostgresUnreachable, RefusedError.
        """
        tracker, lease = self._tracker, self._lease
        tracker.settle()
        while (write := tracker.next_write(verify=verify)) is not None:
            row = await self._database.call(partial(sessions.perform, lease=lease, write=write))
            if row != write.after:
                log.error("database_is_an_older_copy", account_id=lease.account_id, session_id=row and row.session_id)
                tracker.found(row)
                continue
            tracker.written()
            verify = False
            if isinstance(write, OpenWindow):
                self._metrics.windows[write.reason].inc()
                log.info(
                    "gap_window_opened",
                    account_id=lease.account_id,
                    session_id=write.session_id,
                    reason=write.reason.value,
                    good_until_ns=write.after.good_until_ns,
                )
                self._metrics.windows_open.set(await self._open_windows())

    async def release(self) -> None:
        """Give the lease up, so that another need not wait."""
        lease = self._lease
        await self._database.call(lambda connection: leases.release(connection, lease))

    async def _reconnect_asked(self) -> datetime | None:
        lease = self._lease
        return await self._database.call(lambda connection: leases.reconnect_asked(connection, lease))

    async def _renew(self) -> bool:
        lease, seconds = self._lease, self._timing.lease_s
        return await self._database.call(lambda connection: leases.renew(connection, lease, seconds=seconds))

    async def _open_windows(self) -> int:
        account_id = self._lease.account_id
        return await self._database.call(lambda connection: sessions.open_windows(connection, account_id))

    def _show(self) -> None:
        good_until_ns = self._tracker.good_until_ns
        if good_until_ns is not None:
            self._metrics.good_until.set(good_until_ns / 1e9)
        self._metrics.window_due.set(self._tracker.window_due)
