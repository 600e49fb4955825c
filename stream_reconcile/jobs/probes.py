"""Are the servers there? What readiness asks every few seconds; each question bounded, on a connection that is kept."""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from stream_reconcile.core.errors import CredentialsRefused, KafkaUnreachable, LeftBehind, PostgresUnreachable
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.connect import connect, redact_dsn
from stream_reconcile.store.failures import is_transient
from stream_reconcile.store.migrations import require_current

ASK_S = 5.0


class PostgresProbe:
    """Postgres answers, and has a schema that this program can work with: as new as it, or newer. For one thread."""

    def __init__(self, dsn: str, schema: str) -> None:
        self._dsn, self._schema = dsn, schema
        self._connection: psycopg.Connection | None = None

    def __call__(self) -> None:
        """Raise PostgresUnreachable, CredentialsRefused or SchemaMismatch (LeftBehind) unless all is well."""
        try:
            if self._connection is None:
                self._connection = connect(
                    self._dsn, self._schema, name="stream-reconcile probe", statement_timeout_ms=round(ASK_S * 1000)
                )
            require_current(self._connection, self._schema)
        except psycopg.Error as error:
            self._drop()
            if not is_transient(error):
                raise
            raise PostgresUnreachable(
                f"Postgres at {redact_dsn(self._dsn)} does not answer ({type(error).__name__}): is it running?"
            ) from None
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class KafkaProbe:
    """Kafka answers, and every partition of our topics has a leader. For one thread."""

    def __init__(self, kafka: KafkaConfig, topics: Topics) -> None:
        self._kafka, self._topics = kafka, topics
        self._admin: KafkaAdmin | None = None

    def __call__(self) -> None:
        """Raise KafkaUnreachable, CredentialsRefused or RefusedError unless all is well."""
        if self._admin is None:
            self._admin = KafkaAdmin(self._kafka, timeout_s=ASK_S)
        for name, state in self._admin.topics(self._topics.all).items():
            if state is None:
                raise KafkaUnreachable(f"topic {name} does not exist: start a job that reads or writes it, it makes it")
            if state.leaderless:
                numbers = ", ".join(map(str, state.leaderless))
                raise KafkaUnreachable(
                    f"topic {name} has no leader for partition {numbers}: start the Kafka brokers that hold it"
                )


def counting_refusals(probe: Callable[[], None], refused: Callable[[], None]) -> Callable[[], None]:
    """`probe`, which tells `refused` of each CredentialsRefused before it raises it."""

    def look() -> None:
        try:
            probe()
        except CredentialsRefused:
            refused()
            raise

    return look


def telling_of_the_end(probe: Callable[[], None], left_behind: Callable[[LeftBehind], None]) -> Callable[[], None]:
    """`probe`, which tells `left_behind` that this version can't go on before it raises that."""

    def look() -> None:
        try:
            probe()
        except LeftBehind as error:
            left_behind(error)
            raise

    return look
