"""A Kafka that is away, stands still, refuses the login or forbids: each has its error, in time, without secrets."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from stream_reconcile.core.errors import CredentialsRefused, KafkaUnreachable, RefusedError
from stream_reconcile.embedded import EmbeddedKafka
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.record_times import RecordTimes
from stream_reconcile.log.topic_check import check_topics, ensure_topics
from stream_reconcile.log.topics import Partition, Topics
from support.waiting import wait_until

PARTITION = Partition("t.trade-updates.v1", 0)

QUESTIONS: dict[str, Callable[[KafkaAdmin], Any]] = {
    "cluster": KafkaAdmin.cluster,
    "topics": lambda admin: admin.topics(["t"]),
    "topic settings": lambda admin: admin.topic_settings(["t"]),
    "watermarks": lambda admin: admin.watermarks([PARTITION]),
    "group offsets": lambda admin: admin.group_offsets("group", [PARTITION]),
    "group members": lambda admin: admin.group_has_members("group"),
    "creation": lambda admin: admin.create_topics(["t"], partitions=1, replication_factor=1, settings={}),
    "check": lambda admin: check_topics(admin, Topics("t.")),
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_kafka_that_is_away_is_said_with_its_address(question: str) -> None:
    servers = f"127.0.0.1:{free_port()}"
    with KafkaAdmin(KafkaConfig(servers), timeout_s=0.5) as admin:
        begun = time.monotonic()
        with pytest.raises(KafkaUnreachable, match=servers) as caught:
            QUESTIONS[question](admin)
        assert time.monotonic() - begun < 10
    assert "KAFKA_BOOTSTRAP_SERVERS" in str(caught.value)
    assert caught.value.exit_status == 3


def test_a_kafka_that_stands_still_is_not_waited_for_without_end(own_kafka: EmbeddedKafka) -> None:
    config = KafkaConfig(own_kafka.bootstrap_servers)
    with KafkaAdmin(config) as patient:
        ensure_topics(patient, Topics("t."))
    times = RecordTimes(config, "group", timeout_s=0.5)
    with KafkaAdmin(config, timeout_s=0.5) as admin:
        os.kill(own_kafka.pid, signal.SIGSTOP)
        process = psutil.Process(own_kafka.pid)
        wait_until(lambda: process.status() == psutil.STATUS_STOPPED, what="Kafka to stand still")
        try:
            begun = time.monotonic()
            for question in QUESTIONS.values():
                with pytest.raises(KafkaUnreachable):
                    question(admin)
            assert times.at({PARTITION: 0}) == {}
            assert time.monotonic() - begun < 30
        finally:
            os.kill(own_kafka.pid, signal.SIGCONT)

        def answers() -> bool:
            try:
                return bool(admin.watermarks([PARTITION]) == {PARTITION: (0, 0)})
            except KafkaUnreachable:
                return False

        # It was away for longer than its controller waits for it, and first has to be taken back.
        wait_until(answers, timeout=60, what="Kafka to answer again")
    times.close()


@pytest.fixture(scope="module")
def locked_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """(open address, address with a login) of a Kafka where `reconcile` may log in and do nothing."""
    directory: Path = tmp_path_factory.mktemp("locked")
    open_port, locked_port, controller_port = free_port(), free_port(), free_port()
    listeners = (
        f"PLAINTEXT://127.0.0.1:{open_port},LOCKED://127.0.0.1:{locked_port},CONTROLLER://127.0.0.1:{controller_port}"
    )
    properties = {
        "listeners": listeners,
        "advertised.listeners": listeners,
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOCKED:SASL_PLAINTEXT",
        "listener.name.locked.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.locked.plain.sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule "
        'required user_reconcile="right-word";',
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    with EmbeddedKafka(directory / "kafka", port=open_port, properties=properties):
        yield f"127.0.0.1:{open_port}", f"127.0.0.1:{locked_port}"


def login(servers: str, password: str) -> KafkaConfig:
    properties = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "reconcile",
        "sasl.password": password,
    }
    return KafkaConfig(servers, properties)


def test_a_refused_login_is_no_outage(locked_kafka: tuple[str, str]) -> None:
    _, locked = locked_kafka
    with (
        KafkaAdmin(login(locked, "wrong-word"), timeout_s=6) as admin,
        pytest.raises(CredentialsRefused, match=locked) as caught,
    ):
        admin.cluster()
    assert "wrong-word" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_rights_that_are_missing_are_no_outage_either(locked_kafka: tuple[str, str]) -> None:
    _, locked = locked_kafka
    with KafkaAdmin(login(locked, "right-word"), timeout_s=6) as admin:
        assert admin.cluster().brokers == 1
        with pytest.raises(RefusedError, match=r"forbids it \(TOPIC_AUTHORIZATION_FAILED\)"):
            ensure_topics(admin, Topics("t."))
        with pytest.raises(RefusedError, match="GROUP_AUTHORIZATION_FAILED"):
            admin.group_offsets("group", [PARTITION])


def test_records_that_may_not_be_read_are_said(locked_kafka: tuple[str, str]) -> None:
    open_servers, locked = locked_kafka
    topics = Topics("u.")
    with KafkaAdmin(KafkaConfig(open_servers)) as admin:
        ensure_topics(admin, topics)
    times = RecordTimes(login(locked, "right-word"), "group")
    with pytest.raises(RefusedError, match="AUTHORIZATION_FAILED"):
        times.at({Partition(topics.trade_updates, 0): 0})
    times.close()
