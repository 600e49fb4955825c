"""A real Kafka and a real Postgres: started, stopped, killed, resumed with their data, and what stands in the way."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from stream_reconcile.core.errors import EmbeddedError
from stream_reconcile.embedded import EmbeddedKafka, EmbeddedPostgres, EmbeddedServers
from stream_reconcile.embedded.obstacles import find_port, port_is_free
from support.waiting import wait_until

QUIET = {"log_level": 0}  # librdkafka reports every lost connection of a broker that a test stops


def _produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", **QUIET})
    failures: list[object] = []
    producer.produce(topic, value, on_delivery=lambda error, _message: failures.extend([error] if error else []))
    assert producer.flush(30) == 0
    assert failures == []


def _values(bootstrap: str, topic: str, wanted: int) -> list[bytes]:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "reader", "auto.offset.reset": "earliest", **QUIET}
    )
    values: list[bytes] = []

    def enough() -> bool:
        values.extend(message.value() or b"" for message in consumer.consume(10, 0.1) if message.error() is None)
        return len(values) >= wanted

    try:
        consumer.subscribe([topic])
        wait_until(enough, timeout=30, what=f"{wanted} records")
    finally:
        consumer.close()
    return values


def _make_topic(bootstrap: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
    admin.create_topics([NewTopic(topic, 1)])[topic].result(30)


def test_a_first_start_cut_short_is_begun_again_and_both_resume_on_other_ports(server_directory: Path) -> None:
    for half in ("kafka/log.partial", "postgres/data.partial"):
        (server_directory / half).mkdir(parents=True)
        (server_directory / half / "meta.properties").write_text("version=1\n", encoding="utf-8")
    with EmbeddedServers(server_directory) as servers:
        first = servers.addresses
        _make_topic(first.bootstrap_servers, "kept")
        _produce(first.bootstrap_servers, "kept", b"one")
        with psycopg.connect(first.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    assert not servers.kafka.running
    assert not servers.postgres.running
    with EmbeddedServers(server_directory) as again:
        assert again.addresses != first
        _produce(again.addresses.bootstrap_servers, "kept", b"two")
        assert _values(again.addresses.bootstrap_servers, "kept", 2) == [b"one", b"two"]
        with psycopg.connect(again.addresses.database_url) as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_kafka_can_be_paused_and_killed_and_starts_on_its_port(own_kafka: EmbeddedKafka) -> None:
    bootstrap = own_kafka.bootstrap_servers
    _make_topic(bootstrap, "events")
    _produce(bootstrap, "events", b"before")
    os.kill(own_kafka.pid, signal.SIGSTOP)
    os.kill(own_kafka.pid, signal.SIGCONT)
    _produce(bootstrap, "events", b"after the pause")
    own_kafka.kill()
    assert not own_kafka.running
    assert own_kafka.start() == bootstrap
    _produce(bootstrap, "events", b"after the kill")
    assert _values(bootstrap, "events", 3) == [b"before", b"after the pause", b"after the kill"]


def test_postgres_can_be_killed_and_restarted_on_its_port(own_postgres: EmbeddedPostgres) -> None:
    dsn = own_postgres.dsn
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (run text)")
        connection.execute("INSERT INTO kept VALUES ('before')")
        own_postgres.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert own_postgres.start() == dsn
    assert own_postgres.restart() == dsn
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT run FROM kept").fetchone() == ("before",)


def test_postgres_needs_its_password_and_listens_on_loopback_only(own_postgres: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(own_postgres.dsn, password="wrong", connect_timeout=5)
    with psycopg.connect(own_postgres.dsn) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
    assert (own_postgres.data_dir / "password").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_postgres_of_root_without_namespaces_runs_as_nobody(
    server_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedPostgres(server_directory / "postgres") as server:
        assert (server.data_dir / "data").stat().st_uid == 0
    monkeypatch.setattr("stream_reconcile.embedded.root._namespace_allowed", lambda: False)
    with EmbeddedPostgres(server_directory / "postgres") as server:
        assert (server.data_dir / "data").stat().st_uid != 0
    (server_directory / "private").mkdir(mode=0o700)
    with pytest.raises(EmbeddedError, match="does not run as root, and the user nobody"):
        EmbeddedPostgres(server_directory / "private" / "postgres").start()


@pytest.mark.parametrize("kind", [EmbeddedKafka, EmbeddedPostgres])
def test_a_fixed_port_that_is_taken(kind: type[EmbeddedKafka | EmbeddedPostgres], server_directory: Path) -> None:
    port = find_port()
    server = kind(server_directory, port=port)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(EmbeddedError, match=f"port {port} on .* is taken"):
        server.start()
    assert not server.running
    if kind is EmbeddedPostgres:  # nothing was left locked; Kafka's way is the same and takes seconds
        server.start()
        assert not port_is_free(port)
        server.stop()


@pytest.mark.parametrize("kind", [EmbeddedKafka, EmbeddedPostgres, EmbeddedServers])
def test_a_full_disk(kind: type[EmbeddedKafka | EmbeddedPostgres | EmbeddedServers], server_directory: Path) -> None:
    server = kind(server_directory, read_free=lambda _directory: 99_000_000)
    with pytest.raises(EmbeddedError, match=r"not enough disk space for .* MB needed, 99 MB free"):
        server.start()
    assert {path.name for path in server_directory.iterdir()} == {"lock"}


def test_a_file_in_place_of_the_data_directory(server_directory: Path) -> None:
    (server_directory / "data").write_text("in the way", encoding="utf-8")
    with pytest.raises(EmbeddedError, match="cannot write to the data directory"):
        EmbeddedServers(server_directory / "data").start()


def test_half_written_data_are_refused_with_a_way_out(server_directory: Path) -> None:
    kafka, postgres = server_directory / "kafka", server_directory / "postgres"
    (kafka / "log").mkdir(parents=True)
    (kafka / "log" / "meta.properties").write_text("version=1\n", encoding="utf-8")
    with pytest.raises(EmbeddedError, match=r"Kafka's data in .* are half-written or damaged .*move it away"):
        EmbeddedKafka(kafka).start()
    (postgres / "data").mkdir(parents=True)
    (postgres / "data" / "PG_VERSION").write_text("18\n", encoding="utf-8")
    with pytest.raises(EmbeddedError, match=r"Postgres's data in .* are half-written or damaged .*move it away"):
        EmbeddedPostgres(postgres).start()


def test_a_server_that_cannot_start_shows_what_it_said(server_directory: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"(?s)Kafka did not start; the end of .*output\.log:.*no\.such\.class"):
        EmbeddedKafka(server_directory / "kafka", properties={"authorizer.class.name": "no.such.class"}).start()
    with pytest.raises(
        EmbeddedError, match=r'(?s)Postgres did not start; .*unrecognized configuration parameter "nope"'
    ):
        EmbeddedPostgres(server_directory / "postgres", settings={"nope": "1"}).start()


def test_a_stale_pid_file_does_not_stop_postgres(server_directory: Path) -> None:
    with EmbeddedPostgres(server_directory) as server:
        pid_file = server.data_dir / "data" / "postmaster.pid"
        shutil.copy(pid_file, server_directory / "stale")
    lines = (server_directory / "stale").read_text(encoding="utf-8").splitlines()
    lines[0] = str(os.getppid())  # a live process that is no Postgres: the pid was given to another program
    pid_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    server.start()
    server.stop()
