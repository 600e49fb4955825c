"""Topics are made with explicit settings, and looked at at every start: what differs is said with what to do.

An error is what breaks a guarantee (`ensure_topics` raises SchemaMismatch for it); a warning is what weakens one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import structlog

from stream_reconcile.core.errors import SchemaMismatch
from stream_reconcile.log.admin import KafkaAdmin, TopicState
from stream_reconcile.log.connection import MAX_MESSAGE_BYTES
from stream_reconcile.log.topics import Topics

log = structlog.get_logger()

DEFAULT_PARTITIONS: Final = 8
FOR_EVER: Final = -1
_MOST_COPIES: Final = 3

# A created topic reaches the brokers' metadata a little later than its creation is acknowledged.
_KNOWN_WITHIN_S: Final = 20.0
_LOOK_AGAIN_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """What the topics are to be like. None: as many copies as there are brokers, at most 3, and all but one of them
    in sync (at least one)."""

    partitions: int = DEFAULT_PARTITIONS
    retention_ms: int = FOR_EVER
    replication_factor: int | None = None
    min_insync_replicas: int | None = None

    def copies(self, brokers: int) -> int:
        """Copies of each partition on a cluster of so many brokers."""
        return self.replication_factor or max(1, min(_MOST_COPIES, brokers))

    def in_sync(self, copies: int) -> int:
        """Copies that must have a record before it is acknowledged."""
        return self.min_insync_replicas or max(1, copies - 1)

    def settings(self, copies: int) -> dict[str, str]:
        """Kafka's topic settings, each said outright: a broker's defaults may be anything."""
        return {
            "cleanup.policy": "delete",
            "compression.type": "producer",
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            "message.timestamp.type": "CreateTime",
            "min.insync.replicas": str(self.in_sync(copies)),
            "retention.bytes": "-1",
            "retention.ms": str(self.retention_ms),
            "unclean.leader.election.enable": "false",
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a topic that is not as it should be. `message` is a sentence that says what to do."""

    severity: Literal["error", "warning"]
    topic: str
    setting: str
    message: str


def ensure_topics(
    admin: KafkaAdmin, topics: Topics, plan: TopicPlan | None = None, *, create: bool = True
) -> list[Finding]:
    """Create the topics that are missing and look at all of them; gives the warnings.

    Raises SchemaMismatch, with all errors in its message, if a topic can't be worked with; KafkaUnreachable,
    CredentialsRefused, RefusedError.
    """
    plan = plan or TopicPlan()
    if create:
        missing = [name for name, state in admin.topics(topics.all).items() if state is None]
        if missing:
            copies = plan.copies(admin.cluster().brokers)
            made = admin.create_topics(
                missing, partitions=plan.partitions, replication_factor=copies, settings=plan.settings(copies)
            )
            log.info("topics_created", topics=made, partitions=plan.partitions, replication_factor=copies)
            _wait_for(admin, missing)
    findings = check_topics(admin, topics, plan)
    errors = [finding.message for finding in findings if finding.severity == "error"]
    if errors:
        raise SchemaMismatch("; ".join(errors))
    return findings


def _wait_for(admin: KafkaAdmin, names: list[str]) -> None:
    """Wait until brokers know the new topics and their leaders; what is missing after that, the check says."""
    deadline = time.monotonic() + _KNOWN_WITHIN_S
    while time.monotonic() < deadline:
        states = admin.topics(names).values()
        if all(state is not None and not state.leaderless for state in states):
            return
        time.sleep(_LOOK_AGAIN_S)


def check_topics(admin: KafkaAdmin, topics: Topics, plan: TopicPlan | None = None) -> list[Finding]:
    """Everything about the topics that is not as it should be, errors first; changes nothing.

    Raises KafkaUnreachable, CredentialsRefused, RefusedError.
    """
    plan = plan or TopicPlan()
    states = admin.topics(topics.all)
    there = {name: state for name, state in states.items() if state is not None}
    settings = admin.topic_settings(there) if there else {}
    findings = [missing for name, state in states.items() if state is None for missing in _missing(name, plan)]
    for name, state in there.items():
        findings += _partition_count(name, state, topics, plan)
        findings += _copies(name, state, settings[name], plan)
        findings += _settings(name, settings[name], plan)
    return sorted(findings, key=lambda finding: finding.severity != "error")


def _missing(name: str, plan: TopicPlan) -> Iterator[Finding]:
    yield Finding(
        "error",
        name,
        "topic",
        f"topic {name} does not exist: let the program create it, or create it with {plan.partitions} partitions and "
        "the settings in docs/kafka.md",
    )


def _partition_count(name: str, state: TopicState, topics: Topics, plan: TopicPlan) -> Iterator[Finding]:
    if name not in topics.applied or state.partitions == plan.partitions:
        return
    alike = "all topics that apply reads need the same count, so that one member gets all of an order"
    if state.partitions < plan.partitions:
        advice = (
            f"add partitions (kafka-topics.sh --alter --topic {name} --partitions {plan.partitions}), or set "
            f"RECONCILE_PARTITIONS={state.partitions} if the others have as many"
        )
    else:
        advice = (
            f"Kafka can't take partitions away: set RECONCILE_PARTITIONS={state.partitions} and add partitions to the "
            "others, or take new topics with another RECONCILE_TOPIC_PREFIX"
        )
    yield Finding(
        "error",
        name,
        "partitions",
        f"topic {name} has {state.partitions} partitions and needs {plan.partitions} ({alike}): {advice}",
    )


def _copies(name: str, state: TopicState, settings: Mapping[str, str], plan: TopicPlan) -> Iterator[Finding]:
    if state.leaderless:
        partitions = ", ".join(map(str, state.leaderless))
        yield Finding(
            "warning",
            name,
            "leader",
            f"topic {name} has no leader for partition {partitions} now: nothing can be written there or read from "
            "there until a broker that holds it is back",
        )
    in_sync = int(settings["min.insync.replicas"])
    if in_sync > state.replication_factor:
        yield Finding(
            "error",
            name,
            "min.insync.replicas",
            f"topic {name} has {state.replication_factor} copies and min.insync.replicas={in_sync}, so nothing can be "
            "written: lower the setting or add copies",
        )
    wanted = plan.replication_factor
    if wanted is not None and state.replication_factor < wanted:
        yield Finding(
            "warning",
            name,
            "replication factor",
            f"topic {name} has {state.replication_factor} copies of each partition, not {wanted}: add copies with "
            "kafka-reassign-partitions.sh",
        )
    least = plan.in_sync(state.replication_factor)
    if in_sync < least:
        yield Finding(
            "warning",
            name,
            "min.insync.replicas",
            f"topic {name} has min.insync.replicas={in_sync}, so what is acknowledged may be on {in_sync} of "
            f"{state.replication_factor} brokers only: set it to {least}",
        )


def _settings(name: str, settings: Mapping[str, str], plan: TopicPlan) -> Iterator[Finding]:
    def finding(severity: Literal["error", "warning"], setting: str, harm: str, wanted: str) -> Finding:
        return Finding(
            severity,
            name,
            setting,
            f"topic {name} has {setting}={settings[setting]}, so {harm}: set it to {wanted} "
            f"(kafka-configs.sh --alter --topic {name} --add-config {setting}={wanted})",
        )

    if settings["cleanup.policy"] != "delete":
        # A key names an order, not a record: compaction would keep the last frame of each.
        yield finding("error", "cleanup.policy", "Kafka throws away all but the last record of each order", "delete")
    wanted_ms = str(plan.retention_ms)
    if settings["retention.ms"] != wanted_ms:
        if int(settings["retention.ms"]) == FOR_EVER:
            harm = "records are kept for ever and not as long as the configuration says"
        else:
            days = int(settings["retention.ms"]) / 86_400_000
            harm = f"records go after {days:.3g} days and a replay can't go back further (I10 ends there)"
        yield finding("warning", "retention.ms", harm, wanted_ms)
    elif plan.retention_ms != FOR_EVER:
        yield finding("warning", "retention.ms", "a replay can't go back further (I10 ends there)", str(FOR_EVER))
    if settings["retention.bytes"] != "-1":
        yield finding("warning", "retention.bytes", "records go when the topic grows past that size", "-1")
    if int(settings["max.message.bytes"]) < MAX_MESSAGE_BYTES:
        yield finding("warning", "max.message.bytes", "a larger record would be refused", str(MAX_MESSAGE_BYTES))
    if settings["message.timestamp.type"] != "CreateTime":
        harm = "times of records are those of Kafka, not those at which we wrote them"
        yield finding("warning", "message.timestamp.type", harm, "CreateTime")
    if settings["unclean.leader.election.enable"] != "false":
        harm = "a broker that lags may lead and acknowledged records be lost"
        yield finding("warning", "unclean.leader.election.enable", harm, "false")
