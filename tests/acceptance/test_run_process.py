"""`stream-reconcile run` as a process: ready, working, red at a loss, green again by itself, ended in order."""

from __future__ import annotations

import json
import re
import signal
from contextlib import ExitStack
from pathlib import Path
from subprocess import CompletedProcess

import jsonschema
import psycopg
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from stream_reconcile.embedded import EmbeddedKafka, EmbeddedPostgres
from support.command import running, simulated_broker, stream_reconcile
from support.schema_registry import SchemaRegistry
from support.waiting import wait_until

DOCS = Path(__file__).resolve().parents[2] / "docs"


def count(dsn: str, table: str) -> int:
    with psycopg.connect(dsn, options="-c search_path=reconcile") as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]  # a test's own
        return int(row[0]) if row else 0


def samples(url: str) -> dict[str, float]:
    """Sum of each metric over its labels."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(requests.get(f"{url}/metrics", timeout=10).text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


@pytest.mark.timeout(300)
def test_from_the_brokers_stream_to_rows_and_ended_in_order(
    kafka: str, topic_prefix: str, database: str, tmp_path: Path
) -> None:
    with ExitStack() as broker_is_up:
        broker = broker_is_up.enter_context(simulated_broker(tmp_path, "--rate", "10", "--no-reversals"))
        settings = broker | {
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "DATABASE_URL": database,
            "RECONCILE_TOPIC_PREFIX": f"{topic_prefix}.",
            "RECONCILE_CONSUMER_GROUP": topic_prefix,
            "RECONCILE_PARTITIONS": "2",
        }
        with running(settings=settings, folder=tmp_path, forked=False) as run:
            run.wait_ready()
            assert set(run.readyz()[1]) == {"postgres", "kafka", "broker", "ingest", "apply", "sweep", "decisions"}
            wait_until(lambda: count(database, "executions") >= 10, what="ten orders", timeout=60)
            wait_until(
                lambda: samples(run.url).get("reconcile_proven_equal_timestamp_seconds", 0) > 0,
                what="a proof of equality in /metrics",
                timeout=120,
            )

            def fine(*arguments: str) -> CompletedProcess[str] | None:
                done = stream_reconcile(*arguments, settings=settings, folder=tmp_path)
                assert done.returncode in (0, 1), done.stderr
                return done if done.returncode == 0 else None

            # The broker trades on: what it has just taken back may be open for a moment.
            asked = wait_until(lambda: fine("sweep", "--kind", "hot", "--json"), what="a proof", timeout=60)
            assert asked is not None
            answer = json.loads(asked.stdout)
            jsonschema.validate(answer, json.loads((DOCS / "json" / "sweep.schema.json").read_text(encoding="utf-8")))
            assert (answer["complete"], answer["blocked_by"]) == (True, [])
            wait_until(lambda: fine("status"), what="a status without bad news", timeout=60)
            found = samples(run.url)
            assert found["reconcile_ready"] == 7
            documented = set(
                re.findall(r"^\| `(\w+)`", (DOCS / "metrics.md").read_text(encoding="utf-8"), re.MULTILINE)
            )
            assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in found} <= documented | {
                "kafka_consumergroup_lag"  # from kafka_consumergroup_lag_sum
            }
            broker_is_up.close()

            def drained() -> bool:
                found = samples(run.url)
                return found.get("kafka_consumergroup_lag_sum") == 0 and found["reconcile_apply_events_total"] > 0

            wait_until(drained, what="the lag in /metrics to be 0", timeout=60)
            for stage in (
                "ingest_ack",
                "apply_produced_to_consumed",
                "apply_consumed_to_committed",
                "apply_received_to_committed",
            ):
                assert samples(run.url)[f"reconcile_{stage}_seconds_count"] > 0
            assert "the stream ended" in run.wait_not_ready("broker")
            assert run.stop() == 0
            assert broker["APCA_API_SECRET_KEY"] not in run.output
        result = stream_reconcile("lag", "--json", settings=settings, folder=tmp_path)
        assert result.returncode == 0
        partitions = json.loads(result.stdout)["partitions"]
        assert all((part["lag"], part["lag_seconds"], part["state"]) == (0, 0, "OK") for part in partitions)
        assert sum(part["next_offset"] for part in partitions) >= 10


@pytest.mark.timeout(400)
def test_red_within_30_seconds_of_a_loss_and_green_again(
    own_kafka: EmbeddedKafka, own_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    with simulated_broker(tmp_path, "--rate", "5") as broker:
        settings = broker | {
            "KAFKA_BOOTSTRAP_SERVERS": own_kafka.bootstrap_servers,
            "DATABASE_URL": own_postgres.dsn,
            "RECONCILE_PARTITIONS": "2",
        }
        with running(settings=settings, folder=tmp_path) as run:
            run.wait_ready()
            own_postgres.stop()
            assert "Postgres" in run.wait_not_ready("postgres", timeout=30)
            assert requests.get(f"{run.url}/livez", timeout=5).status_code == 200
            assert requests.get(f"{run.url}/metrics", timeout=5).status_code == 200
            own_postgres.start()
            run.wait_ready()

            own_kafka.stop()
            assert "Kafka" in run.wait_not_ready("kafka", timeout=30)
            own_kafka.start()
            run.wait_ready(timeout=90)

            before = count(own_postgres.dsn, "order_events")
            wait_until(lambda: count(own_postgres.dsn, "order_events") > before, what="new events", timeout=60)
            assert run.stop() == 0


def test_a_schema_registry_that_is_away_at_the_start_is_waited_for(
    kafka: str, topic_prefix: str, database: str, tmp_path: Path
) -> None:
    with SchemaRegistry() as registry:
        registry.status = 503
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "DATABASE_URL": database,
            "SCHEMA_REGISTRY_URL": registry.url,
            "RECONCILE_TOPIC_PREFIX": f"{topic_prefix}.",
            "RECONCILE_CONSUMER_GROUP": topic_prefix,
            "RECONCILE_PARTITIONS": "1",
        }
        with running("--role", "apply", settings=settings, folder=tmp_path) as run:
            wait_until(lambda: "registry" in run.readyz()[1].get("apply", {}).get("why", ""), what="why", timeout=60)
            assert f"the schema registry {registry.url} can't answer now (status 503)" in run.wait_not_ready("apply")
            assert registry.subjects == {}
            registry.status = None
            run.wait_ready()
            assert len(registry.subjects) == 8
            assert run.stop() == 0


def test_a_second_signal_ends_it_at_once(broker_less_run: dict[str, str], tmp_path: Path) -> None:
    with running("--role", "web", settings=broker_less_run, folder=tmp_path) as run:
        run.wait_not_ready("postgres", timeout=60)
        run.process.send_signal(signal.SIGTERM)
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(20) in (128 + signal.SIGTERM, 128 + signal.SIGINT)  # Python takes them in any order


@pytest.fixture
def broker_less_run() -> dict[str, str]:
    return {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "DATABASE_URL": "postgresql://u:p@127.0.0.1:1/d"}


@pytest.mark.timeout(300)
def test_embedded_servers_are_found_by_the_other_commands(tmp_path: Path) -> None:
    with simulated_broker(tmp_path, "--rate", "5") as broker:
        settings = broker | {"RECONCILE_DATA_DIR": str(tmp_path / "data"), "RECONCILE_PARTITIONS": "2"}
        with running(settings=settings, folder=tmp_path) as run:
            run.wait_ready(timeout=110)
            found = stream_reconcile("status", "--json", settings=settings, folder=tmp_path)
            servers = json.loads(found.stdout)["servers"]
            assert servers["embedded"] is True
            note = tmp_path / "data" / "addresses.json"
            assert json.loads(note.read_text(encoding="utf-8"))["bootstrap_servers"] == servers["kafka"]
            assert note.stat().st_mode & 0o077 == 0
            assert run.stop() == 0
        assert not note.exists()
        after = stream_reconcile("lag", "--json", settings=settings, folder=tmp_path)
        assert after.returncode == 0, after.stderr
        assert sum(part["next_offset"] for part in json.loads(after.stdout)["partitions"]) > 0
