"""Where the program is, made sure by a lock: who comes to a statement that needs what is held waits there, and is seen.

What is held is held past all links, by a session of ours; which process waits is found by its end of the connection.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

import psutil  # type: ignore[import-untyped]  # it has no types
import psycopg

from stream_reconcile.core.errors import EmbeddedError
from stream_reconcile.demo.programs import Program
from support.servers import SCHEMA
from support.waiting import wait_until

from .place import Scene

CAUGHT_WITHIN_S: Final = 120.0
_WAITING: Final = """
SELECT client_port, query FROM pg_stat_activity
WHERE %(holder)s = ANY (pg_blocking_pids(pid)) AND application_name LIKE %(application)s
"""
_IN_LINE: Final = "SELECT count(*) FROM pg_stat_activity WHERE pid = %(pid)s AND wait_event_type = 'Lock'"
_NOT_HELD: Final = """
SELECT (SELECT count(*) FROM stream_cursors WHERE owner = ANY (%(owners)s))
     + (SELECT count(*) FROM leases WHERE owner = ANY (%(owners)s) AND expires_at > clock_timestamp())
"""


class Held:
    """Locks that statements take, held until `release` or the end of the `with` block.

    A claim or a rewind that waits for 5 s ends the session that holds them: they are taken again then.
    """

    def __init__(self, scene: Scene, *statements: str) -> None:
        self._scene, self._statements = scene, statements
        self._looks = _connected(scene, autocommit=True)
        self._holds = _connected(scene)

    def __enter__(self) -> Self:
        self._take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()
        self._looks.close()

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """In the session that holds."""
        cursor = self._holds.execute(statement)
        return cursor.fetchall() if cursor.description else []

    def release(self) -> None:
        """Let them go, and undo what was done."""
        self._holds.close()

    def caught(self, application: str, statement: str, *, within_s: float = CAUGHT_WITHIN_S) -> Program:
        """Wait until a session of a program of ours waits here; `statement` is a part of what it executes."""
        found = wait_until(
            lambda: self._caught(application, statement), timeout=within_s, what=f"{application} at {statement!r}"
        )
        assert found is not None
        return found

    def caught_at_any(self, application: str, *, within_s: float = CAUGHT_WITHIN_S) -> tuple[Program, str]:
        """The same, whatever it executes; and that."""
        found = wait_until(lambda: next(self._waiting(application), None), timeout=within_s, what=application)
        assert found is not None
        return found

    def follow(self, *statements: str) -> Held:
        """Let what waits here have its turn, and hold something else right after it: in line before it goes on."""
        behind = Held(self._scene, *statements)
        thread = threading.Thread(target=behind._take)
        thread.start()
        pid = behind._holds.info.backend_pid

        def in_line() -> bool:
            (row,) = self._looks.execute(_IN_LINE, {"pid": pid}).fetchall()
            return bool(row[0])

        wait_until(in_line, timeout=CAUGHT_WITHIN_S, what="a place in line")
        self.release()
        thread.join(CAUGHT_WITHIN_S)
        assert not thread.is_alive()
        return behind

    def _caught(self, application: str, statement: str) -> Program | None:
        return next((one for one, query in self._waiting(application) if statement in query), None)

    def _waiting(self, application: str) -> Iterator[tuple[Program, str]]:
        try:
            self._holds.execute("SELECT 1")
        except psycopg.OperationalError:
            self._holds.close()
            self._holds = _connected(self._scene)
            self._take()
        values = {"holder": self._holds.info.backend_pid, "application": application}
        for port, query in self._looks.execute(_WAITING, values).fetchall():
            program = program_at(self._scene, "postgres", self._scene.links["postgres"].clients.get(port, 0))
            if program is not None:
                yield program, query

    def _take(self) -> None:
        for statement in self._statements:
            self._holds.execute(statement)


def program_at(scene: Scene, link: str, port: int) -> Program | None:
    """Whose end of a connection to this link has that port; None for what has ended."""
    for program in scene.programs:
        with suppress(psutil.Error, EmbeddedError):
            for each in psutil.Process(program.pid).net_connections("tcp"):
                if each.laddr.port == port and each.raddr and each.raddr.port == scene.links[link].port:
                    return program
    return None


def logged(program: Program, event: str) -> list[dict[str, Any]]:
    """Lines of the log of this life that are about an event; the last line may be half written."""
    found = []
    for text in program.output.read_text("utf-8", "replace").splitlines():
        with suppress(ValueError):
            line = json.loads(text)
            if isinstance(line, dict) and line.get("event") == event:
                found.append(line)
    return found


def holder_of(scene: Scene, job: str) -> Program:
    """Which program has the lease of a job; waits until one has."""

    def look() -> Program | None:
        query = "SELECT owner FROM leases WHERE job = %(job)s AND expires_at > clock_timestamp()"
        owners = {row["owner"] for row in scene.whole.rows(query, job=job)}
        running = (program for program in scene.programs if program.running)
        return next((one for one in running if owners & _owners(one, f"{job}_lease_acquired")), None)

    found = wait_until(look, timeout=CAUGHT_WITHIN_S, what=f"a holder of the lease of {job}")
    assert found is not None
    return found


def wait_for_takeover(scene: Scene, program: Program) -> None:
    """Until every cursor is another's, and no lease is this program's any more."""
    owners: set[str] = set()
    for event in ("partitions_claimed", "ingest_lease_acquired", "sweep_lease_acquired"):
        owners |= _owners(program, event)
    wait_until(
        lambda: scene.whole.value(_NOT_HELD, owners=[*owners]) == 0,
        timeout=CAUGHT_WITHIN_S,
        what="others to take over",
    )


def _owners(program: Program, event: str) -> set[str]:
    return {line["owner"] for line in logged(program, event)}


def _connected(scene: Scene, *, autocommit: bool = False) -> psycopg.Connection[Any]:
    return psycopg.connect(scene.whole.dsn, options=f"-c search_path={SCHEMA}", autocommit=autocommit)
