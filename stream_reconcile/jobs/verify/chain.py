"""The chain itself: every checkpoint as it was sealed, in the table and on the topic, and the records it sealed."""

from __future__ import annotations

import threading
from collections import defaultdict
from hashlib import sha256
from typing import NamedTuple

from stream_reconcile.core.errors import DecodeError
from stream_reconcile.core.seal import Checkpoint, LogSum, breaks
from stream_reconcile.jobs.verify.findings import Report, What
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.codec import Codec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.reader import LogReader, all_of
from stream_reconcile.log.topics import Partition
from stream_reconcile.store.proofs import StoredCheckpoint


def check_chain(stored: list[StoredCheckpoint], report: Report, *, first: int) -> list[Checkpoint]:
    """The checkpoints that can be gone on with; what is wrong with any goes to the report."""
    for one in stored:
        if one.checkpoint is None:
            report.add(
                What.CHECKPOINT, one.seq, f"checkpoint {one.seq}", "its content is no checkpoint: it was altered"
            )
        elif not one.agrees:
            report.add(
                What.CHECKPOINT, one.seq, f"checkpoint {one.seq}", "its columns are not what its content says: altered"
            )
    readable = [(one.checkpoint, one.hash) for one in stored if one.checkpoint is not None]
    for broken in breaks(readable, first=first):
        report.add(What.CHECKPOINT, broken.seq, f"checkpoint {broken.seq}", broken.why)
    return [checkpoint for checkpoint, stored_hash in readable if checkpoint.hash == stored_hash]


def check_copies(
    kafka: KafkaConfig,
    group: str,
    topic: str,
    codec: Codec,
    stored: list[StoredCheckpoint],
    report: Report,
    stop: threading.Event,
) -> None:
    """Hold the table against the topic, which has the same checkpoints where nobody touched either."""
    with KafkaAdmin(kafka) as admin:
        state = admin.topics([topic])[topic]
        marks = admin.watermarks([Partition(topic, number) for number in range(state.partitions if state else 0)])
    copies: dict[int, set[str]] = defaultdict(set)
    starts = {partition: mark.low for partition, mark in marks.items()}
    with LogReader(kafka, group, starts, {partition: mark.high for partition, mark in marks.items()}) as reader:
        for message in all_of(reader, stop):
            try:
                envelope = codec.decode(topic, message.value())
            except DecodeError:
                place = f"{topic}:{message.partition()}:{message.offset()}"
                report.add(What.COPY, None, place, "the record can't be read: it was altered")
                continue
            if envelope.account_id != report.account_id:
                continue
            if sha256(envelope.raw).hexdigest() == envelope.event:
                copies[envelope.position].add(envelope.event)
            else:
                why = "on the topic its content is not that of its hash: it was altered"
                report.add(What.COPY, envelope.position, f"checkpoint {envelope.position}", why)
    # The oldest may have expired there, those that were not noted as published may be on their way.
    expires = any(mark.low for mark in marks.values())
    oldest = min(copies, default=stored[-1].seq + 1 if stored else 1) if expires else 1
    newest = max(copies, default=0)
    for one in stored:
        if one.hash in copies[one.seq]:
            continue
        if copies[one.seq]:
            why = "the topic holds another one of this number: one of the two was altered"
            report.add(What.COPY, one.seq, f"checkpoint {one.seq}", why)
        elif oldest <= one.seq and (one.published or one.seq <= newest):
            report.add(What.COPY, one.seq, f"checkpoint {one.seq}", "it is not on the topic")
    last = max((one.seq for one in stored), default=0)
    for seq in sorted(seq for seq in copies if seq > last and copies[seq]):
        report.add(What.COPY, seq, f"checkpoint {seq}", "it is on the topic and not in the table: it was taken away")


class _Stretch(NamedTuple):
    """Records that a checkpoint sealed."""

    first: int
    next: int
    seq: int
    digest: str


def check_log(
    kafka: KafkaConfig, group: str, checkpoints: list[Checkpoint], report: Report, stop: threading.Event
) -> None:
    """Read the log once, and hold each sealed stretch against what is there."""
    sealed = _in_the_log(kafka, checkpoints, report)
    sums = {(partition, stretch.seq): LogSum() for partition, stretches in sealed.items() for stretch in stretches}
    starts = {partition: stretches[0].first for partition, stretches in sealed.items()}
    ends = {partition: stretches[-1].next for partition, stretches in sealed.items()}
    at = dict.fromkeys(sealed, 0)
    with LogReader(kafka, group, starts, ends) as reader:
        for message in all_of(reader, stop):
            partition, offset = Partition(message.topic() or "", message.partition() or 0), message.offset() or 0
            stretches = sealed[partition]
            while at[partition] < len(stretches) and offset >= stretches[at[partition]].next:
                at[partition] += 1
            if at[partition] < len(stretches) and offset >= stretches[at[partition]].first:
                summed = sums[partition, stretches[at[partition]].seq]
                summed.add(offset, message.timestamp()[1], message.key(), message.value())
                report.records += 1
    if stop.is_set():
        return
    why = "its records are not those that were sealed: one was altered or is gone"
    for partition, stretches in sealed.items():
        for one in stretches:
            if sums[partition, one.seq].digest() != one.digest:
                report.add(
                    What.LOG, one.seq, _named(f"{partition.topic}:{partition.partition}", one.first, one.next), why
                )


def _in_the_log(kafka: KafkaConfig, checkpoints: list[Checkpoint], report: Report) -> dict[Partition, list[_Stretch]]:
    """The sealed stretches that the log holds, in order; those that it does not go to the report."""
    partitions = {place: _partition(place) for checkpoint in checkpoints for place in checkpoint.log}
    with KafkaAdmin(kafka) as admin:
        topic_ids = admin.topic_ids({partition.topic for partition in partitions.values()})
        marks = admin.watermarks(sorted(p for p in partitions.values() if p.topic in topic_ids))
    found: dict[Partition, list[_Stretch]] = defaultdict(list)
    for checkpoint in checkpoints:
        for place, stretch in sorted(checkpoint.log.items()):
            partition = partitions[place]
            if stretch.first == stretch.next:
                continue
            if topic_ids.get(partition.topic) != stretch.topic_id:
                why = "the topic was deleted or made anew"
            elif marks[partition].high < stretch.next:
                why = f"the log ends at {marks[partition].high}"
            elif marks[partition].low > stretch.first:
                why = f"the log begins at {marks[partition].low}: older ones have expired, or were deleted"
            else:
                found[partition].append(_Stretch(stretch.first, stretch.next, checkpoint.seq, stretch.digest))
                continue
            subject = _named(place, stretch.first, stretch.next)
            report.add(What.CUT, checkpoint.seq, subject, f"its records are gone: {why}")
    return found


def _partition(place: str) -> Partition:
    topic, _, number = place.rpartition(":")
    return Partition(topic, int(number))


def _named(place: str, first: int, following: int) -> str:
    return f"{place}:{first}-{following - 1}"
