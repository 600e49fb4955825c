"""What Kafka says of itself: cluster, topics, offsets, groups. Every call has a time limit and raises our errors.

One `KafkaAdmin` holds one connection and may be shared between threads, as librdkafka's admin client may.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as FutureTimeout
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from confluent_kafka import (
    OFFSET_INVALID,
    ConsumerGroupState,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined] # its public names are not in an __all__
    AdminClient,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.log.connection import REQUEST_TIMEOUT_S, KafkaConfig
from stream_reconcile.log.failures import (
    NO_COORDINATOR_NOW,
    NO_LEADER_NOW,
    NO_SUCH_TOPIC,
    is_login_refused,
    kafka_error,
    not_made,
)
from stream_reconcile.log.group_offsets import GroupOffset, GroupOffsets
from stream_reconcile.log.topics import Partition

Answer = TypeVar("Answer")

_EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call] # the library has no types here
_LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call] # the library has no types here

_LOOK_AGAIN_S = 0.1
_TOPIC_RIGHTS = ("READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS")
_GROUP_RIGHTS = ("READ",)


class Watermarks(NamedTuple):
    """Offsets of a partition: the first record that is there, and the one that the next record will get."""

    low: int
    high: int


class TopicState(NamedTuple):
    """A topic as the cluster has it. `topic_id` is new each time a topic of that name is made."""

    topic_id: str
    partitions: int
    replication_factor: int
    leaderless: tuple[int, ...]


class ClusterState(NamedTuple):
    """The cluster, and how many brokers are up."""

    cluster_id: str
    brokers: int


class KafkaAdmin:
    """Questions to one Kafka cluster.

    All methods raise KafkaUnreachable where no broker answers in time (`timeout_s` for a call), CredentialsRefused
    where TLS or the login fails, RefusedError where rights or settings forbid it.
    """

    def __init__(self, config: KafkaConfig, *, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        self._config = config
        self._timeout_s = timeout_s
        self._login_error: KafkaError | None = None
        self._groups: dict[str, GroupOffsets] = {}
        self._lock = threading.Lock()
        properties: dict[str, Any] = {**config.admin(), "error_cb": self._on_error}
        try:
            self._client = AdminClient(properties)
        except KafkaException as error:
            raise not_made(config, error.args[0]) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        # The client closes when it is freed; its context manager is the only way to do so at a time of our choice.
        self._client.__exit__(None, None, None)
        with self._lock:
            while self._groups:
                self._groups.popitem()[1].close()

    def cluster(self) -> ClusterState:
        """Id of the cluster and number of its brokers."""
        description = self._one("the cluster", self._client.describe_cluster(request_timeout=self._timeout_s))
        return ClusterState(description.cluster_id or "", len(description.nodes))

    def topics(self, names: Iterable[str]) -> dict[str, TopicState | None]:
        """State of each topic; None for one that does not exist."""
        asked = list(names)
        futures = self._client.describe_topics(TopicCollection(asked), request_timeout=self._timeout_s)
        return {name: self._topic_state(name, futures[name]) for name in asked}

    def topic_ids(self, names: Iterable[str]) -> dict[str, str]:
        """Topic id of each topic that exists."""
        return {name: state.topic_id for name, state in self.topics(names).items() if state is not None}

    def topic_settings(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """Every setting of each topic, defaults included, as Kafka writes them."""
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        futures = self._client.describe_configs(resources, request_timeout=self._timeout_s)
        return {
            resource.name: {
                name: entry.value
                for name, entry in self._one(f"settings of {resource.name}", future).items()
                if entry.value is not None
            }
            for resource, future in futures.items()
        }

    def create_topics(
        self, names: Iterable[str], *, partitions: int, replication_factor: int, settings: Mapping[str, str]
    ) -> list[str]:
        """Create the topics; gives those that were not there before. Another process may be doing the same."""
        wanted = [NewTopic(name, partitions, replication_factor, config=dict(settings)) for name in names]
        if not wanted:
            return []
        futures = self._client.create_topics(
            wanted, operation_timeout=self._timeout_s, request_timeout=1.5 * self._timeout_s
        )
        made = []
        for name, future in futures.items():
            try:
                self._result(future)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise self._translated(f"topic {name} can't be created", error) from None
            except FutureTimeout:
                raise self._silent(f"topic {name} can't be created") from None
            else:
                made.append(name)
        return made

    def watermarks(self, partitions: Iterable[Partition]) -> dict[Partition, Watermarks]:
        """First and end offset of each partition, in two requests for all; those that don't exist are left out."""
        asked = list(partitions)
        low = self._offsets(asked, _EARLIEST)
        high = self._offsets(asked, _LATEST)
        return {
            partition: Watermarks(low[partition], max(high[partition], low[partition]))
            for partition in asked
            if partition in low and partition in high
        }

    def end_offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The offset that the next record of each partition will get; those that don't exist are left out."""
        return self._offsets(list(partitions), _LATEST)

    def offsets_at(self, partitions: Iterable[Partition], timestamp_ms: int) -> dict[Partition, int]:
        """Offset of the first record of each partition with that time (ms since the epoch) or a later one; the end
        offset where there is none. Partitions that don't exist are left out."""
        asked = list(partitions)
        found = self._offsets(asked, OffsetSpec.for_timestamp(timestamp_ms))
        late = [partition for partition, offset in found.items() if offset < 0]
        return found | (self._offsets(late, _LATEST) if late else {})

    def group_offsets(self, group: str, partitions: Iterable[Partition]) -> dict[Partition, GroupOffset]:
        """What `group` has committed for these partitions; those without are left out."""
        with self._lock:
            if group not in self._groups:
                self._groups[group] = GroupOffsets(self._config, group, timeout_s=self._timeout_s)
            reader = self._groups[group]
        return reader.read(partitions)

    def group_has_members(self, group: str) -> bool:
        """Whether a consumer group has any members now; False for one that does not exist."""
        # Every broker's list, not a question to the group's coordinator: see log.group_offsets.
        future = self._client.list_consumer_groups(request_timeout=self._timeout_s)
        answer = self._one("the list of groups", future)
        if answer.errors:
            raise kafka_error("the list of groups can't be read", self._config, answer.errors[0], self._login_error)
        without = (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)
        return any(found.group_id == group and found.state not in without for found in answer.valid)

    def missing_rights(self, topics: Iterable[str], group: str) -> dict[str, list[str]]:
        """What our user may not do and must be able to: operations by `topic NAME` (of topics that exist) or `group
        NAME`; empty where nothing is missing."""
        names = list(topics)
        described = self._client.describe_topics(
            TopicCollection(names), include_authorized_operations=True, request_timeout=self._timeout_s
        )
        granted = {f"topic {name}": self._operations(f"topic {name}", described[name]) for name in names}
        granted[f"group {group}"] = {right.name for right in self._described_group(group).authorized_operations or ()}
        wanted = {what: _TOPIC_RIGHTS if what.startswith("topic ") else _GROUP_RIGHTS for what in granted}
        missing = {what: [name for name in wanted[what] if name not in names] for what, names in granted.items()}
        return {what: names for what, names in missing.items() if names}

    def group_protocols(self) -> frozenset[str]:
        """Rebalance protocols that the brokers speak (`classic`, `consumer`: KIP-848); empty where they don't say."""
        broker = self._one("the cluster", self._client.describe_cluster(request_timeout=self._timeout_s)).nodes[0]
        resource = ConfigResource(ResourceType.BROKER, str(broker.id))
        (future,) = self._client.describe_configs([resource], request_timeout=self._timeout_s).values()
        entry = self._one("the brokers' settings", future).get("group.coordinator.rebalance.protocols")
        return frozenset(entry.value.split(",")) if entry is not None and entry.value else frozenset()

    def _described_group(self, group: str) -> Any:
        # Only for commands that people run: a lost connection may end the process (see log.group_offsets).
        deadline = time.monotonic() + self._timeout_s
        while True:
            futures = self._client.describe_consumer_groups(
                [group], include_authorized_operations=True, request_timeout=self._timeout_s
            )
            try:
                return self._result(futures[group])
            except KafkaException as error:
                # A broker that has just started, or just taken the group over, answers a moment later.
                if error.args[0].code() not in NO_COORDINATOR_NOW or time.monotonic() > deadline:
                    raise self._translated(f"group {group} can't be read", error) from None
            except FutureTimeout:
                raise self._silent(f"group {group} can't be read") from None
            time.sleep(_LOOK_AGAIN_S)

    def _operations(self, what: str, future: Future[Any]) -> set[str]:
        return {operation.name for operation in self._one(what, future).authorized_operations or ()}

    def _offsets(self, partitions: list[Partition], which: OffsetSpec) -> dict[Partition, int]:
        found: dict[Partition, int] = {}
        deadline = time.monotonic() + self._timeout_s
        asked = partitions
        while asked:
            answers = self._client.list_offsets(
                {TopicPartition(*partition): which for partition in asked}, request_timeout=self._timeout_s
            )
            wait(answers.values(), timeout=self._timeout_s + 5)
            doubtful = [
                partition
                for place, future in answers.items()
                if not self._took_offset(partition := Partition(place.topic, place.partition), future, found)
            ]
            # Only the cluster's own list says that a partition does not exist. One that does has no leader for the
            # moment (it was just made, or moves), or its broker did not answer.
            states = self.topics({partition.topic for partition in doubtful}) if doubtful else {}
            asked = [
                partition
                for partition in doubtful
                if (state := states[partition.topic]) is not None and partition.partition < state.partitions
            ]
            if asked and time.monotonic() > deadline:
                raise self._silent(f"offsets of {asked[0].topic} can't be read")
            if asked:
                time.sleep(_LOOK_AGAIN_S)
        return found

    def _took_offset(self, partition: Partition, future: Future[Any], found: dict[Partition, int]) -> bool:
        """Put the answer into `found`; False where it is none."""
        what = f"offsets of {partition.topic} can't be read"
        try:
            offset = self._result(future).offset
        except KafkaException as error:
            if error.args[0].code() in NO_LEADER_NOW | NO_SUCH_TOPIC:
                return False
            raise self._translated(what, error) from None
        except FutureTimeout:
            raise self._silent(what) from None
        # What the client gives, without an error, where the partition's broker did not answer in time.
        if offset == OFFSET_INVALID:
            return False
        found[partition] = offset
        return True

    def _topic_state(self, name: str, future: Future[Any]) -> TopicState | None:
        try:
            description = self._result(future)
        except KafkaException as error:
            if error.args[0].code() in NO_SUCH_TOPIC:
                return None
            raise self._translated(f"topic {name} can't be looked at", error) from None
        except FutureTimeout:
            raise self._silent(f"topic {name} can't be looked at") from None
        copies = [len(partition.replicas) for partition in description.partitions]
        leaderless = tuple(partition.id for partition in description.partitions if partition.leader is None)
        return TopicState(str(description.topic_id), len(copies), min(copies, default=0), leaderless)

    def _one(self, what: str, future: Future[Any]) -> Any:
        try:
            return self._result(future)
        except KafkaException as error:
            raise self._translated(f"{what} can't be read", error) from None
        except FutureTimeout:
            raise self._silent(f"{what} can't be read") from None

    def _result(self, future: Future[Answer]) -> Answer:
        try:
            # librdkafka ends the request by itself; the margin is for a client that got no turn.
            answer = future.result(timeout=self._timeout_s + 10)
        finally:
            # Log lines and `_on_error` wait for a poll, for ever if none comes.
            self._client.poll(0)
        self._login_error = None
        return answer

    def _on_error(self, error: KafkaError) -> None:
        # A wrong password shows only here: the request itself just runs into its time limit.
        if is_login_refused(error):
            self._login_error = error

    def _silent(self, what: str) -> ReconcileError:
        return kafka_error(what, self._config, KafkaError(KafkaError._TIMED_OUT), self._login_error)

    def _translated(self, what: str, error: KafkaException) -> ReconcileError:
        return kafka_error(what, self._config, error.args[0], self._login_error)
