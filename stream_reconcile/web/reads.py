"""Reading Postgres for HTTP: a few threads, each with a connection of its own, and a limit to who waits for them.

The event loop never waits for Postgres, Postgres never has more than `WORKERS` connections of ours to answer, and a
query that takes too long is ended there.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

import psycopg

from stream_reconcile.core.errors import PostgresUnreachable, RefusedError, SchemaMismatch
from stream_reconcile.store.connect import connect, redact_dsn
from stream_reconcile.store.failures import is_transient
from stream_reconcile.web.problems import Busy, TooSlow

WORKERS: Final = 4
MOST_WAITING: Final = 64
STATEMENT_TIMEOUT_MS: Final = 5_000

_Result = TypeVar("_Result")
_OTHER_SCHEMA: Final = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
)


class Reads:
    """Runs functions of a connection in its threads. `open` from the event loop or any thread; it connects when asked.

    `dsn` and `schema` are those of the installation; the connections are closed by `close`.
    """

    def __init__(self, dsn: str, schema: str, *, workers: int = WORKERS) -> None:
        self._dsn, self._schema = dsn, schema
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="web-read")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._open: set[psycopg.Connection] = set()
        self._waiting = 0
        self._closed = False

    async def __call__(self, read: Callable[[psycopg.Connection], _Result]) -> _Result:
        """`read` of a connection (autocommit). For the event loop.

        Raises Busy, TooSlow, PostgresUnreachable, CredentialsRefused, RefusedError, and what `read` raises.
        """
        return await self.run(partial(self.now, read))

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """Anything else that waits for a server, in the same threads. Raises Busy, and what `work` raises."""
        if self._waiting >= MOST_WAITING:
            raise Busy("too many requests wait for the database: ask again in a moment")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except RuntimeError:
            if not self._closed:
                raise
            raise Busy("this process is about to end: ask again in a moment") from None
        finally:
            self._waiting -= 1

    def now(self, read: Callable[[psycopg.Connection], _Result]) -> _Result:
        """The same in the thread that calls. A connection that broke is opened once more by the next call."""
        connection = self._connection()
        try:
            return read(connection)
        except psycopg.errors.QueryCanceled:
            raise TooSlow(
                f"it took longer than {STATEMENT_TIMEOUT_MS // 1000} s and was given up: ask for less, by account, "
                "symbol, order or a shorter time"
            ) from None
        except _OTHER_SCHEMA as error:
            raise SchemaMismatch(
                f"the schema {self._schema} is not as this version needs it ({error.diag.message_primary}): run "
                "`stream-reconcile migrate`"
            ) from None
        except psycopg.errors.InsufficientPrivilege as error:
            raise RefusedError(
                f"Postgres does not let this login do that ({error.diag.message_primary}): grant it one of the roles "
                "in docs/database.md"
            ) from None
        except psycopg.Error as error:
            self._drop(connection)
            if not is_transient(error):
                raise
            raise PostgresUnreachable(
                f"Postgres at {redact_dsn(self._dsn)} broke off ({type(error).__name__}): try again"
            ) from None

    def close(self) -> None:
        """End the threads; what is under way ends by its own limit. Who asks from now on gets Busy."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            left, self._open = list(self._open), set()
        for connection in left:
            connection.close()

    def _connection(self) -> psycopg.Connection:
        connection: psycopg.Connection | None = getattr(self._own, "connection", None)
        if connection is None or connection.closed:
            if connection is not None:
                self._drop(connection)
            connection = connect(
                self._dsn,
                self._schema,
                name="stream-reconcile web",
                statement_timeout_ms=STATEMENT_TIMEOUT_MS,
                lock_timeout_ms=STATEMENT_TIMEOUT_MS,
            )
            self._own.connection = connection
            with self._lock:
                self._open.add(connection)
        return connection

    def _drop(self, connection: psycopg.Connection) -> None:
        connection.close()
        with self._lock:
            self._open.discard(connection)
