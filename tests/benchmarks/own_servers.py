"""The benchmark's own Kafka and Postgres, with the defaults of each: durable commits, nothing tuned.

Ours and the floor get databases cloned from one migrated template, on the same two servers, one after the other.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import psycopg
from processes import cpu_s
from psycopg import conninfo

from stream_reconcile.embedded import EmbeddedKafka, EmbeddedPostgres
from stream_reconcile.store.migrations import migrate

SCHEMA = "reconcile"
ACCOUNT = "5d1f6f0e-6f7a-4e0e-9a3c-2f4f6c1c7b11"
_TEMPLATE = "benchmark_template"


class CpuSeconds(NamedTuple):
    """Processor time that the servers have used so far, of all their processes."""

    kafka: float
    postgres: float


class OwnServers:
    """Both servers in a directory that is removed at the end. `long_lived`: as of `EmbeddedKafka`."""

    def __init__(
        self, parent: Path | None, kafka_properties: Mapping[str, str] | None = None, *, long_lived: bool = True
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="reconcile-bench-", dir=parent))
        self.directory.chmod(0o755)  # we may run as root, Postgres may not
        self.kafka = EmbeddedKafka(self.directory / "kafka", properties=kafka_properties, long_lived=long_lived)
        self.postgres = EmbeddedPostgres(self.directory / "postgres")

    def __enter__(self) -> Self:
        try:
            self.kafka.start()
            self.postgres.start()
            migrate(self._create(_TEMPLATE), SCHEMA)
            self._pin_account()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    @contextlib.contextmanager
    def database(self, template: str = _TEMPLATE) -> Iterator[str]:
        """DSN of a fresh database, dropped afterwards; the servers begin with nothing left to write."""
        name = f"benchmark_{uuid.uuid4().hex[:12]}"
        dsn = self._create(name, template)
        try:
            self.execute(self.postgres.dsn, "CHECKPOINT")
            yield dsn
        finally:
            self.execute(self.postgres.dsn, f'DROP DATABASE "{name}" WITH (FORCE)')

    @staticmethod
    def name_of(dsn: str) -> str:
        """Name of the database that a DSN leads to."""
        return str(conninfo.conninfo_to_dict(dsn)["dbname"])

    @contextlib.contextmanager
    def commit_timestamps(self) -> Iterator[None]:
        """Postgres keeps the time of each commit (`track_commit_timestamp`), for ours and the floor alike."""
        self._set_commit_timestamps("on")
        try:
            yield
        finally:
            self._set_commit_timestamps("off")

    def query(self, dsn: str, statement: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of one statement in our schema."""
        with self.connect(dsn) as connection:
            return connection.execute(statement, values).fetchall()

    def execute(self, dsn: str, statement: str) -> None:
        """One statement in our schema, without an answer."""
        with self.connect(dsn) as connection:
            connection.execute(statement)

    @staticmethod
    def connect(dsn: str) -> psycopg.Connection:
        """A connection that sees our schema, in autocommit."""
        return psycopg.connect(dsn, autocommit=True, options=f"-c search_path={SCHEMA}")

    def cpu(self) -> CpuSeconds:
        """Processor time used so far; that of Postgres's ended processes included."""
        return CpuSeconds(cpu_s(self.kafka.pid), cpu_s(self.postgres.pid, with_children=True))

    def _create(self, name: str, template: str = "template1") -> str:
        self.execute(self.postgres.dsn, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return conninfo.make_conninfo(self.postgres.dsn, dbname=name)

    def _pin_account(self) -> None:
        dsn = conninfo.make_conninfo(self.postgres.dsn, dbname=_TEMPLATE)
        self.execute(dsn, f"INSERT INTO accounts (account_id, key_fingerprint) VALUES ('{ACCOUNT}', 'benchmark')")

    def _set_commit_timestamps(self, value: str) -> None:
        self.execute(self.postgres.dsn, f"ALTER SYSTEM SET track_commit_timestamp = {value}")
        self.postgres.restart()

    def _remove(self) -> None:
        self.kafka.stop()
        self.postgres.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
