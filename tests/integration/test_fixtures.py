"""The fixtures themselves: what other tests take for granted."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from stream_reconcile.store.connect import connect
from stream_reconcile.store.migrations import require_current
from support.site import fill, put_discrepancy
from support.waiting import wait_until

pytest_plugins = ["pytester"]


def _tables(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'reconcile'").fetchall()
    return {name for (name,) in rows}


def test_an_empty_database_has_no_tables_of_ours(empty_database: str) -> None:
    assert _tables(empty_database) == set()


def test_a_database_is_migrated_and_its_changes_stay_with_the_test(database: str, empty_database: str) -> None:
    assert {"executions", "stream_cursors", "accounts"} <= _tables(database)
    assert database != empty_database


@pytest.mark.parametrize("run", [1, 2])
def test_each_test_gets_a_fresh_database(database: str, run: int) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE reconcile.mark (run int)")  # would fail in a database of the other run


@pytest.mark.rows_only
@pytest.mark.parametrize("run", [1, 2])
def test_tests_of_rows_share_a_database_that_is_emptied(database: str, run: int) -> None:
    with connect(database, "reconcile", name="test") as connection:
        require_current(connection, "reconcile")
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'reconcile'").fetchall()
        counts = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0] for (name,) in tables}
        assert {name for name, count in counts.items() if count} == {"schema_version", "migration_history"}
    fill(database)
    assert put_discrepancy(database, "overfill", "o") == 6  # `fill` puts five


def test_topics_can_be_made_under_the_prefix(kafka: str, topic_prefix: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    topic = f"{topic_prefix}.one"
    admin.create_topics([NewTopic(topic, num_partitions=2)])[topic].result(timeout=20)
    wait_until(lambda: topic in admin.list_topics(timeout=10).topics, what="the topic to be listed")


def test_wait_until_says_what_it_waited_for() -> None:
    with pytest.raises(AssertionError, match="pigs to fly"):
        wait_until(lambda: False, timeout=0.01, what="pigs to fly")


def test_no_server_is_started_for_tests_that_need_none(pytester: pytest.Pytester) -> None:
    conftest = Path(__file__).resolve().parents[1] / "conftest.py"
    pytester.makeconftest(conftest.read_text(encoding="utf-8"))
    pytester.makepyfile(
        """
        def test_needs_nothing(servers):
            assert servers._started == []
        """
    )
    tests = str(conftest.parent)
    without = [word for name in ("xdist", "cloudcoil", "schemathesis") for word in ("-p", f"no:{name}")]
    result = pytester.runpytest_subprocess(*without, "-o", f"pythonpath={tests}", "-W", "error")
    result.assert_outcomes(passed=1)
