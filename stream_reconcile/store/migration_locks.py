"""How a migration waits: for other migrations, and for tables that others use.

Whoever waits for a table's lock in Postgres makes all who come after wait behind it, also those whom the present holder
would not keep out. So a migration waits for half a second, gives up, lets the others through, and tries again.

Waiting for another migration is asking again and again, never one statement that waits: a statement under way has a
snapshot, and the other one's `CREATE INDEX CONCURRENTLY` would wait for that to end.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import psycopg
import stamina
import structlog
from psycopg import errors

_log = structlog.get_logger()

# Any constant will do that nothing else in the database uses: the ASCII bytes of "s-rec mi".
LOCK_KEY: Final = int.from_bytes(b"s-rec mi", "big")
TABLE_LOCK_MS: Final = 500
"""Less than the second after which Postgres looks for deadlocks: of two that wait for each other we give up."""
_ASK_S: Final = (0.1, 0.5)
_AGAIN: Final = (errors.LockNotAvailable, errors.DeadlockDetected)
_HOLDERS: Final = """
SELECT DISTINCT a.application_name || ' (pid ' || a.pid || ')'
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_class c ON c.oid = l.relation AND c.relnamespace = %(schema)s::regnamespace
JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.granted AND a.pid <> pg_catalog.pg_backend_pid() AND l.database = a.datid
ORDER BY 1 LIMIT 5
"""


def be_alone(connection: psycopg.Connection, *, wait_s: float) -> bool:
    """Be the only one to migrate in this database, until the connection ends; False if another does all the while."""
    deadline = time.monotonic() + wait_s
    said = False
    while True:
        row = connection.execute("SELECT pg_catalog.pg_try_advisory_lock(%s)", [LOCK_KEY]).fetchone()
        if row is not None and row[0]:
            return True
        if time.monotonic() >= deadline:
            return False
        if not said:
            _log.info("migration_waits", why="another process migrates")
            said = True
        time.sleep(random.uniform(*_ASK_S))  # noqa: S311 - jitter


def patiently(attempt: Callable[[], None], connection: psycopg.Connection, schema: str, *, wait_s: float) -> None:
    """Call `attempt` until it gets its locks, each time waiting for half a second at most.

    Raises what `attempt` raises; errors of locks only after `wait_s`.
    """

    def is_locked(error: Exception) -> bool:
        if not isinstance(error, _AGAIN):
            return False
        _log.warning("migration_waits", why="tables are in use", by=_holders(connection, schema))
        return True

    for trial in stamina.retry_context(
        on=is_locked, attempts=None, timeout=wait_s, wait_initial=0.5, wait_max=5, wait_jitter=0.5
    ):
        with trial:
            attempt()


def leave_with_the_client(connection: psycopg.Connection) -> None:
    """Have the server end what it does for us, and free its locks, soon after this process is gone."""
    # Not on every system of a server (https://www.postgresql.org/docs/current/runtime-config-connection.html).
    with suppress(errors.InvalidParameterValue, errors.UndefinedObject):
        connection.execute("SET client_connection_check_interval = '1s'")


def _holders(connection: psycopg.Connection, schema: str) -> list[str]:
    """Who has locks on tables of the schema at this moment, as pg_stat_activity calls them."""
    if connection.closed:
        return []
    with suppress(psycopg.Error):
        return [row[0] for row in connection.execute(_HOLDERS, {"schema": schema}).fetchall()]
    return []
