"""Replays for a test: a log of a fault story that a member has applied, and a second schema to fill."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from confluent_kafka import Producer

from stream_reconcile.core.replay.until import Moment, Offsets
from stream_reconcile.jobs.replay.compare import Difference, comparison
from stream_reconcile.jobs.replay.config import ReplayConfig
from stream_reconcile.jobs.replay.run import Replay
from stream_reconcile.log.codec import Envelope, SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Topics, record_key
from support.histories import history_log, shuffled
from support.members import Stage
from support.servers import SCHEMA
from support.wire_data import ACCOUNT, frame, order_json

AGAIN = "again"
_CLIENT_ORDER_ID = re.compile(rb'"client_order_id":"([^"]+)"')


def config_of(stage: Stage, **changes: Any) -> ReplayConfig:
    """A replay of the stage into `AGAIN`; `changes` to its configuration."""
    values: dict[str, Any] = {
        "kafka": stage.log.kafka, "dsn": stage.dsn, "live_schema": SCHEMA, "schema": AGAIN, "group": stage.group,
        "topics": stage.log.topics, "roles": None, "batch_records": 500,
    }  # fmt: skip
    return ReplayConfig(**(values | changes))


def replay_to_the_end(stage: Stage, *, since: Offsets | Moment | None = None, **changes: Any) -> dict[str, Any]:
    """Replay all that is there; what it says afterwards."""
    with Replay(config_of(stage, **changes), stage.log.codec, owner=f"test-{uuid.uuid4()}", since=since) as job:
        begun = job.position
        job.to(job.log_now().ends)
        return {"begun": begun, "records": job.records, "lost": job.lost, "position": job.position}


def differences(stage: Stage, **changes: Any) -> list[Difference]:
    """All differences at one position."""
    with comparison(config_of(stage, **changes), stage.log.codec, wait_s=20) as compared:
        found = list(compared.differences())
        assert compared.equal == (not found)
        return found


def tell_a_fault_story(stage: Stage, *, seed: int = 41, orders: int = 150) -> None:
    """Busts, corrections, duplicates, disorder, what sweeps read; decisions; records that can't be read or written."""
    log, _history = history_log(seed, orders, ACCOUNT, sweep=True)
    named = sorted({name.decode() for r in log.records for name in _CLIENT_ORDER_ID.findall(r.payload)})
    for client_order_id in named[::2]:
        stage.execute(
            "INSERT INTO trade_decisions (account_id, client_order_id) VALUES (%s, %s)", ACCOUNT, client_order_id
        )
    log.frame(frame("new", order_json(id="no-such-day", created_at="2026-02-30T00:00:00Z")))
    stage.log.produce(shuffled(log, seed).records)
    producer = Producer(stage.log.kafka.producer())
    for number in range(3):
        producer.produce(stage.log.topics.trade_updates, b"no record", partition=number % 2, key=b"x")
    for position, raw in enumerate((b'[{"symbol":"AAPL","qty":"3.50"}]', b'{"id":"it","equity":"1.10"}')):
        held = Envelope(ACCOUNT, "sweep", position, 1_790_000_000_000_000_000, "sweep", "", "", raw)
        topic = stage.log.topics.account_snapshots
        producer.produce(topic, stage.log.codec.encode(topic, held), key=record_key(ACCOUNT))
    assert producer.flush(20) == 0


def slowly(kafka: str, prefix: str, dsn: str) -> None:
    """A replay in small batches, with a pause after each: to be killed in the middle."""
    config = ReplayConfig(
        kafka=KafkaConfig(kafka), dsn=dsn, live_schema=SCHEMA, schema=AGAIN, group="none", topics=Topics(prefix),
        roles=None, batch_records=50, share=0,
    )  # fmt: skip
    with Replay(config, SingleObjectCodec(config.topics), owner="slowly", progress=_pause) as job:
        job.to(job.log_now().ends)


def _pause(_done: int, _total: int) -> None:
    time.sleep(0.1)
