"""Checkpoints sealed by real sweeps, derived again; and one row, one record, one checkpoint altered: each is named."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.jobs.replay.config import ReplayConfig
from stream_reconcile.jobs.verify.chain import check_log
from stream_reconcile.jobs.verify.findings import Report, What
from stream_reconcile.jobs.verify.run import VerifyOptions, verify
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from stream_reconcile.store import proofs
from stream_reconcile.store.connect import connect
from support.command import stream_reconcile
from support.servers import SCHEMA
from support.waiting import wait_until
from support.whole import QUICK, Whole, reconciling


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(seed=33, rate_limit=100_000, activity_delay_seconds=0) as made:
        yield made


def sealed(whole: Whole) -> int:
    return int(whole.value("SELECT count(*) FROM proofs WHERE published"))


def covered(whole: Whole) -> bool:
    """Whether the newest checkpoint covers all frames, and is on the topic."""
    query = """SELECT bool_and(p.published AND (p.offsets ->> (c.topic || ':' || c.partition))::bigint = c.max_offset)
               FROM stream_cursors c, (SELECT * FROM proofs ORDER BY seq DESC LIMIT 1) p
               WHERE c.topic = %(topic)s"""
    return bool(whole.value(query, topic=whole.topics.trade_updates))


def verified(whole: Whole, **options: Any) -> Report:
    config = ReplayConfig(
        kafka=KafkaConfig(whole.kafka),
        dsn=whole.dsn,
        live_schema=SCHEMA,
        schema="verify",
        group=whole.group,
        topics=whole.topics,
    )
    account_id = whole.simulator.account_id
    return verify(config, SingleObjectCodec(whole.topics), account_id, VerifyOptions(wait_s=20, **options))


def whats(report: Report) -> dict[What, list[str]]:
    found: dict[What, list[str]] = {}
    for one in report.found:
        found.setdefault(one.what, []).append(one.subject)
    return found


@pytest.mark.timeout(240)  # half a minute on two idle cores
def test_checkpoints_hold_and_what_is_altered_is_named(
    simulator: RunningSimulator, database: str, kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    with reconciling(simulator, database, kafka, topic_prefix, timing=replace(QUICK, seal_every=1.0)) as whole:
        whole.listening()
        with pytest.raises(ConfigError, match="no checkpoint"):
            verified(whole, first=1_000_000)
        for orders in (60, 120):
            # As a process leaves it that ends between publishing and saying so: it is on the topic twice.
            whole.rows("UPDATE proofs SET published = false WHERE seq = 1")
            before = sealed(whole)
            simulator.control.flow(200, orders=60)
            simulator.control.wait_until(lambda o, n=orders: o["counters"]["orders"] >= n, seconds=30)
            simulator.control.settle()
            whole.equal()
            wait_until(lambda n=before: sealed(whole) > n and covered(whole), timeout=60, what="a checkpoint of all")
        holds = verified(whole, export=tmp_path / "rows")
        assert holds.found == []
        assert holds.checked_rows[-1] == holds.last
        assert holds.records > 200
        assert (holds.live_rows or 0) > 200
        assert holds.exported is not None
        settings = {
            "DATABASE_URL": database,
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "RECONCILE_TOPIC_PREFIX": whole.topics.prefix,
            "RECONCILE_CONSUMER_GROUP": whole.group,
        }
        told = stream_reconcile("verify", "--json", settings=settings, folder=tmp_path)
        assert told.returncode == 0, told.stdout + told.stderr
        shape = Path(__file__).resolve().parents[2] / "docs" / "json" / "verify.schema.json"
        jsonschema.validate(json.loads(told.stdout), json.loads(shape.read_text(encoding="utf-8")))

    # From here on nothing of ours runs.
    total = holds.last or 0
    changed = whole.rows(
        "UPDATE executions SET limit_price = 1234.5"
        " WHERE alpaca_order_id = (SELECT min(alpaca_order_id) FROM executions) RETURNING alpaca_order_id"
    )[0]["alpaca_order_id"]
    report = verified(whole)
    assert whats(report).keys() == {What.LIVE}
    (only,) = report.found
    assert changed in only.subject
    assert "limit_price" in only.why
    assert f"{whole.topics.trade_updates}:" in only.why or f"{whole.topics.order_snapshots}:" in only.why

    forged = whole.value("SELECT content FROM proofs WHERE seq = %(seq)s", seq=total - 1)
    whole.rows("UPDATE proofs SET content = replace(content, 'deep', 'full') WHERE seq = %(seq)s", seq=total - 1)
    report = verified(whole)
    assert {one.seq for one in report.found if one.what is What.CHECKPOINT} == {total - 1}
    whole.rows("UPDATE proofs SET content = %(content)s WHERE seq = %(seq)s", content=forged, seq=total - 1)

    # Kafka lets nobody alter a record; a checkpoint that sealed another one is the same to whoever compares.
    with connect(database, SCHEMA, name="t") as connection:
        newest = proofs.newest(connection, simulator.account_id)
    assert newest is not None
    place, stretch = next((at, one) for at, one in newest[0].log.items() if one.first < one.next)
    other = replace(newest[0], log=newest[0].log | {place: stretch._replace(digest="0" * 64)})
    found = Report(simulator.account_id)
    check_log(KafkaConfig(kafka), whole.group, [other], found, threading.Event())
    assert whats(found) == {What.LOG: [f"{place}:{stretch.first}-{stretch.next - 1}"]}

    # The log is cut: what was sealed there is gone, and said; the exported rows stand for it.
    admin = AdminClient({"bootstrap.servers": kafka})
    topic = whole.topics.trade_updates
    ends = whole.rows("SELECT partition, max_offset FROM stream_cursors WHERE topic = %(topic)s", topic=topic)
    cut = [TopicPartition(topic, row["partition"], row["max_offset"]) for row in ends if row["max_offset"]]
    for future in admin.delete_records(cut).values():
        future.result()
    report = verified(whole)
    assert What.CUT in whats(report)
    assert report.live_rows is None
    again = verified(whole, first=total, rows=tmp_path / "rows")
    assert What.DERIVED not in whats(again)
    assert [one.subject for one in again.found if one.what is What.LIVE] == [only.subject]
    assert whole.rows("SELECT 1 FROM pg_namespace WHERE nspname = 'verify'") == []
