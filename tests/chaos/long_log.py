"""Puts a generated history into Kafka, as ingest writes it, and its truth beside the tables."""

from __future__ import annotations

import math
import time
from collections import Counter
from functools import partial
from typing import Final, NamedTuple

from backlogs import PARTITIONS, LogFiller
from confluent_kafka import KafkaError, Message
from own_servers import ACCOUNT, SCHEMA, OwnServers
from pacing import paced

from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Partition, Topics
from stream_reconcile.simulator.history import generate_history
from stream_reconcile.store.batch import Place
from stream_reconcile.store.connect import connect

from .disturbance import DUPLICATES, disordered
from .ground_truth import GroundTruth

TOPICS: Final = Topics()
_FRAMES_OF_AN_ORDER: Final = 3.3
_MARGIN: Final = 1.03
"""A history is told to the end of its last order, so its length is known only then: a few orders more than needed."""


class Log(NamedTuple):
    """What stands in the log."""

    records: int
    ends: dict[Partition, int]
    """End offset of each partition that apply reads."""


class LogNotFilled(ReconcileError):
    """Kafka did not take all records."""


def fill(servers: OwnServers, dsn: str, *, events: int, seed: int, per_second: float | None = None) -> Log:
    """At least so many records of a whole history, disordered, a share of them twice. Raises LogNotFilled.

    `per_second`: at that rate; None: as fast as it goes.
    """
    orders = math.ceil(_MARGIN * events / (1 + DUPLICATES) / _FRAMES_OF_AN_ORDER) + 20
    counted: Counter[int] = Counter()
    bootstrap = servers.kafka.bootstrap_servers
    with connect(dsn, SCHEMA, name="chaos truth", statement_timeout_ms=0) as connection:
        truth = GroundTruth(connection, ACCOUNT)

        def delivered(raw: bytes, known_at_ms: int, error: KafkaError | None, message: Message) -> None:
            if error is not None:
                raise LogNotFilled(f"Kafka did not take a record: {error.str()}")
            partition, offset = message.partition() or 0, message.offset() or 0
            counted[partition] += 1
            truth.told(raw, Place(TOPICS.trade_updates, partition, offset), known_at_ms)

        with LogFiller(bootstrap, [TOPICS.prefix]) as filler:
            frames = disordered(generate_history(seed, orders, truth=truth).frames(), seed)
            for frame in frames if per_second is None else paced(frames, per_second):
                now_ms = time.time_ns() // 1_000_000
                told = partial(delivered, frame.raw, now_ms)
                filler.put(frame, [TOPICS.prefix], timestamp=now_ms, on_delivery=told)
        truth.finish()
    with KafkaAdmin(KafkaConfig(bootstrap)) as admin:
        ends = admin.end_offsets(Partition(topic, number) for topic in TOPICS.applied for number in range(PARTITIONS))
    found = {number: ends[Partition(TOPICS.trade_updates, number)] for number in range(PARTITIONS)}
    if found != {number: counted[number] for number in range(PARTITIONS)}:
        raise LogNotFilled(f"{counted.total()} records were acknowledged, but the partitions hold {found}")
    return Log(counted.total(), ends)
