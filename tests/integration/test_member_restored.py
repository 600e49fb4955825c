"""F4: Postgres is an older copy of itself. Noticed, recorded; the database wins, and the log is applied again."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import conninfo

from stream_reconcile.log.topics import Partition
from stream_reconcile.store.batch import Record
from support.histories import history_log
from support.members import Stage, applying
from support.real_log import RealLog
from support.servers import create_database, drop_database
from support.waiting import wait_until
from support.wire_data import ACCOUNT


@pytest.fixture
def stage(kafka: str, topic_prefix: str, database: str) -> Iterator[Stage]:
    with RealLog(kafka, topic_prefix) as log:
        yield Stage(log, database, topic_prefix)


@pytest.fixture
def backup_of(database: str, postgres_server: str) -> Iterator[str]:
    """Name of a database that a test may make as a copy of its own."""
    name = f"{conninfo.conninfo_to_dict(database)['dbname']}_copy"
    yield name
    drop_database(postgres_server, name)


def fallen_back(before: dict[Partition, int], after: dict[Partition, int]) -> dict[str, dict[str, int]]:
    """What has to be recorded, by subject."""
    return {
        f"{p.topic}:{p.partition}": {"acknowledged": after[p], "found": before[p]}
        for p in after
        if after[p] > before[p]
    }


def recorded(stage: Stage) -> dict[str, dict[str, int]]:
    return {subject: evidence["ours"] for _, subject, _, evidence in stage.findings("cursor_mismatch")}


def wait_closed(stage: Stage) -> None:
    def states() -> set[str]:
        return {state for _, _, state, _ in stage.findings("cursor_mismatch")}

    wait_until(lambda: states() == {"resolved"}, what="F4 to close by itself")


def test_an_older_copy_found_at_start(stage: Stage, database: str, postgres_server: str, backup_of: str) -> None:
    log, _ = history_log(71, 60, ACCOUNT, sweep=True)
    half = len(log.records) // 2
    stage.log.produce(log.records[:half])
    with applying(stage):
        stage.wait_drained()
    before = stage.cursors()
    copy = create_database(postgres_server, backup_of, template=str(conninfo.conninfo_to_dict(database)["dbname"]))
    stage.log.produce(log.records[half:])
    with applying(stage):
        stage.wait_drained()
    after = stage.cursors()

    stage.dsn = copy
    assert stage.cursors() == before
    # While nothing can be written, F4 shows as open, and that the cursors were not moved to where the group is.
    with psycopg.connect(copy, autocommit=True) as other, other.transaction():
        other.execute("LOCK TABLE reconcile.executions IN SHARE MODE")
        with applying(stage) as member:
            wait_until(lambda: recorded(stage) == fallen_back(before, after), what="F4 of each partition")
            assert {state for _, _, state, _ in stage.findings("cursor_mismatch")} == {"open"}
            assert stage.cursors() == before
            other.execute("ROLLBACK")
            stage.wait_drained()
            wait_closed(stage)
            assert member.metric("batch_events_sum") == len(log.records) - half
    stage.assert_applied()
    assert stage.findings("retention_loss", "stream_gap") == []

    # All is as it was: the next start has nothing to say.
    with applying(stage) as member:
        member.wait_ready()
    assert len(stage.findings("cursor_mismatch")) == len(fallen_back(before, after))


@pytest.mark.parametrize("copy_of", ["this member", "the member before"])
def test_an_older_copy_found_while_running(stage: Stage, copy_of: str) -> None:
    log, _ = history_log(72, 60, ACCOUNT, sweep=True)
    half = len(log.records) // 2
    stage.log.produce(log.records[:half])
    with applying(stage) as member:
        stage.wait_drained()
        if copy_of == "this member":
            stage.keep_copy()
            before = stage.cursors()
            restored_later(stage, log.records[half:], before)
            assert member.metric("second_writer_total") == 0
            member.wait_ready()
    if copy_of == "the member before":
        stage.keep_copy()
        before = stage.cursors()
        with applying(stage) as member:
            restored_later(stage, log.records[half:], before)
            # Its rows name another owner: it gave them up, joined again, and claimed them.
            assert member.metric("second_writer_total") >= 1
            member.wait_ready()
    stage.assert_applied()
    assert stage.findings("second_writer", "retention_loss", "stream_gap") == []


def restored_later(stage: Stage, more: list[Record], before: dict[Partition, int]) -> None:
    """Apply more, restore the copy under the running member, and see it notice, catch up and close."""
    stage.log.produce(more)
    stage.wait_drained()
    after = stage.cursors()
    stage.restore_copy()
    assert stage.cursors() == before
    wait_until(lambda: recorded(stage).keys() >= fallen_back(before, after).keys(), what="F4 of each partition")
    found = recorded(stage)
    for subject, wanted in fallen_back(before, after).items():
        assert found[subject] == wanted
    stage.wait_drained()
    wait_closed(stage)
