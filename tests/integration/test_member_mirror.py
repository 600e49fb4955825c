"""What Kafka's own tools see of a group is what `lag` says: the mirror of the database cursor (DESIGN §3)."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import OffsetSpec

from stream_reconcile.commands.lag import lag_json
from stream_reconcile.jobs.lag import LagReader
from stream_reconcile.log.topics import Partition
from support.command import stream_reconcile
from support.histories import history_log
from support.member_processes import member_process, stage_settings
from support.members import SCHEMA, Stage, applying
from support.real_log import RealLog
from support.waiting import wait_until
from support.wire_data import ACCOUNT


class Position(NamedTuple):
    """Committed offset, end offset and lag of a partition."""

    committed: int
    end: int
    lag: int


@pytest.fixture
def stage(kafka: str, topic_prefix: str, database: str) -> Iterator[Stage]:
    with RealLog(kafka, topic_prefix) as log:
        yield Stage(log, database, topic_prefix)


def kafka_says(stage: Stage) -> dict[Partition, Position]:
    """By Kafka's own admin API, as its group tools compute it; a partition without a commit is left out."""
    client = stage.log.client
    (answer,) = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(stage.group)]).values()
    committed = {Partition(p.topic, p.partition): p.offset for p in answer.result(timeout=20).topic_partitions}
    futures = client.list_offsets({TopicPartition(*partition): OffsetSpec.latest() for partition in committed})
    ends = {
        Partition(place.topic, place.partition): future.result(timeout=20).offset for place, future in futures.items()
    }
    return {p: Position(offset, ends[p], ends[p] - offset) for p, offset in committed.items()}


def we_say(report: dict[str, object]) -> dict[Partition, Position]:
    """By the JSON of `lag`, partitions without a cursor left out, as Kafka leaves them out."""
    parts = report["partitions"]
    assert isinstance(parts, list)
    assert all(part["lag"] >= 0 for part in parts)
    return {
        Partition(part["topic"], part["partition"]): Position(part["next_offset"], part["end_offset"], part["lag"])
        for part in parts
        if part["next_offset"] >= 0
    }


def by_command(stage: Stage, folder: Path) -> dict[Partition, Position]:
    """What `stream-reconcile lag --json` prints."""
    result = stream_reconcile("lag", "--json", settings=stage_settings(stage), folder=folder)
    assert result.returncode == 0, result.stderr
    return we_say(json.loads(result.stdout))


def test_the_group_and_lag_agree_while_records_keep_coming_and_when_drained(stage: Stage, tmp_path: Path) -> None:
    log, _ = history_log(61, 150, ACCOUNT, sweep=True)
    stop = threading.Event()

    def keep_sending() -> None:
        # In gusts: between two of them, three looks in a row can see the same.
        for start in range(0, len(log.records), 7):
            stage.log.produce(log.records[start : start + 7])
            if stop.wait(0.2):
                return

    sender = threading.Thread(target=keep_sending)
    kafka = stage.log.kafka
    with (
        applying(stage),
        LagReader(stage.dsn, SCHEMA, kafka, group=stage.group, topics=stage.log.topics, limit_seconds=60) as reader,
    ):
        # The admin client waits for a minute when it asks before the group's coordinator is there.
        shown = partial(stage.log.admin.group_offsets, stage.group, stage.log.partitions)
        wait_until(lambda: len(shown()) == len(stage.log.partitions), what="the group to show all partitions")
        sender.start()
        agreed: set[int] = set()

        def agree_again() -> bool:
            before, ours, after = kafka_says(stage), we_say(lag_json(reader.read())), kafka_says(stage)
            for partition, low in before.items():
                mine, high = ours[partition], after[partition]
                # The mirror follows the commit: it never runs ahead, and nothing moves backwards.
                assert low.committed <= mine.committed
                assert low.end <= mine.end <= high.end
                assert min(low.lag, mine.lag, high.lag) >= 0
            if before == ours == after:
                agreed.add(sum(position.end for position in ours.values()))
            return len(agreed) >= 10

        try:
            wait_until(agree_again, timeout=40, what="both to agree at ten moments")
        finally:
            stop.set()
            sender.join(30)
        stage.wait_drained()
        wait_until(lambda: kafka_says(stage) == we_say(lag_json(reader.read())), what="the mirror of the last commit")
    drained = kafka_says(stage)
    assert {position.lag for position in drained.values()} == {0}
    assert by_command(stage, tmp_path) == drained
    stage.assert_applied()


def test_both_show_the_same_lag_of_a_member_that_stands_still(stage: Stage, tmp_path: Path) -> None:
    log, _ = history_log(62, 60, ACCOUNT, sweep=True)
    stage.log.produce(log.records[::2])
    with member_process(stage, tmp_path) as member:
        member.wait_ready()
        stage.wait_drained()
        wait_until(lambda: {p.lag for p in kafka_says(stage).values()} == {0}, what="the mirror")
        os.kill(member.pid, signal.SIGSTOP)
        stage.log.produce(log.records[1::2])
        found = kafka_says(stage)
        assert sum(position.lag for position in found.values()) > 100
        assert by_command(stage, tmp_path) == found
        os.kill(member.pid, signal.SIGCONT)
        stage.wait_drained()
        wait_until(lambda: {p.lag for p in kafka_says(stage).values()} == {0}, what="the mirror")
        member.stop()
    assert by_command(stage, tmp_path) == kafka_says(stage)
    stage.assert_applied()


def test_a_mirror_that_is_not_where_the_cursor_is_is_put_right_without_a_record(stage: Stage, tmp_path: Path) -> None:
    log, _ = history_log(63, 30, ACCOUNT, sweep=True)
    stage.log.produce(log.records)
    with applying(stage):
        stage.wait_drained()
    ends = stage.log.ends()
    # As a member leaves it that is killed between its commit in Postgres and the mirror; and moved by hand, too far.
    for wrong in (dict.fromkeys(ends, 0), {partition: end + 5 for partition, end in ends.items()}):
        stage.move_group(wrong)
        with applying(stage):
            wait_until(
                lambda: kafka_says(stage) == {partition: Position(end, end, 0) for partition, end in ends.items()},
                what="the mirror to show the cursors",
            )
    assert by_command(stage, tmp_path) == kafka_says(stage)
    assert stage.findings("cursor_mismatch") == []
