"""A member that leaves a group that does not answer goes after a while, and has asked in vain but once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

import pytest

from stream_reconcile.log import consumer as log_consumer
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.consumer import CONSUMER_PROTOCOL, LogConsumer
from stream_reconcile.log.topics import Partition
from support.kafka_proxy import KafkaProxy
from support.real_log import RealLog
from support.waiting import wait_until

_OFFSET_COMMIT = (8).to_bytes(2, "big")  # kafka.apache.org/protocol: the request's first two bytes are its key
_LEAVE_S = 1.0


def test_a_group_that_does_not_answer_is_left_all_the_same(
    kafka: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_consumer, "LEAVE_S", _LEAVE_S)
    answering, commits = threading.Event(), 0
    answering.set()

    def request(body: bytes) -> bytes:
        nonlocal commits
        commits += body.startswith(_OFFSET_COMMIT)
        return body

    def answer(body: bytes) -> bytes:
        assert answering.wait(60)
        return body

    assigned: set[Partition] = set()

    def claim(partitions: Iterable[Partition]) -> dict[Partition, int]:
        assigned.update(partitions)
        return dict.fromkeys(partitions, 0)

    with RealLog(kafka, topic_prefix) as log, KafkaProxy(kafka, request, answer) as proxy:
        member = LogConsumer(
            KafkaConfig(proxy.bootstrap_servers),
            group=topic_prefix,
            topics=[log.topics.trade_updates],
            protocol=CONSUMER_PROTOCOL,
            claim=claim,
            release=lambda _partitions, _lost: None,
        )
        wait_until(lambda: member.take(1, 0.1) or len(assigned) == 2, timeout=30, what="the assignment")
        answering.clear()
        for offset in range(1, 4):  # a second apart, in life
            member.mirror(dict.fromkeys(assigned, (offset, "id")))
            member.take(1, 0.2)
        wait_until(lambda: member.take(1, 0.1) or commits, what="the question")
        began = time.monotonic()
        member.close()
        took = time.monotonic() - began
        assert commits == 1
        answering.set()
        wait_until(lambda: "apply-leave" not in {thread.name for thread in threading.enumerate()}, timeout=60, what="")
    assert _LEAVE_S <= took < _LEAVE_S + 5
