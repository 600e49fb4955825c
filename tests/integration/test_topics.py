"""Topics are made as planned, and whatever is not as planned is found, with what to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from stream_reconcile.core.errors import RefusedError, SchemaMismatch
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topic_check import Finding, TopicPlan, check_topics, ensure_topics
from stream_reconcile.log.topics import Topics
from support.waiting import wait_until


@pytest.fixture
def admin(kafka: str) -> Iterator[KafkaAdmin]:
    with KafkaAdmin(KafkaConfig(kafka)) as admin:
        yield admin


@pytest.fixture
def topics(topic_prefix: str) -> Topics:
    return Topics(f"{topic_prefix}.")


def make(kafka: str, name: str, partitions: int, **settings: str) -> None:
    """A topic as somebody else would make it; `_` in a setting's name stands for a dot."""
    config = {key.replace("_", "."): value for key, value in settings.items()}
    client = AdminClient({"bootstrap.servers": kafka})
    client.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(timeout=20)
    wait_until(lambda: name in client.list_topics(timeout=10).topics, what=f"{name} to be known")


def about(findings: list[Finding], topic: str, setting: str) -> Finding:
    (found,) = [finding for finding in findings if (finding.topic, finding.setting) == (topic, setting)]
    return found


def test_topics_are_made_with_settings_of_their_own(admin: KafkaAdmin, topics: Topics) -> None:
    assert ensure_topics(admin, topics) == []
    states = admin.topics(topics.all)
    assert {state.partitions for state in states.values() if state is not None} == {8}
    assert len({state.topic_id for state in states.values() if state is not None}) == 8
    for settings in admin.topic_settings(topics.all).values():
        assert settings["cleanup.policy"] == "delete"
        assert settings["retention.ms"] == "-1"
        assert settings["retention.bytes"] == "-1"
        assert settings["min.insync.replicas"] == "1"
        assert settings["max.message.bytes"] == str(8 * 1024 * 1024)
        assert settings["message.timestamp.type"] == "CreateTime"
        assert settings["unclean.leader.election.enable"] == "false"
    assert ensure_topics(admin, topics, create=False) == []


def test_a_plan_of_ones_own_is_followed(admin: KafkaAdmin, topics: Topics) -> None:
    plan = TopicPlan(partitions=3, retention_ms=86_400_000)
    findings = ensure_topics(admin, topics, plan)
    # A limit that was wished for is still said: a replay ends there.
    assert {(finding.severity, finding.setting) for finding in findings} == {("warning", "retention.ms")}
    states = admin.topics(topics.all)
    assert {state.partitions for state in states.values() if state is not None} == {3}


def test_missing_topics_are_named_and_not_made_when_told_so(admin: KafkaAdmin, topics: Topics) -> None:
    with pytest.raises(SchemaMismatch, match=topics.trade_updates):
        ensure_topics(admin, topics, create=False)
    assert set(admin.topics(topics.all).values()) == {None}
    findings = check_topics(admin, topics)
    assert [finding.topic for finding in findings] == list(topics.all)
    assert {(finding.severity, finding.setting) for finding in findings} == {("error", "topic")}


def test_a_topic_with_too_few_partitions_stops_the_start(kafka: str, admin: KafkaAdmin, topics: Topics) -> None:
    make(kafka, topics.fill_activities, 3)
    with pytest.raises(SchemaMismatch) as caught:
        ensure_topics(admin, topics)
    message = str(caught.value)
    assert f"topic {topics.fill_activities} has 3 partitions and needs 8" in message
    assert f"--alter --topic {topics.fill_activities} --partitions 8" in message
    assert "RECONCILE_PARTITIONS=3" in message
    # The others were made: the next start has only this left to complain of.
    assert [finding.topic for finding in check_topics(admin, topics) if finding.severity == "error"] == [
        topics.fill_activities
    ]


def test_too_many_partitions_cannot_be_taken_away(kafka: str, admin: KafkaAdmin, topics: Topics) -> None:
    make(kafka, topics.trade_updates, 4)
    plan = TopicPlan(partitions=2)
    with pytest.raises(SchemaMismatch, match=r"has 4 partitions and needs 2 .*can't take partitions away"):
        ensure_topics(admin, topics, plan)


def test_topics_that_apply_does_not_read_may_have_any_count(kafka: str, admin: KafkaAdmin, topics: Topics) -> None:
    make(kafka, topics.stream_sessions, 1, retention_ms="-1", max_message_bytes="8388608")
    assert ensure_topics(admin, topics) == []


@pytest.mark.parametrize(
    ("settings", "setting", "severity", "words"),
    [
        ({"cleanup_policy": "compact"}, "cleanup.policy", "error", "all but the last record of each order"),
        ({"min_insync_replicas": "2"}, "min.insync.replicas", "error", "nothing can be written"),
        ({"retention_ms": "604800000"}, "retention.ms", "warning", "records go after 7 days"),
        ({"retention_bytes": "1000000"}, "retention.bytes", "warning", "past that size"),
        ({"max_message_bytes": "1000000"}, "max.message.bytes", "warning", "would be refused"),
        ({"message_timestamp_type": "LogAppendTime"}, "message.timestamp.type", "warning", "of Kafka"),
        ({"unclean_leader_election_enable": "true"}, "unclean.leader.election.enable", "warning", "be lost"),
    ],
)
def test_each_setting_that_harms_is_found(
    kafka: str, admin: KafkaAdmin, topics: Topics, settings: dict[str, str], setting: str, severity: str, words: str
) -> None:
    as_planned = {"retention_ms": "-1", "max_message_bytes": "8388608"}
    make(kafka, topics.trade_updates, 2, **as_planned | settings)
    findings = [finding for finding in check_topics(admin, topics, TopicPlan(2)) if finding.setting != "topic"]
    found = about(findings, topics.trade_updates, setting)
    assert len(findings) == 1
    assert found.severity == severity
    assert words in found.message
    assert topics.trade_updates in found.message


def test_copies_that_the_cluster_has_no_brokers_for_are_refused(admin: KafkaAdmin, topics: Topics) -> None:
    with pytest.raises(RefusedError, match=r"can't be created.*INVALID_REPLICATION_FACTOR"):
        ensure_topics(admin, topics, TopicPlan(replication_factor=3))


def test_fewer_copies_than_planned_are_said(admin: KafkaAdmin, topics: Topics) -> None:
    ensure_topics(admin, topics, TopicPlan(partitions=1))
    findings = check_topics(admin, topics, TopicPlan(partitions=1, replication_factor=3))
    found = about(findings, topics.adjustments, "replication factor")
    assert found.severity == "warning"
    assert "has 1 copies of each partition, not 3" in found.message


def test_two_programs_may_make_the_topics_at_once(kafka: str, admin: KafkaAdmin, topics: Topics) -> None:
    assert admin.create_topics(topics.all[:1], partitions=2, replication_factor=1, settings={}) == [topics.all[0]]
    assert admin.create_topics(topics.all[:1], partitions=2, replication_factor=1, settings={}) == []
