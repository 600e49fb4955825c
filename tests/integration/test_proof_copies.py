"""Checkpoints on the topic: a database that was set back takes back those that it lacks, and only what follows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from stream_reconcile.core.seal import FIRST, BrokerSeal, Checkpoint
from stream_reconcile.jobs.sweep import SweepConfig
from stream_reconcile.jobs.sweep.proof_copies import publish, take_back
from stream_reconcile.jobs.verify.chain import check_copies
from stream_reconcile.jobs.verify.findings import Report
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.store import leases, proofs
from stream_reconcile.store.connect import connect
from stream_reconcile.store.leases import Lease
from support.fences import everything
from support.ingesting import make_topics
from support.servers import SCHEMA

ACCOUNT = "A"


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database, SCHEMA, name="t") as made:
        yield made


@pytest.fixture
def config(database: str, kafka: str, topic_prefix: str) -> SweepConfig:
    topics = make_topics(kafka, topic_prefix, partitions=2)
    return SweepConfig(
        key_id="", secret_key="", base_url="", dsn=database, schema=SCHEMA, kafka=KafkaConfig(kafka), topics=topics,
        group=topic_prefix,
    )  # fmt: skip


def chain(length: int, *, kind: str = "deep", after: Checkpoint | None = None) -> list[Checkpoint]:
    """So many checkpoints, each on the one before."""
    made: list[Checkpoint] = []
    for _ in range(length):
        before = made[-1] if made else after
        at = "2026-01-01T00:00:00.000000+00:00"
        made.append(
            Checkpoint(
                account_id=ACCOUNT,
                seq=before.seq + 1 if before else 1,
                previous=before.hash if before else FIRST,
                sweep_id="6a2cf4d0-0000-4000-8000-000000000000",
                kind=kind,
                proven_equal_at=at,
                sealed_at=at,
                program="test",
                tables={},
                log={},
                broker=BrokerSeal(0, ""),
                open_dead_letters=0,
            )
        )
    return made


def test_what_a_restored_database_lacks_comes_back_in_the_order_of_the_chain(
    config: SweepConfig, connection: psycopg.Connection[Any], database: str
) -> None:
    codec, halt = SingleObjectCodec(config.topics), threading.Event()
    lease = leases.acquire(connection, "sweep", ACCOUNT, "one")
    assert lease is not None

    def sealed(checkpoints: list[Checkpoint], under: Lease) -> None:
        for one in checkpoints:
            proofs.add(connection, one, under)
        publish(config, codec, ACCOUNT, connection)

    def set_back(to: int) -> None:
        connection.execute("DELETE FROM proofs WHERE seq > %s", [to])

    def proof_rows() -> list[str]:
        return everything(database)["proofs"]

    assert take_back(config, codec, lease, connection, halt) == 0
    first = chain(4)
    sealed(first, lease)
    before = proof_rows()
    assert take_back(config, codec, lease, connection, halt) == 0
    set_back(1)
    assert take_back(config, codec, lease, connection, halt) == 3
    assert proof_rows() == before
    set_back(0)
    assert take_back(config, codec, lease, connection, halt) == 4
    assert proof_rows() == before

    # A process of an earlier version went on with a chain of its own: the later one is gone on with.
    set_back(2)
    other = chain(3, kind="full", after=first[1])
    sealed(other, lease)
    set_back(2)
    # Another account's, and one whose hash is not its own, are nobody's.
    stray = replace(other[-1], account_id="B", seq=6, previous=other[-1].hash)
    proofs.add(connection, stray, lease)
    connection.execute("UPDATE proofs SET hash = 'another' WHERE account_id = 'B'")
    publish(config, codec, "B", connection)
    assert take_back(config, codec, lease, connection, halt) == 3
    newest = proofs.newest(connection, ACCOUNT)
    assert newest == (other[-1], other[-1].hash)


def test_copies_that_were_altered_or_taken_away_are_named(
    config: SweepConfig, connection: psycopg.Connection[Any]
) -> None:
    codec, lease = SingleObjectCodec(config.topics), leases.acquire(connection, "sweep", ACCOUNT, "one")
    assert lease is not None
    for one in chain(3):
        proofs.add(connection, one, lease)
    connection.execute("UPDATE proofs SET content = replace(content, 'deep', 'full') WHERE seq = 2")
    publish(config, codec, ACCOUNT, connection)
    connection.execute("UPDATE proofs SET content = replace(content, 'full', 'deep') WHERE seq = 2")

    def named(topic: str) -> dict[int | None, str]:
        report, stored = Report(ACCOUNT), proofs.chain(connection, ACCOUNT)
        check_copies(config.kafka, config.group, topic, codec, stored, report, threading.Event())
        return {one.seq: one.why for one in reversed(report.found)}

    assert named(config.topics.proofs) == {2: "on the topic its content is not that of its hash: it was altered"}
    assert named("none-of-this-name") == dict.fromkeys((1, 2, 3), "it is not on the topic")
    connection.execute("UPDATE proofs SET published = false")  # as if they were on their way
    assert named("none-of-this-name") == {}
