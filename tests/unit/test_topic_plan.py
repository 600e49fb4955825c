"""How many copies a topic gets where nobody said."""

from __future__ import annotations

import pytest

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.log.topic_check import TopicPlan
from stream_reconcile.log.topics import Topics, record_key


@pytest.mark.parametrize(("brokers", "copies", "in_sync"), [(0, 1, 1), (1, 1, 1), (2, 2, 1), (3, 3, 2), (12, 3, 2)])
def test_copies_follow_the_number_of_brokers(brokers: int, copies: int, in_sync: int) -> None:
    plan = TopicPlan()
    assert plan.copies(brokers) == copies
    assert plan.in_sync(plan.copies(brokers)) == in_sync


def test_what_was_said_wins() -> None:
    plan = TopicPlan(replication_factor=5, min_insync_replicas=3, retention_ms=1000)
    assert plan.copies(3) == 5
    assert plan.settings(5)["min.insync.replicas"] == "3"
    assert plan.settings(5)["retention.ms"] == "1000"


def test_names_have_the_prefix_and_their_version() -> None:
    assert Topics().trade_updates == "alpaca.trade-updates.v1"
    topics = Topics("paper.alpaca.")
    assert topics.all == (
        topics.trade_updates,
        topics.order_snapshots,
        topics.fill_activities,
        topics.adjustments,
        topics.account_snapshots,
        topics.stream_sessions,
        topics.trade_decisions,
        topics.proofs,
    )
    assert topics.applied == topics.all[:5]
    assert all(name.startswith("paper.alpaca.") and name.endswith(".v1") for name in topics.all)
    assert topics.record(topics.fill_activities) == "fill_activity"


def test_a_topic_of_somebody_else_has_no_record_type() -> None:
    with pytest.raises(ConfigError, match="prefix"):
        Topics("paper.").record("alpaca.trade-updates.v1")


def test_a_key_is_account_and_order() -> None:
    assert record_key("acc", "order") == b"acc/order"
    assert record_key("acc") == b"acc/"
    assert record_key("acc", "\ud800") == b"acc/?"
