"""A Kafka with TLS and logins: what it refuses is said; and a whole run over it, under least rights, whose every word
is searched for secrets."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import requests
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from stream_reconcile.core.errors import ConfigError, CredentialsRefused, KafkaUnreachable, ReconcileError, RefusedError
from stream_reconcile.log.admin import ClusterState, KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig, Property
from stream_reconcile.log.record_times import RecordTimes
from stream_reconcile.log.topic_check import ensure_topics
from stream_reconcile.log.topics import Partition, Topics
from support.certificates import Authority
from support.command import running, simulated_broker, stream_reconcile
from support.logins import temporary_logins
from support.secure_servers import PASSWORD, SecureKafka, secure_kafka
from support.servers import traversable_directory
from support.tls_front import TlsFront
from support.told import every_record, every_row, what_http_tells, what_the_system_tells
from support.waiting import wait_until

TOKEN = f"http-token-{secrets.token_hex(8)}"
COMMANDS = (("status", "--json"), ("check", "--json"))


@pytest.fixture(scope="module")
def kafka_with_logins() -> Iterator[SecureKafka]:
    with secure_kafka(traversable_directory("secure-kafka-")) as server:
        yield server


def answer(servers: str, properties: dict[str, Property]) -> ClusterState | ReconcileError:
    try:
        with KafkaAdmin(KafkaConfig(servers, properties), timeout_s=4) as admin:
            return admin.cluster()
    except ReconcileError as error:
        return error


def test_tls_and_logins_let_in_whom_they_should_and_say_why_not(kafka_with_logins: SecureKafka) -> None:
    kafka = kafka_with_logins
    certified = {"security.protocol": "SSL", "ssl.ca.location": str(kafka.authority)}
    ours = {"ssl.certificate.location": str(kafka.client[0]), "ssl.key.location": str(kafka.client[1])}
    named_otherwise = kafka.login.replace("127.0.0.1", "localhost")
    good = kafka.properties()
    cases: dict[str, tuple[str, dict[str, Property], type[ReconcileError] | None, str]] = {
        "login": (kafka.login, good, None, ""),
        "certificate": (kafka.certified, certified | ours, None, ""),
        "wrong password": (
            kafka.login,
            kafka.properties(password="wrong-word"),
            CredentialsRefused,
            "user and password",
        ),
        "nobody": (kafka.login, kafka.properties(user="nobody"), CredentialsRefused, "check user and password"),
        "unknown authority": (
            kafka.login,
            kafka.properties(ssl_ca_location=str(kafka.other_authority)),
            CredentialsRefused,
            "no TLS with Kafka .* KAFKA_SSL_CA_LOCATION",
        ),
        "another host's certificate": (named_otherwise, good, CredentialsRefused, "certificate names this address"),
        "no certificate of ours": (kafka.certified, certified, CredentialsRefused, "Kafka trusts ours"),
        "no TLS": (
            kafka.login,
            kafka.properties(security_protocol="SASL_PLAINTEXT"),
            KafkaUnreachable,
            "KAFKA_SECURITY_PROTOCOL",
        ),
        "no file": (kafka.login, kafka.properties(ssl_ca_location="/nowhere/ca.pem"), ConfigError, "ssl.ca.location"),
    }
    with ThreadPoolExecutor(len(cases)) as pool:  # each that is refused waits its time out
        answers = dict(zip(cases, pool.map(lambda case: answer(*case[:2]), cases.values()), strict=True))
    for name, (_, _, kind, words) in cases.items():
        found = answers[name]
        if kind is None:
            assert isinstance(found, ClusterState), f"{name}: {found}"
        else:
            assert isinstance(found, kind), f"{name}: {found!r}"
            with pytest.raises(kind, match=words):
                raise found
            assert not {"wrong-word", PASSWORD} & set(str(found).split())


def test_rights_that_are_missing_are_no_outage(kafka_with_logins: SecureKafka) -> None:
    kafka = kafka_with_logins
    bare = KafkaConfig(kafka.login, kafka.properties(user="bare"))
    topics = Topics("u.")
    with KafkaAdmin(KafkaConfig(kafka.open)) as admin:
        ensure_topics(admin, topics)
    with KafkaAdmin(bare) as admin:
        assert admin.cluster().brokers == 1
        with pytest.raises(RefusedError, match=r"forbids it \(TOPIC_AUTHORIZATION_FAILED\)"):
            ensure_topics(admin, topics)
        with pytest.raises(RefusedError, match="GROUP_AUTHORIZATION_FAILED"):
            admin.group_offsets("group", [Partition(topics.trade_updates, 0)])
    times = RecordTimes(bare, "group")
    with pytest.raises(RefusedError, match="AUTHORIZATION_FAILED"):
        times.at({Partition(topics.trade_updates, 0): 0})
    times.close()


def as_file(folder: Path, name: str, value: str) -> str:
    file = folder / name
    file.touch(mode=0o600)
    file.write_text(f"{value}\n", encoding="utf-8")
    return str(file)


@pytest.mark.timeout(300)
def test_nothing_that_a_run_writes_holds_a_secret(
    kafka_with_logins: SecureKafka, database: str, tmp_path: Path
) -> None:
    kafka, authority = kafka_with_logins, Authority(tmp_path, "postgres-authority")
    with (
        temporary_logins(database) as make_login,
        simulated_broker(tmp_path, "--rate", "10", "--no-reversals") as broker,
        TlsFront(make_login("reconcile_writer"), *authority.issue("postgres", "127.0.0.1")) as front,
    ):
        dsn = make_conninfo(front.dsn, sslmode="verify-full", sslrootcert=str(authority.certificate))
        kept = {
            "key": broker["APCA_API_KEY_ID"],
            "secret": broker["APCA_API_SECRET_KEY"],
            "database password": str(conninfo_to_dict(dsn)["password"]),
            "Kafka's password": PASSWORD,
            "token": TOKEN,
        }
        settings = {
            "APCA_API_BASE_URL": broker["APCA_API_BASE_URL"],
            "APCA_API_KEY_ID_FILE": as_file(tmp_path, "key", kept["key"]),
            "APCA_API_SECRET_KEY_FILE": as_file(tmp_path, "secret", kept["secret"]),
            "DATABASE_URL_FILE": as_file(tmp_path, "dsn", dsn),
            "RECONCILE_HTTP_TOKEN_FILE": as_file(tmp_path, "token", TOKEN),
            "KAFKA_BOOTSTRAP_SERVERS": kafka.login,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": "reconcile",
            "KAFKA_SASL_PASSWORD_FILE": as_file(tmp_path, "kafka", PASSWORD),
            "KAFKA_SSL_CA_LOCATION": str(kafka.authority),
            "RECONCILE_TOPIC_PREFIX": "t.",
            "RECONCILE_CONSUMER_GROUP": "t",
            "RECONCILE_PARTITIONS": "2",
            "RECONCILE_LOG_LEVEL": "debug",
        }
        said: dict[str, str] = {}
        with running(settings=settings, folder=tmp_path) as run:
            run.wait_ready()
            wait_until(
                lambda: "\nreconcile_proven_equal_timestamp_seconds{" in scraped(run.url), what="a proof", timeout=90
            )
            wait_until(lambda: count(database) >= 5, what="orders in the table", timeout=60)
            said |= what_the_system_tells(run)
            said |= what_http_tells(run, TOKEN)
            for command in COMMANDS:
                done = stream_reconcile(*command, settings=settings, folder=tmp_path)
                assert done.returncode in (0, 1), done.stderr
                said[" ".join(command)] = done.stdout + done.stderr
            assert run.stop() == 0
            said["its log, debug and all"] = run.output
        wrong = as_file(tmp_path, "wrong", f"host=127.0.0.1 port=1 user=u password={kept['database password']}")
        done = stream_reconcile("check", "--json", settings=settings | {"DATABASE_URL_FILE": wrong}, folder=tmp_path)
        assert done.returncode == 3
        said["check without Postgres"] = done.stdout + done.stderr
        said |= every_row(database)
        said |= every_record(kafka.open)
        login = str(conninfo_to_dict(dsn)["user"])
        assert login in said["its log, debug and all"]  # it ran as that login, and said so
        assert front.refused == 0
    for place, text in said.items():
        assert text, f"{place} said nothing: this test looks at the wrong place"
        for name, value in kept.items():
            assert value not in text, f"{place} holds the {name}"


def scraped(url: str) -> str:
    return requests.get(f"{url}/metrics", timeout=10).text


def count(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM reconcile.executions").fetchone()
        return int(row[0]) if row else 0
