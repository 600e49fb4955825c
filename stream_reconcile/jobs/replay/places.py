"""Where a replay begins and ends: what people asked for, as offsets of the log as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stream_reconcile.core.errors import ConfigError, LogReplaced
from stream_reconcile.core.replay.until import Moment, Now, Offsets, Until
from stream_reconcile.log.admin import KafkaAdmin, Watermarks
from stream_reconcile.log.topics import Partition, Topics
from stream_reconcile.store.cursors import LogState


class LogNow(NamedTuple):
    """The partitions that apply reads, as the cluster has them."""

    cluster_id: str
    topic_ids: dict[str, str]
    watermarks: dict[Partition, Watermarks]

    def state(self, partition: Partition) -> LogState:
        """What a cursor of this partition is claimed with."""
        return LogState(self.watermarks[partition].low, self.topic_ids[partition.topic], self.cluster_id)

    @property
    def ends(self) -> dict[Partition, int]:
        """End offset of each partition."""
        return {partition: marks.high for partition, marks in self.watermarks.items()}


def log_now(admin: KafkaAdmin, topics: Topics) -> LogNow:
    """Ask the cluster. Raises LogReplaced for a topic that is not there; as KafkaAdmin does."""
    cluster_id = admin.cluster().cluster_id
    states = admin.topics(topics.applied)
    if missing := [name for name, state in states.items() if state is None]:
        raise LogReplaced(f"topic {missing[0]} does not exist: `stream-reconcile run` makes it, or correct the prefix")
    there = {name: state for name, state in states.items() if state is not None}
    partitions = [Partition(name, number) for name, state in there.items() for number in range(state.partitions)]
    return LogNow(
        cluster_id, {name: state.topic_id for name, state in there.items()}, admin.watermarks(sorted(partitions))
    )


def end_offsets(admin: KafkaAdmin, log: LogNow, until: Until) -> dict[Partition, int]:
    """The offset at which each partition's replay ends. Raises ConfigError for a place that the log does not have.

    A partition that is not among the offsets given is read to its end.
    """
    if isinstance(until, Now):
        return log.ends
    if isinstance(until, Moment):
        return admin.offsets_at(log.ends, until.ms)
    wanted = _known(log, until.by_partition, "--until")
    return log.ends | wanted


def start_offsets(admin: KafkaAdmin, log: LogNow, since: Offsets | Moment | None) -> dict[Partition, int]:
    """The offset at which each partition's replay is asked to begin: 0 is its very first record, retained or not.

    A partition that is not among the offsets given is read from its first record. A time that may lie before what is
    retained begins at the very first record too, so that what is gone is said.
    """
    first = dict.fromkeys(log.watermarks, 0)
    if since is None:
        return first
    if isinstance(since, Offsets):
        return first | _known(log, since.by_partition, "--from-offsets")
    found = admin.offsets_at(log.watermarks, since.ms)
    return {partition: 0 if at == log.watermarks[partition].low else at for partition, at in found.items()}


def _known(log: LogNow, places: Mapping[tuple[str, int], int], option: str) -> dict[Partition, int]:
    found = {Partition(*place): offset for place, offset in places.items()}
    for partition, offset in found.items():
        if partition not in log.watermarks:
            raise ConfigError(
                f"{option}: {partition.topic}:{partition.partition} is no partition that apply reads; its topics are "
                f"{', '.join(sorted(log.topic_ids))}"
            )
        end = log.watermarks[partition].high
        if offset > end:
            raise ConfigError(
                f"{option}: {partition.topic}:{partition.partition} ends at offset {end}, before {offset}"
            )
    return found
