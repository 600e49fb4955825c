"""Kafka: reachable, topics as they must be, rights, group protocol; and the schema registry."""

from __future__ import annotations

from collections.abc import Iterator

from confluent_kafka import libversion

from stream_reconcile.commands.check.findings import Finding, Level
from stream_reconcile.commands.servers import Servers, codec_factory, kafka_properties, topic_plan, topics
from stream_reconcile.config import Settings
from stream_reconcile.config_values import is_loopback
from stream_reconcile.core.errors import RefusedError
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.topic_check import check_topics


def check_kafka(settings: Settings, servers: Servers) -> Iterator[Finding]:
    """All about Kafka. Raises KafkaUnreachable, CredentialsRefused, RefusedError."""
    named, plan = topics(settings), topic_plan(settings)
    with KafkaAdmin(servers.kafka) as admin:
        cluster = admin.cluster()
        yield Finding(
            Level.OK,
            "kafka",
            f"{servers.kafka.bootstrap_servers}{' (embedded)' if servers.embedded else ''}: cluster "
            f"{cluster.cluster_id} with {cluster.brokers} brokers; our client is librdkafka {libversion()[0]}",
        )
        yield from _check_exposure(settings, servers)
        yield from _check_protocol(admin, settings)
        states = admin.topics(named.all)
        there = [name for name, state in states.items() if state is not None]
        if not there:
            yield Finding(
                Level.WARNING,
                "topics",
                f"none of {settings.topic_prefix}… is there yet: `stream-reconcile run` makes them",
            )
            return
        found = check_topics(admin, named, plan)
        for finding in found:
            missing = finding.setting == "topic"
            level = Level.WRONG if finding.severity == "error" and not missing else Level.WARNING
            yield Finding(level, "topics", finding.message)
        if not found:
            yield Finding(Level.OK, "topics", f"{len(there)} topics {settings.topic_prefix}… are as they must be")
        yield from _check_rights(admin, there, settings.consumer_group)


def check_registry(settings: Settings) -> Iterator[Finding]:
    """The registry answers and has our schemas; what is not there yet is registered, as `run` would."""
    if settings.schema_registry_url is None:
        return
    codec_factory(settings)()
    yield Finding(Level.OK, "registry", "the schema registry answers and has our schemas")


def _check_exposure(settings: Settings, servers: Servers) -> Iterator[Finding]:
    hosts = [server.rpartition(":")[0].strip("[]") for server in servers.kafka.bootstrap_servers.split(",")]
    protocol = kafka_properties(settings)["security.protocol"]
    if not servers.embedded and "SSL" not in str(protocol).upper() and not all(map(is_loopback, hosts)):
        yield Finding(
            Level.WARNING,
            "kafka",
            f"what goes to {servers.kafka.bootstrap_servers} is not encrypted: set KAFKA_SECURITY_PROTOCOL to SSL or "
            "SASL_SSL",
        )


def _check_protocol(admin: KafkaAdmin, settings: Settings) -> Iterator[Finding]:
    try:
        protocols = admin.group_protocols()
    except RefusedError:
        protocols = frozenset()  # needs a right on the cluster that nothing else needs
    if "consumer" in protocols:
        yield Finding(Level.OK, "kafka", "the brokers know the rebalance protocol of KIP-848")
    elif not protocols:
        yield Finding(Level.OK, "kafka", "the brokers don't say which rebalance protocols they know; apply finds out")
    elif settings.group_protocol == "consumer":
        yield Finding(
            Level.WRONG,
            "kafka",
            "RECONCILE_GROUP_PROTOCOL=consumer needs Kafka 4.0 or newer, which this is not: write auto or classic",
        )
    else:
        yield Finding(Level.OK, "kafka", "the brokers are older than 4.0: apply uses the classic rebalance protocol")


def _check_rights(admin: KafkaAdmin, names: list[str], group: str) -> Iterator[Finding]:
    missing = admin.missing_rights(names, group)
    for what, operations in missing.items():
        yield Finding(
            Level.WRONG,
            "kafka",
            f"our user may not {', '.join(operations)} {what}: give it the rights in docs/kafka.md",
        )
    if not missing:
        yield Finding(Level.OK, "kafka", "our user may read and write the topics, and read as the consumer group")
