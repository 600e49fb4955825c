"""Digests of stretches of the log: what a checkpoint seals, and what `verify` derives again."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from stream_reconcile.core.seal import LogSum
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.reader import LogReader, all_of
from stream_reconcile.log.topics import Partition


def log_digests(
    kafka: KafkaConfig,
    group: str,
    starts: Mapping[Partition, int],
    ends: Mapping[Partition, int],
    stop: threading.Event,
) -> dict[Partition, str]:
    """Digest of each partition's records from `starts` up to, and not including, `ends`. Raises as LogReader."""
    sums = {partition: LogSum() for partition in ends}
    with LogReader(kafka, group, starts, ends) as reader:
        for message in all_of(reader, stop):
            partition = Partition(message.topic() or "", message.partition() or 0)
            sums[partition].add(message.offset() or 0, message.timestamp()[1], message.key(), message.value())
    return {partition: summed.digest() for partition, summed in sums.items()}
