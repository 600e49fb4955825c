"""A Kafka that is away or stands still has its error, in time. (One that refuses: test_secure_run.py.)"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from stream_reconcile.core.errors import KafkaUnreachable
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
