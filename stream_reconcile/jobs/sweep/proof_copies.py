"""Checkpoints to the topic `proofs`, and back from it into a database that was restored from an older backup.

Without the way back `verify` would name each checkpoint that the topic has and the table lacks, until as many new ones
were sealed. What is taken back is held against log and rows like any other: `verify` derives it again.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
import structlog

from stream_reconcile.core.errors import DecodeError, KafkaUnreachable
from stream_reconcile.core.seal import FIRST, Checkpoint, from_content
from stream_reconcile.jobs.sweep.config import SweepConfig
from stream_reconcile.log.acked import AckedProducer, Outgoing
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.codec import Codec, Envelope
from stream_reconcile.log.reader import LogReader, all_of
from stream_reconcile.log.topics import Partition, record_key
from stream_reconcile.store import proofs
from stream_reconcile.store.leases import Lease

log = structlog.get_logger()

_CLOCKS_APART: Final = timedelta(hours=1)
"""More than Postgres's clock, which dates checkpoints, and Kafka's, which dates records, may differ by."""


def publish(config: SweepConfig, codec: Codec, account_id: str, connection: psycopg.Connection[Any]) -> None:
    """What is in the table and not on the topic, in order. What comes twice there is the same twice."""
    topic = config.topics.proofs
    waiting = proofs.unpublished(connection, account_id)
    producer = AckedProducer(config.kafka, limit_s=config.timing.publish_s)
    try:
        producer.send_all(
            Outgoing(topic, record_key(account_id), codec.encode(topic, _envelope(checkpoint, stored)))
            for checkpoint, stored in waiting
        )
    except KafkaUnreachable as error:
        raise KafkaUnreachable(f"{error} of checkpoints: it is repeated with the next one") from None
    finally:
        producer.close()
    for _checkpoint, stored in waiting:
        proofs.note_published(connection, account_id, stored)


def take_back(
    config: SweepConfig, codec: Codec, lease: Lease, connection: psycopg.Connection[Any], halt: threading.Event
) -> int:
    """Add the checkpoints that follow on the newest one of the table, as the topic has them; gives how many.

    As a rule there are none. Raises FencedError, KafkaUnreachable, ValueError (the newest one is no checkpoint).
    """
    known = proofs.newest(connection, lease.account_id)
    head = FIRST if known is None else known[1]
    seq = 0 if known is None else known[0].seq
    following = _following(config, codec, lease.account_id, None if known is None else known[0], halt)
    restored = 0
    while not halt.is_set() and (checkpoint := following.get(head)) is not None and checkpoint.seq == seq + 1:
        proofs.add(connection, checkpoint, lease)
        proofs.note_published(connection, lease.account_id, checkpoint.hash)
        head, seq, restored = checkpoint.hash, checkpoint.seq, restored + 1
    if restored:
        log.warning("checkpoints_restored", account_id=lease.account_id, checkpoints=restored, newest=seq)
    return restored


def _following(
    config: SweepConfig, codec: Codec, account_id: str, newest: Checkpoint | None, halt: threading.Event
) -> dict[str, Checkpoint]:
    """Later checkpoints on the topic, by the hash that they follow on; of two that follow on one the later."""
    topic = config.topics.proofs
    with KafkaAdmin(config.kafka) as admin:
        state = admin.topics([topic])[topic]
        marks = admin.watermarks([Partition(topic, number) for number in range(state.partitions if state else 0)])
        starts = {partition: mark.low for partition, mark in marks.items()}
        if newest is not None:
            since = datetime.fromisoformat(newest.sealed_at) - _CLOCKS_APART
            found = admin.offsets_at(sorted(marks), round(since.timestamp() * 1000))
            starts = {partition: found.get(partition, marks[partition].high) for partition in marks}
    following: dict[str, Checkpoint] = {}
    ends = {partition: mark.high for partition, mark in marks.items()}
    with LogReader(config.kafka, config.group, starts, ends) as reader:
        for message in all_of(reader, halt):
            try:
                envelope = codec.decode(topic, message.value())
                checkpoint = from_content(envelope.raw.decode())
            except (DecodeError, ValueError):
                continue  # `verify` names it
            if account_id == checkpoint.account_id and checkpoint.hash == envelope.event:
                following[checkpoint.previous] = checkpoint
    return following


def _envelope(checkpoint: Checkpoint, stored: str) -> Envelope:
    raw = checkpoint.content().encode()
    return Envelope(
        checkpoint.account_id, checkpoint.sweep_id, checkpoint.seq, time.time_ns(), "sweep", stored, "", raw
    )
