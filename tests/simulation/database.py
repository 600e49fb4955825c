"""Postgres as a model: it knows the named statements of store/sql, and does to the tables what each of them does.

A transaction is one turn, as row locks make it: nobody sees half of it, and an error may come before it or after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, Self

import psycopg

from stream_reconcile.core.errors import PostgresUnreachable
from stream_reconcile.store.queries import load

from .tables import Tables, moment
from .world import Process, World

Statement = Callable[["Database", Mapping[str, Any]], Sequence[tuple[Any, ...]] | None]
_ONLY_READ: Final = frozenset(("hold", "newest", "lock"))
STATEMENTS: Final[dict[str, Statement]] = {}
"""By the text of the statement."""


def statement(file: str, name: str) -> Callable[[Statement], Statement]:
    """Marks what stands for the statement `name` of store/sql/`file`."""

    def mark(function: Statement) -> Statement:
        STATEMENTS[load(file)[name]] = function
        return function

    return mark


class Database:
    """The server. `watch` is told of each transaction that was committed: its process and what it did."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tables = Tables()
        self.down_until_ns = 0
        self.restarts = 0
        self.backup: Tables | None = None
        self.restored = 0
        self.refuse_next: set[str] = set()
        self.unknown_next: set[str] = set()
        self.watch: Callable[[Process, list[str]], None] = lambda _process, _names: None
        self.witness: Any = None

    @property
    def now_ns(self) -> int:
        return self.world.now_ns

    @property
    def now(self) -> datetime:
        return moment(self.world.now_ns)

    @property
    def is_down(self) -> bool:
        return self.world.now_ns < self.down_until_ns

    def connect(self, *_: Any, **__: Any) -> Connection:
        """In place of `store.connect.connect`."""
        self.world.io()
        process = self.world.process
        if self.is_down:
            self.world.pause(0.5)
            raise PostgresUnreachable("the model of Postgres is down")
        if process.name in self.refuse_next:
            self.refuse_next.discard(process.name)
            raise PostgresUnreachable("the model of Postgres refused a connection")
        return Connection(self)

    def stop(self, seconds: float) -> None:
        """Down for so long; every connection is gone."""
        self.down_until_ns = max(self.down_until_ns, self.world.now_ns + int(seconds * 1e9))
        self.restarts += 1

    def restore(self) -> None:
        """Go on from the backup."""
        if self.backup is not None:
            self.tables, self.backup = self.backup, self.backup.copy()
            self.restored += 1
            self.stop(1.0)


class Rows:
    """The result of a statement, in the look of a cursor."""

    def __init__(self, rows: Sequence[tuple[Any, ...]] | None) -> None:
        self.rows = list(rows or ())
        self.description = None if rows is None else True
        self.rowcount = len(self.rows)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def fetchone(self) -> Any:
        return self.rows[0] if self.rows else None

    def fetchall(self) -> list[Any]:
        return self.rows


class Connection:
    """In place of `psycopg.Connection`, in autocommit. Statements outside a transaction are one each."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._restarts = database.restarts
        self._inside = False
        self._done: list[str] = []
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.closed = True

    @property
    def tables(self) -> Tables:
        return self._database.tables

    @property
    def database(self) -> Database:
        return self._database

    def check(self) -> None:
        """Raises what psycopg raises on a connection that is gone."""
        if self.closed or self._restarts != self._database.restarts or self._database.is_down:
            self.closed = True
            raise psycopg.OperationalError("the connection to the model of Postgres is lost")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Nothing else runs within; nested ones are savepoints, of which none is rolled back alone."""
        if self._inside:
            yield
            return
        database = self._database
        database.world.io("transaction")
        self.check()
        self._inside, self._done = True, []
        try:
            yield
        except Exception:
            # A model has no roll-back; what raises here raises before it writes, by the order of its statements.
            assert set(self._done) <= _ONLY_READ, self._done
            raise
        finally:
            self._inside = False
        self.commit(self._done)

    def commit(self, names: list[str]) -> None:
        """Told; then the answer goes back, or gets lost."""
        database = self._database
        database.watch(database.world.process, names)
        database.world.pause(0.0, "done")

    def execute(self, text: str, values: Mapping[str, Any] | None = None, **_: Any) -> Rows:
        done = STATEMENTS.get(text)
        if done is None:
            raise NotImplementedError(f"no model of the statement {text.splitlines()[0]}")
        if self._inside:
            rows = done(self._database, values or {})
            self._done.append(text[3 : text.index("\n")])
            return Rows(rows)
        world = self._database.world
        world.io()
        self.check()
        rows = done(self._database, values or {})
        self._database.watch(world.process, [text[3 : text.index("\n")]])
        return Rows(rows)

    @contextmanager
    def pipeline(self) -> Iterator[None]:
        yield

    @contextmanager
    def cursor(self, **_: Any) -> Iterator[Self]:
        yield self
