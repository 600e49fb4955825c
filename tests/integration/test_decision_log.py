"""Decisions in the log: every change is copied, and a database that was set back gets those it lacks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from stream_reconcile import intents
from stream_reconcile.core.decision_copy import from_bytes
from stream_reconcile.jobs.decisions import DecisionMetrics, DecisionsConfig, run_decision_copies
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.reader import LogReader, all_of
from stream_reconcile.log.topics import Partition
from stream_reconcile.store.connect import connect
from support.ingesting import PARTITIONS, make_topics
from support.logins import temporary_logins
from support.waiting import wait_until

ACCOUNT = "account-1"


@pytest.fixture
def store(database: str) -> Iterator[psycopg.Connection]:
    with connect(database, "reconcile", name="t") as connection:
        yield connection


@pytest.fixture
def loop(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A trading program's connection, with its role."""
    with temporary_logins(database) as make, psycopg.connect(make("reconcile_intent"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def config(database: str, kafka: str, topic_prefix: str) -> DecisionsConfig:
    topics = make_topics(kafka, topic_prefix)
    return DecisionsConfig(database, "reconcile", KafkaConfig(kafka), topics, every_s=0.1, stand_by_s=0.1, retry_s=0.1)


@contextmanager
def copying(config: DecisionsConfig) -> Iterator[CollectorRegistry]:
    registry, stop, faults = CollectorRegistry(), threading.Event(), list[BaseException]()
    metrics = DecisionMetrics(registry)

    def run() -> None:
        try:
            run_decision_copies(
                config,
                lambda: SingleObjectCodec(config.topics),
                stop=stop,
                report=lambda _ready, _why: None,
                metrics=metrics,
            )
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            faults.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield registry
    finally:
        stop.set()
        thread.join(30)
    assert faults == []


def copies(config: DecisionsConfig) -> list[tuple[str, str]]:
    """Client order id and state of all that the topic holds, partition by partition."""
    topic, codec, found = config.topics.trade_decisions, SingleObjectCodec(config.topics), list[tuple[str, str]]()
    with KafkaAdmin(config.kafka) as admin:
        ends = admin.end_offsets([Partition(topic, number) for number in range(PARTITIONS)])
    with LogReader(config.kafka, "t", dict.fromkeys(ends, 0), ends) as reader:
        for message in all_of(reader, threading.Event()):
            copy = from_bytes(codec.decode(topic, message.value()).raw)
            found.append((copy.client_order_id, copy.state))
    return found


def decisions(store: psycopg.Connection) -> list[tuple[Any, ...]]:
    return store.execute(
        "SELECT client_order_id, decision_id, state, submitted_at, inserted_by, qty FROM trade_decisions ORDER BY 1"
    ).fetchall()


def record(loop: psycopg.Connection[Any], *client_order_ids: str) -> list[Any]:
    given = {"account_id": ACCOUNT, "symbol": "F", "side": "buy", "qty": "2.5"}
    return [intents.record(loop, client_order_id=one, **given) for one in client_order_ids]


def test_changes_are_copied_and_what_a_restored_database_lacks_comes_back(
    config: DecisionsConfig, store: psycopg.Connection, loop: psycopg.Connection[Any]
) -> None:
    with copying(config):
        _first, second = record(loop, "c-1", "c-2")
        wait_until(lambda: len(copies(config)) == 2, what="two copies")
        # As a backup has it from now on.
        backup = store.execute("SELECT * FROM decision_copies").fetchone()
        assert backup is not None
        (third,) = record(loop, "c-3")
        intents.mark_submitted(loop, second)
        intents.mark_submitted(loop, third)
        wait_until(lambda: sorted(copies(config))[-1] == ("c-3", "submitted"), what="the copies of what changed")
        wait_until(lambda: ("c-2", "submitted") in copies(config), what="the copy of the submission")
    before, copied = decisions(store), len(copies(config))
    store.execute("DELETE FROM trade_decisions WHERE client_order_id = 'c-3'")
    store.execute("DELETE FROM decision_copies")
    store.execute("INSERT INTO decision_copies VALUES (%s, %s, %s, %s, %s)", backup)
    damaged = Producer({"bootstrap.servers": config.kafka.bootstrap_servers})
    damaged.produce(config.topics.trade_decisions, b"no record of ours", partition=0)
    assert damaged.flush(30) == 0
    del damaged
    with copying(config) as registry:
        wait_until(lambda: len(decisions(store)) == 3, what="the decision to come back")
        wait_until(lambda: registry.get_sample_value("reconcile_decisions_restored_total") == 1, what="the count of it")
        record(loop, "c-4")
        wait_until(lambda: registry.get_sample_value("reconcile_decisions_copied_total"), what="copying to go on")
    assert decisions(store)[:3] == before
    assert copied >= 3


def test_a_copy_that_comes_late_is_outranked_across_a_border_of_what_is_read_at_once(
    config: DecisionsConfig, store: psycopg.Connection, loop: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = config.topics.trade_decisions
    with copying(config):
        (decision,) = record(loop, "c-1")
        wait_until(lambda: copies(config) == [("c-1", "planned")], what="the first copy")
        intents.mark_submitted(loop, decision)
        wait_until(lambda: ("c-1", "submitted") in copies(config), what="the second copy")
    before = decisions(store)
    with KafkaAdmin(config.kafka) as admin:
        ends = admin.end_offsets([Partition(topic, number) for number in range(PARTITIONS)])
    with LogReader(config.kafka, "t", dict.fromkeys(ends, 0), ends) as reader:
        first, *_rest = all_of(reader, threading.Event())
    zombie = Producer({"bootstrap.servers": config.kafka.bootstrap_servers})
    zombie.produce(topic, first.value(), first.key(), partition=first.partition())
    assert zombie.flush(30) == 0
    del zombie
    assert sorted(copies(config)) == [("c-1", "planned"), ("c-1", "planned"), ("c-1", "submitted")]
    store.execute("DELETE FROM trade_decisions")
    store.execute("DELETE FROM decision_copies")
    monkeypatch.setattr("stream_reconcile.jobs.decisions._STRETCH", 1)
    with copying(config):
        wait_until(lambda: decisions(store), what="the decision to come back")
    assert decisions(store) == before


def test_what_was_decided_a_moment_before_the_end_is_copied(
    config: DecisionsConfig, store: psycopg.Connection, loop: psycopg.Connection[Any]
) -> None:
    begun = "SELECT count(*) FROM decision_copies"
    with copying(replace(config, every_s=600)):
        wait_until(lambda: store.execute(begun).fetchone() == (1,), what="the first round")
        record(loop, "c-1")
    assert copies(config) == [("c-1", "planned")]


def test_one_that_leads_and_stands_still_is_ended_so_that_another_goes_on(
    config: DecisionsConfig, store: psycopg.Connection, loop: psycopg.Connection[Any]
) -> None:
    leads = (
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    # It says nothing between two rounds, as one that is stopped.
    with copying(replace(config, every_s=600, silent_s=0.5)):
        wait_until(lambda: store.execute(leads).fetchall(), what="the first to lead")
        with copying(config) as second:
            record(loop, "c-1")
            wait_until(
                lambda: second.get_sample_value("reconcile_decisions_copied_total") == 1, what="the second to copy"
            )
    assert set(copies(config)) == {("c-1", "planned")}  # by both, if the first one's round came after the decision


def test_one_session_copies_and_another_takes_over(
    config: DecisionsConfig, store: psycopg.Connection, loop: psycopg.Connection[Any]
) -> None:
    record(loop, "c-1")
    with copying(config) as first:
        wait_until(lambda: first.get_sample_value("reconcile_decisions_copied_total") == 1, what="the first to copy")
        with copying(replace(config, every_s=0.05)) as second:
            ended = store.execute(
                "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
                "WHERE l.locktype = 'advisory' AND l.granted AND a.application_name = 'stream-reconcile decisions' "
                "AND a.datname = current_database()"
            ).fetchall()
            assert len(ended) == 1
            record(loop, "c-2")
            wait_until(lambda: ("c-2", "planned") in copies(config), what="one of them to go on")
            total = [registry.get_sample_value("reconcile_decisions_copied_total") for registry in (first, second)]
    assert {name for name, _ in copies(config)} == {"c-1", "c-2"}
    assert sum(value or 0 for value in total) >= 2
