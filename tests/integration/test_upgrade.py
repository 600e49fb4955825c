"""The version before goes on while the tables are migrated under it, and starts again afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from stream_reconcile.core.errors import SchemaMismatch
from stream_reconcile.jobs.probes import PostgresProbe
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.simulator.runner import running_simulator
from stream_reconcile.store.connect import connect
from stream_reconcile.store.migration_files import find_migrations
from stream_reconcile.store.migrations import current_version, expected_version, migrate
from stream_reconcile.store.promote import Promotion
from stream_reconcile.store.replay_schema import prepare
from support import released
from support.command import running, stream_reconcile
from support.ingesting import make_topics
from support.next_version import next_migrations
from support.servers import SCHEMA, delete_topics
from support.waiting import wait_until
from support.whole import reconciling

# All that a schema is made of, in words that do not depend on when it was made.
SHAPE = """
SELECT c.relname, c.relkind::text, pg_get_userbyid(c.relowner),
       (SELECT string_agg(i::text, ' ' ORDER BY i::text) FROM unnest(c.relacl) i), a.attname,
       (SELECT string_agg(i::text, ' ' ORDER BY i::text) FROM unnest(a.attacl) i),
       format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
       col_description(c.oid, a.attnum)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'reconcile'::regnamespace
UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', '', '', convalidated, '', ''
FROM pg_constraint WHERE connamespace = 'reconcile'::regnamespace AND contype <> 'n'
UNION ALL SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), '', '', '', '', '', indisvalid, '', ''
FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE c.relnamespace = 'reconcile'::regnamespace
UNION ALL SELECT oid::regprocedure::text, pg_get_functiondef(oid), proacl::text, '', '', '', '', true, '', ''
FROM pg_proc WHERE pronamespace = 'reconcile'::regnamespace
UNION ALL SELECT tgrelid::regclass::text, pg_get_triggerdef(oid), '', '', '', '', '', true, '', ''
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT viewname, definition, '', '', '', '', '', true, '', '' FROM pg_views WHERE schemaname = 'reconcile'
UNION ALL SELECT pg_get_userbyid(defaclrole), defaclacl::text, '', '', '', '', '', true, '', '' FROM pg_default_acl
"""


def shape(dsn: str) -> set[tuple[object, ...]]:
    with connect(dsn, SCHEMA, name="t") as connection:
        return set(connection.execute(SHAPE).fetchall())


@pytest.mark.timeout(240)
def test_tables_are_migrated_under_the_jobs_of_the_version_before(
    database: str, kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Longer, with processes of both versions: `make outages ONLY=upgrade`."""
    names = next_migrations(tmp_path / "next")
    probe = PostgresProbe(database, SCHEMA)
    with (
        running_simulator(seed=41, rate_limit=100_000, reversals=False) as simulator,
        reconciling(simulator, database, kafka, topic_prefix) as whole,
    ):
        whole.listening()
        simulator.control.flow(40)
        simulator.control.wait_until(lambda o: o["counters"]["orders"] >= 20, seconds=60)
        whole.proved()  # every statement has been prepared for the tables as they were
        probe()
        assert migrate(database, SCHEMA, source=tmp_path / "next") == names
        probe()
        seen = simulator.control.counters()["orders"]
        simulator.control.wait_until(lambda o: o["counters"]["orders"] >= seen + 40, seconds=60)
        simulator.control.settle()
        whole.equal()
        whole.proved()
        assert whole.value("SELECT count(*) FROM executions WHERE later_count <> 0") == 0
    settings = {
        "DATABASE_URL": database,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "RECONCILE_TOPIC_PREFIX": f"{topic_prefix}.",
        "RECONCILE_CONSUMER_GROUP": topic_prefix,
        "RECONCILE_PARTITIONS": "3",
    }
    told = stream_reconcile("migrate", "--json", settings=settings, folder=tmp_path)
    assert (told.returncode, json.loads(told.stdout)["version"], json.loads(told.stdout)["applied"]) == (
        0, names[-1][:4], [],
    ), told.stderr  # fmt: skip
    assert "schema_newer" in told.stderr
    with running("--role", "web", settings=settings, folder=tmp_path) as process:
        process.wait_ready()
        with connect(database, SCHEMA, name="t") as connection:
            connection.execute("UPDATE migration_history SET oldest_program = version WHERE name = %s", [names[-1]])
        assert process.process.wait(60) == 2
        assert f"(it would have to know {names[-1][:4]}): start the newer program" in process.output.splitlines()[-1]
    with connect(database, SCHEMA, name="t") as connection:
        connection.execute("UPDATE migration_history SET oldest_program = NULL")
    with connect(database, SCHEMA, name="t") as connection:
        assert current_version(connection, SCHEMA) == names[-1][:4] > expected_version()


def test_a_replay_of_before_the_upgrade_is_not_promoted_after_it(database: str, tmp_path: Path) -> None:
    names = next_migrations(tmp_path / "next")
    first = next(name for name in names if "_derived_" in name)
    prepare(database, SCHEMA, "replay_1")
    Promotion(database, SCHEMA, "replay_1").close()
    migrate(database, SCHEMA, source=tmp_path / "next")
    with pytest.raises(SchemaMismatch, match=f"schema {SCHEMA} has {first} and schema replay_1 does not"):
        Promotion(database, SCHEMA, "replay_1")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("version", released.kept())
def test_what_a_released_version_left_is_brought_up_and_goes_on(
    version: str, empty_database: str, database: str, kafka: str, tmp_path: Path
) -> None:
    left = released.about(version)
    group, partitions = left["group"], max(left["partitions"].values())
    settings = {
        "DATABASE_URL": empty_database,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "RECONCILE_TOPIC_PREFIX": left["topic_prefix"],
        "RECONCILE_CONSUMER_GROUP": group,
        "RECONCILE_PARTITIONS": str(partitions),
    }
    released.load_tables(empty_database, version)
    try:
        make_topics(kafka, group, partitions=partitions)
        released.load_log(kafka, version)
        with KafkaAdmin(KafkaConfig(kafka)) as admin, connect(empty_database, SCHEMA, name="t") as connection:
            for topic, topic_id in admin.topic_ids(left["partitions"]).items():
                for table in ("stream_cursors", "dead_letters"):
                    connection.execute(f"UPDATE {table} SET topic_id = %s WHERE topic = %s", [topic_id, topic])

        ours = [one.name for one in find_migrations() if one.name not in left["migrations"]]
        assert migrate(empty_database, SCHEMA) == ours
        assert shape(empty_database) == shape(database)
        names = next_migrations(tmp_path / "next")
        assert migrate(empty_database, SCHEMA, source=tmp_path / "next") == names

        with (
            running_simulator(seed=42, rate_limit=100_000, reversals=False) as simulator,
            capture_logs() as logged,
            reconciling(simulator, empty_database, kafka, group, account_id=simulator.account_id) as whole,
        ):
            whole.listening()
            simulator.control.flow(100, orders=20)
            simulator.control.wait_until(lambda o: o["counters"]["orders"] >= 20, seconds=60)
            simulator.control.settle()
            whole.equal()
            whole.proved()
            # Columns that the version before does not know are not for it to vouch for.
            wait_until(
                lambda: any(one["event"] == "checkpoint_waits" for one in logged), timeout=60, what="a deep sweep"
            )
            account = simulator.account_id
            assert whole.value("SELECT count(*) FROM proofs WHERE account_id = %(account)s", account=account) == 0
        told = stream_reconcile("verify", "--account", left["account_id"], "--json", settings=settings, folder=tmp_path)
        report = json.loads(told.stdout)
        assert report["live_rows"] > 0
        # The checkpoints hold the ids of the topics, and these are others of the same names.
        others = [one for one in report["found"] if one["what"] != "cut" or "made anew" not in one["why"]]
        assert others == [], told.stderr
        told = stream_reconcile("status", "--json", settings=settings, folder=tmp_path)
        assert left["account_id"] in told.stdout, told.stderr
    finally:
        delete_topics(kafka, left["topic_prefix"])
