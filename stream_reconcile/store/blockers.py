"""Ending the sessions that keep a claim or a rewind waiting (DESIGN §3).

No time limit of Postgres's own ends a client that was stopped inside a COPY, and it gives up no lock.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

import psycopg
import structlog

from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.store.connect import connect
from stream_reconcile.store.queries import load

log = structlog.get_logger()

BLOCKED_FOR_S: Final = 5.0
"""A claim or rewind that has waited this long ends the sessions that block it."""


@contextlib.contextmanager
def ending_blockers(connection: psycopg.Connection, *, dsn: str, schema: str, what: str) -> Iterator[None]:
    """While the body waits longer than `BLOCKED_FOR_S`, end what blocks `connection`, each second until it is through.

    `what` names who waits (`claim`, `rewind`), in the log and in `pg_stat_activity`.
    """
    done = threading.Event()
    pid = connection.info.backend_pid
    end_blockers = load("cursors.sql")["end_blockers"]

    def watch() -> None:
        wait = BLOCKED_FOR_S
        while not done.wait(wait):
            wait = 1.0
            try:
                with connect(dsn, schema, name=f"stream-reconcile {what}", statement_timeout_ms=5_000) as other:
                    ended = other.execute(end_blockers, {"pid": pid}).rowcount
                log.warning("ended_blocking_sessions", waiting=what, sessions=ended)
            except (psycopg.Error, ReconcileError) as error:
                log.warning("cannot_end_blocking_sessions", waiting=what, error=type(error).__name__)

    thread = threading.Thread(target=watch, name=f"{what}-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=10)
