"""One Kafka and one Postgres for the whole run, shared by all xdist workers, each started when first asked for.

They belong to the process that starts pytest (with xdist: the controller, which outlives its workers). Workers ask for
them over a Unix socket; `AskController` is their side of it.

RECONCILE_TEST_SERVERS=docker takes containers instead of the embedded servers; a Docker engine has to answer then.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Protocol

import psycopg
import structlog
from confluent_kafka.admin import AdminClient
from psycopg import conninfo, sql

from stream_reconcile.embedded import EmbeddedKafka, EmbeddedPostgres
from stream_reconcile.store.migrations import migrate

SCHEMA = "reconcile"
TEMPLATE = "reconcile_template"

# A session timeout near the least the client allows, so that tests need not wait 10 s for a killed member's partitions.
KAFKA_PROPERTIES = {"group.consumer.session.timeout.ms": "6000", "group.min.session.timeout.ms": "1000"}
# No test pulls the plug of the machine: a killed server loses nothing without fsync.
POSTGRES_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


class Server(Protocol):
    """An embedded server or a container."""

    def start(self) -> str: ...
    def stop(self) -> None: ...


class Servers(Protocol):
    """What fixtures need of the shared servers; each call starts its server if it isn't up yet."""

    def kafka(self) -> str:
        """Bootstrap servers."""

    def postgres(self) -> str:
        """Superuser's DSN."""

    def template(self) -> str:
        """Name of a migrated database to clone."""


class OwnedServers:
    """The servers themselves, in the process that owns them. Thread-safe."""

    def __init__(self) -> None:
        self._directory = traversable_directory("reconcile-tests-")
        self._started: list[Server] = []
        self._addresses: dict[str, str] = {}
        self._locks = {"kafka": threading.Lock(), "postgres": threading.Lock(), "template": threading.Lock()}

    def kafka(self) -> str:
        return self._once("kafka", lambda: self._start(self._new_kafka()))

    def postgres(self) -> str:
        return self._once("postgres", lambda: self._start(self._new_postgres()))

    def template(self) -> str:
        return self._once("template", lambda: self._make_template(self.postgres()))

    def stop(self) -> None:
        for server in self._started:
            server.stop()
        shutil.rmtree(self._directory)

    def _once(self, what: str, make: Callable[[], str]) -> str:
        with self._locks[what]:
            if what not in self._addresses:
                with structlog.testing.capture_logs():  # else they would be printed between pytest's dots
                    self._addresses[what] = make()
            return self._addresses[what]

    def _start(self, server: Server) -> str:
        address = server.start()
        self._started.append(server)
        return address

    def _new_kafka(self) -> Server:
        if _in_docker():
            from support.containers import DockerKafka  # noqa: PLC0415 - slow to import, rarely wanted

            return DockerKafka(KAFKA_PROPERTIES)
        return EmbeddedKafka(self._directory / "kafka", properties=KAFKA_PROPERTIES)

    def _new_postgres(self) -> Server:
        if _in_docker():
            from support.containers import DockerPostgres  # noqa: PLC0415 - slow to import, rarely wanted

            return DockerPostgres(POSTGRES_SETTINGS)
        return EmbeddedPostgres(self._directory / "postgres", settings=POSTGRES_SETTINGS)

    @staticmethod
    def _make_template(server: str) -> str:
        template = create_database(server, TEMPLATE)
        try:
            migrate(template, SCHEMA)
        except BaseException:
            drop_database(server, TEMPLATE)  # the next test to ask shall meet the same error, not a half-made template
            raise
        return TEMPLATE


def delete_topics(kafka: str, prefix: str) -> None:
    """Delete the topics whose names begin so."""
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    made = [name for name in admin.list_topics(timeout=30).topics if name.startswith(prefix)]
    if made:
        for deleted in admin.delete_topics(made, operation_timeout=30).values():
            deleted.result(timeout=30)


def traversable_directory(prefix: str) -> Path:
    """A new directory that every user may enter: tests may run as root, Postgres may not."""
    directory = Path(tempfile.mkdtemp(prefix=prefix))
    directory.chmod(0o755)
    return directory


def _in_docker() -> bool:
    return os.environ.get("RECONCILE_TEST_SERVERS") == "docker"


class Reception:
    """Answers the workers' requests, in the owner. `address` and `key` go to each worker."""

    def __init__(self, servers: OwnedServers) -> None:
        self._servers = servers
        self.key = secrets.token_bytes(16)
        self._listener = Listener(family="AF_UNIX", backlog=16, authkey=self.key)
        self.address = str(self._listener.address)
        threading.Thread(target=self._receive, name="test-servers", daemon=True).start()

    def _receive(self) -> None:
        while True:
            try:
                visitor = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._answer, args=(visitor,), daemon=True).start()

    def _answer(self, visitor: Connection) -> None:
        with visitor as connection:
            wanted: Callable[[], str] = getattr(self._servers, connection.recv())
            try:
                connection.send((True, wanted()))
            except Exception as error:  # noqa: BLE001 - whatever it is, the test that asked shall fail with it
                connection.send((False, f"{type(error).__name__}: {error}"))

    def close(self) -> None:
        self._listener.close()


class AskController:
    """The worker's side: each answer is remembered, so there is one request of a kind in a worker's life."""

    def __init__(self, address: str, key: bytes) -> None:
        self._address = address
        self._key = key
        self._answers: dict[str, str] = {}

    def _ask(self, what: str) -> str:
        if what not in self._answers:
            with Client(self._address, family="AF_UNIX", authkey=self._key) as connection:
                connection.send(what)
                worked, answer = connection.recv()
            if not worked:
                raise RuntimeError(f"the shared test server ({what}) is not to be had: {answer}")
            self._answers[what] = answer
        return self._answers[what]

    def kafka(self) -> str:
        return self._ask("kafka")

    def postgres(self) -> str:
        return self._ask("postgres")

    def template(self) -> str:
        return self._ask("template")


def create_database(server: str, name: str, template: str = "template1") -> str:
    """Create a database on the server at DSN `server`; returns its DSN."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    return conninfo.make_conninfo(server, dbname=name)


@contextlib.contextmanager
def migrated_database(servers: Servers) -> Iterator[str]:
    """DSN (superuser) of a database whose schema `reconcile` is migrated; a clone of a template, so it costs little."""
    server, name = servers.postgres(), f"test_{secrets.token_hex(6)}"
    try:
        yield create_database(server, name, template=servers.template())
    finally:
        drop_database(server, name)


def empty_tables(dsn: str) -> None:
    """Leave a migrated database, of which nothing but rows was changed, as it was made: less work than a new one."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
        connection.execute(f"{others} AND pid <> pg_backend_pid() AND backend_type = 'client backend'")
        of_migrations = ["schema_version", "migration_history"]
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename <> ALL (%s)"
        names = [sql.Identifier(SCHEMA, name) for (name,) in connection.execute(tables, [SCHEMA, of_migrations])]
        looks = (sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(n, name) for n, name in enumerate(names))
        filled = [names[n] for (n,) in connection.execute(sql.SQL(" UNION ALL ").join(looks))]
        if filled:
            connection.execute("SET session_replication_role = replica")  # no trigger of ours has a say in it
            connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(filled)))
        used = "FROM pg_sequences WHERE schemaname = %s AND last_value IS NOT NULL"
        restart = f"SELECT setval(format('%%I.%%I', schemaname, sequencename)::regclass, start_value, false) {used}"
        connection.execute(restart, [SCHEMA])


def drop_database(server: str, name: str) -> None:
    """Drop a database though somebody may still be connected; nothing happens if the server is away."""
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
