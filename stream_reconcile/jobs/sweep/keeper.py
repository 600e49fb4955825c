"""Keeps the sweep's lease while it works, in a thread and on a connection of its own; ends the work when it is lost."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Final, Self

import psycopg
import structlog

from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.jobs.sweep.config import SweepConfig
from stream_reconcile.store import leases
from stream_reconcile.store.connect import connect
from stream_reconcile.store.leases import Lease

log = structlog.get_logger()

_LOOK_S: Final = 0.1


class LeaseKeeper:
    """Sets `halt` when the lease is lost or `stop` is set. While Postgres is away nobody else can take the lease."""

    def __init__(self, config: SweepConfig, lease: Lease, halt: threading.Event, stop: threading.Event) -> None:
        self._config, self._lease = config, lease
        self._halt, self._stop = halt, stop
        self.lost = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="sweep-lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop renewing."""
        self._closed.set()
        self._thread.join(self._config.timing.lease_s)

    def _keep(self) -> None:
        timing, due = self._config.timing, time.monotonic()
        connection: psycopg.Connection | None = None
        try:
            while not self._closed.wait(_LOOK_S):
                if self._stop.is_set():
                    self._halt.set()
                if time.monotonic() < due:
                    continue
                due = time.monotonic() + timing.renew_every_s
                try:
                    if connection is None or connection.closed:
                        connection = connect(self._config.dsn, self._config.schema, name="stream-reconcile sweep lease")
                    if not leases.renew(connection, self._lease, seconds=timing.lease_s):
                        self.lost = True
                        log.error("sweep_lease_lost", account_id=self._lease.account_id, owner=self._lease.owner)
                        self._halt.set()
                        return
                except (ReconcileError, psycopg.Error) as error:
                    log.warning("sweep_lease_not_renewed", why=type(error).__name__)
                    if connection is not None:
                        connection.close()
                    due = time.monotonic() + 1.0
        finally:
            if connection is not None:
                connection.close()
