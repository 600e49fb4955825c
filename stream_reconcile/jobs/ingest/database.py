"""Ingest's way to Postgres: one connection in a thread of its own, so that the socket never waits for it.

A call has a time limit on this side too: a server that is stopped, or a network that swallows packets, obeys none of
Postgres's own timeouts. The limit cuts the connection, which frees the thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import psycopg

from stream_reconcile.core.errors import PostgresUnreachable, RefusedError
from stream_reconcile.store.connect import connect
from stream_reconcile.store.failures import is_transient

Answer = TypeVar("Answer")

_STATEMENT_MS: Final = 5_000
_LOCK_MS: Final = 4_000
_CLOSE_S: Final = 2.0


class Database:
    """Calls run one after another, each with the connection; it is opened when first needed and after each failure."""

    def __init__(self, dsn: str, schema: str, *, name: str, call_s: float) -> None:
        self._dsn, self._schema, self._name, self._call_s = dsn, schema, name, call_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ingest-postgres")
        self._turn = asyncio.Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._guard = threading.Lock()
        self._stuck: asyncio.Future[Any] | None = None

    async def call(self, function: Callable[[psycopg.Connection[Any]], Answer]) -> Answer:
        """Run `function` with the connection, in the thread.

        Raises PostgresUnreachable (no connection, no answer in time, or a failure that may pass), RefusedError (any
        other failure of Postgres), and what `function` itself raises of our own errors.
        """
        async with self._turn:
            if self._stuck is not None and not self._stuck.done():
                raise PostgresUnreachable("Postgres has not ended our last call yet: is it stopped or cut off?")
            work = asyncio.get_running_loop().run_in_executor(self._thread, self._run, function)
            work.add_done_callback(_retrieve)  # its error has been seen, even if we stop waiting for it
            done, _ = await asyncio.wait({work}, timeout=self._call_s)
            if not done:
                self._stuck = work
                self._cut()
                raise PostgresUnreachable(
                    f"Postgres did not answer within {self._call_s:g} s: is it stopped or cut off?"
                )
            return work.result()

    async def close(self) -> None:
        """Close the connection and end the thread; a call under way is cut."""
        closing = asyncio.get_running_loop().run_in_executor(self._thread, self._drop)
        await asyncio.wait({closing}, timeout=_CLOSE_S)
        self._cut()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _run(self, function: Callable[[psycopg.Connection[Any]], Answer]) -> Answer:
        try:
            connection = self._connected()
            return function(connection)
        except psycopg.Error as error:
            self._drop()
            words = type(error).__name__ + (f" {error.sqlstate}" if error.sqlstate else "")
            if is_transient(error):
                raise PostgresUnreachable(f"Postgres broke off ({words}): we connect again") from None
            raise RefusedError(
                f"Postgres refused a statement of ingest ({words}): run `stream-reconcile check`"
            ) from None

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            made = connect(
                self._dsn, self._schema, name=self._name, statement_timeout_ms=_STATEMENT_MS, lock_timeout_ms=_LOCK_MS
            )
            with self._guard:
                self._connection = made
        return self._connection

    def _drop(self) -> None:
        with self._guard:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _cut(self) -> None:
        """Shut the connection's socket under the thread that may be waiting for it."""
        with self._guard:
            if self._connection is None or self._connection.closed:
                return
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)


def _retrieve(work: asyncio.Future[Any]) -> None:
    if not work.cancelled():
        work.exception()
