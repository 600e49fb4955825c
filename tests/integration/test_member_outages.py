"""Postgres and Kafka stopped, killed and started again under load: red with the reason, green by itself, no loss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stream_reconcile.embedded import EmbeddedKafka, EmbeddedPostgres
from stream_reconcile.store.migrations import migrate
from support.histories import history_log
from support.member_processes import MemberProcess, member_process
from support.members import SCHEMA, Stage, load
from support.real_log import RealLog
from support.waiting import wait_until
from support.wire_data import ACCOUNT

pytestmark = pytest.mark.timeout(240)


@contextmanager
def member_under_load(stage: Stage, folder: Path) -> Iterator[MemberProcess]:
    """A member that applies records while they keep coming; at the end all that came have to be in the tables, once."""
    # More than a slow machine gets to: the rest does not come.
    log, _ = history_log(91, 600, ACCOUNT, sweep=True)
    with member_process(stage, folder) as member:
        member.wait_ready()
        with load(stage, log.records, at_once=5, every_s=0.1, whole=False) as sender:
            goes_on(stage, member)
            yield member
            assert sender.is_alive(), "the load ended before the last outage"
        stage.wait_drained()
        member.stop()
    stage.assert_applied()
    stage.assert_no_alarm()


def goes_on(stage: Stage, member: MemberProcess) -> None:
    def events() -> int:
        return int(stage.rows("SELECT count(*) FROM order_events")[0][0])

    member.wait_ready(90)
    before = events()
    wait_until(lambda: events() > before, timeout=30, what="records to be applied")


def test_postgres_goes_away_under_load(
    kafka: str, topic_prefix: str, own_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    migrate(own_postgres.dsn, SCHEMA)
    with RealLog(kafka, topic_prefix) as log:
        stage = Stage(log, own_postgres.dsn, topic_prefix)
        with member_under_load(stage, tmp_path) as member:
            own_postgres.stop()
            assert "Postgres" in member.wait_not_ready("postgres")
            assert "Postgres" in member.wait_not_ready("apply")
            own_postgres.start()
            goes_on(stage, member)

            for _ in range(2):
                own_postgres.kill()
                own_postgres.start()
                goes_on(stage, member)


def test_kafka_goes_away_under_load(own_kafka: EmbeddedKafka, database: str, tmp_path: Path) -> None:
    with RealLog(own_kafka.bootstrap_servers, "outage") as log:
        stage = Stage(log, database, "outage")
        with member_under_load(stage, tmp_path) as member:
            own_kafka.kill()
            own_kafka.start()
            goes_on(stage, member)

            said_before = len(member.output)
            own_kafka.stop()
            assert "Kafka" in member.wait_not_ready("kafka")
            assert "Kafka" in member.wait_not_ready("apply")
            said = member.output[said_before:]
            left = said.find("partitions_released")  # leaving the group takes up to ten seconds now
            assert left == -1 or said.index('"part": "apply", "ready": false') < left
            own_kafka.start()
            goes_on(stage, member)
            assert member.output.count('"kafka_connection"') < 20, "the log says the same again and again"
