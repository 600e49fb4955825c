"""How long the oldest record of a batch was on its way: which record that is, and what is observed of it."""

from __future__ import annotations

import pytest
from confluent_kafka import Message

from stream_reconcile.core.cursors import Cursor
from stream_reconcile.jobs.apply.decode import Decoded
from stream_reconcile.jobs.apply.positions import Positions, Run
from stream_reconcile.jobs.apply.tally import Passage, Tally, passage
from stream_reconcile.log.codec import Envelope, SingleObjectCodec
from stream_reconcile.log.topics import Partition, Topics
from stream_reconcile.metrics import Metrics
from stream_reconcile.store.batch import Written

TOPICS = Topics()
FIRST, SECOND = Partition(TOPICS.trade_updates, 0), Partition(TOPICS.order_snapshots, 0)
CODEC = SingleObjectCodec(TOPICS)
RECEIVED, PRODUCED, CONSUMED = 1_000.0, 1_001.0, 1_003.5


def message(partition: Partition, offset: int, produced: float, value: bytes = b"") -> Message:
    return Message(
        topic=partition.topic, partition=0, offset=offset, timestamp=(1, round(produced * 1000)), value=value
    )


def positions(**max_offsets: int) -> Positions:
    found = Positions()
    for partition, max_offset in zip((FIRST, SECOND), max_offsets.values(), strict=True):
        found.put(partition, Cursor(0, 1, "me", "topic-id"), max_offset)
    return found


def test_it_is_the_oldest_of_all_partitions() -> None:
    older, newer = message(SECOND, 7, 1_000), message(FIRST, 3, 2_000)
    found = passage(
        [Run(FIRST, [newer]), Run(SECOND, [older, message(SECOND, 8, 3_000)])], positions(first=3, second=7)
    )
    assert found is not None
    assert found.message is older
    assert found.consumed > 2_000


def test_records_of_a_rewind_are_left_out() -> None:
    rewound, new = message(SECOND, 7, 1_000), message(FIRST, 3, 2_000)
    known = positions(first=3, second=8)
    found = passage([Run(FIRST, [new]), Run(SECOND, [rewound])], known)
    assert found is not None
    assert found.message is new
    assert passage([Run(SECOND, [rewound])], known) is None


def test_a_record_without_a_time_is_left_out() -> None:
    timeless = Message(topic=FIRST.topic, partition=0, offset=3, timestamp=(0, 0), value=b"")
    assert passage([Run(FIRST, [timeless])], positions(first=3, second=0)) is None


def observed(passed: Passage | None, monkeypatch: pytest.MonkeyPatch) -> dict[str, float | None]:
    """Sum of each stage, after one batch that is committed two seconds after it was taken up."""
    monkeypatch.setattr("time.time", lambda: CONSUMED + 2)
    metrics = Metrics("0")
    Tally(metrics.apply, CODEC).committed(Decoded(), Written(3, 1, (), ()), passed, records=4, seconds=0.5)
    assert metrics.registry.get_sample_value("reconcile_apply_events_total") == 4
    return {
        stage: metrics.registry.get_sample_value(f"reconcile_apply_{stage}_seconds_sum")
        for stage in ("produced_to_consumed", "consumed_to_committed", "received_to_committed")
    }


def test_each_stage_is_observed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    envelope = Envelope("account", "session", 1, int(RECEIVED * 1e9), "stream", "new", "order", b"{}")
    record = message(FIRST, 3, PRODUCED, CODEC.encode(FIRST.topic, envelope))
    assert observed(Passage(record, CONSUMED), monkeypatch) == {
        "produced_to_consumed": pytest.approx(2.5),
        "consumed_to_committed": pytest.approx(2),
        "received_to_committed": pytest.approx(5.5),
    }


def test_a_record_that_cannot_be_read_has_no_receipt_and_clocks_that_differ_no_negative_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert observed(Passage(message(FIRST, 3, CONSUMED + 9, b"junk"), CONSUMED), monkeypatch) == {
        "produced_to_consumed": 0,
        "consumed_to_committed": pytest.approx(2),
        "received_to_committed": 0,
    }


def test_a_batch_of_a_rewind_alone_is_not_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(observed(None, monkeypatch).values()) == {0}
