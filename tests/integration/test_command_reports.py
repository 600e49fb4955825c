"""What the commands report, over real processes and servers, while no job runs; and the shape of each --json."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer
from jsonschema import Draft202012Validator

from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topic_check import TopicPlan, ensure_topics
from stream_reconcile.log.topics import Topics
from support.command import stream_reconcile

SHAPES = Path(__file__).resolve().parents[2] / "docs" / "json"
ACCOUNT = "b6a1d8a2-5d0c-4f0e-9d53-6f2f6c0a7c11"


@cache
def shape(name: str) -> Draft202012Validator:
    schema = json.loads((SHAPES / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


class Deployment:
    """A migrated database and topics with two partitions each."""

    def __init__(self, kafka: str, prefix: str, dsn: str, folder: Path) -> None:
        self.folder = folder
        self.dsn = dsn
        self.topics = Topics(f"{prefix}.")
        self.settings = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "DATABASE_URL": dsn,
            "RECONCILE_TOPIC_PREFIX": self.topics.prefix,
            "RECONCILE_PARTITIONS": "2",
        }
        with KafkaAdmin(KafkaConfig(kafka)) as admin:
            ensure_topics(admin, self.topics, TopicPlan(partitions=2))
            self.topic_id = admin.topic_ids([self.topics.trade_updates])[self.topics.trade_updates]

    def produce(self, count: int) -> None:
        producer = Producer(KafkaConfig(self.settings["KAFKA_BOOTSTRAP_SERVERS"]).producer())
        for _ in range(count):
            producer.produce(self.topics.trade_updates, b"x", partition=0, timestamp=1_000)
        assert producer.flush(20) == 0

    def execute(self, statement: str, *values: Any) -> None:
        with psycopg.connect(self.dsn, options="-c search_path=reconcile") as connection:
            connection.execute(statement, values)  # type: ignore[call-overload]  # a test's own statement

    def add_dead_letter(self, payload: bytes) -> str:
        self.execute(
            'INSERT INTO dead_letters (topic_id, topic, partition, "offset", key, payload, kafka_timestamp, account_id,'
            " reason, error) VALUES (%s, %s, 1, 0, 'k', %s, now(), %s, 'magic', 'it is no record')",
            self.topic_id,
            self.topics.trade_updates,
            payload,
            ACCOUNT,
        )
        return f"{self.topics.trade_updates}:1:0"

    def report(self, *arguments: str, name: str | None = None, expected: int = 0) -> dict[str, Any]:
        """A command's JSON, checked against its shape."""
        result = stream_reconcile(*arguments, "--json", settings=self.settings, folder=self.folder)
        assert result.returncode == expected, result.stdout + result.stderr
        document: dict[str, Any] = json.loads(result.stdout)
        shape(name or arguments[0]).validate(document)
        return document

    def text(self, *arguments: str) -> str:
        return stream_reconcile(*arguments, settings=self.settings, folder=self.folder).stdout


@pytest.fixture
def deployment(kafka: str, topic_prefix: str, database: str, tmp_path: Path) -> Deployment:
    return Deployment(kafka, topic_prefix, database, tmp_path)


def test_every_shape_is_a_schema_and_closed() -> None:
    names = {path.name.removesuffix(".schema.json") for path in SHAPES.glob("*.schema.json")}
    for name in names:
        assert shape(name).schema["additionalProperties"] is False, name
    assert "lag" in names


def test_lag(deployment: Deployment) -> None:
    found = deployment.report("lag")
    assert set(found) == {"group", "partitions"}
    assert len(found["partitions"]) == 2 * len(deployment.topics.applied)
    deployment.produce(3)
    behind = deployment.report("lag", expected=1)
    (first,) = [part for part in behind["partitions"] if part["lag"]]
    assert {**first, "lag_seconds": 0} == {
        "topic": deployment.topics.trade_updates,
        "partition": 0,
        "next_offset": -1,
        "end_offset": 3,
        "lag": 3,
        "lag_seconds": 0,
        "state": "STOP",
    }
    assert first["lag_seconds"] > 1_000_000
    assert "3 records" in deployment.text("lag")
    assert deployment.report("lag", "--fail-over", "3")["partitions"] != []  # the number decides, not the age
    deployment.report("lag", "--watch", "--fail-over", "2", expected=1)


def test_how_things_stood_at_a_time(deployment: Deployment) -> None:
    deployment.execute("INSERT INTO accounts (account_id, key_fingerprint) VALUES (%s, 'f')", ACCOUNT)
    deployment.execute(
        """INSERT INTO order_events (account_id, alpaca_order_id, event_key, source, event, status, updated_at_ns,
                                     status_rank, snapshot_ns, stated, topic, partition, "offset", known_at,
                                     recorded_at)
           SELECT %s, 'o-1', gen_random_uuid(), 'stream', status, status, second, second, 0, 268435456, 't', 0, second,
                  timestamptz '2026-01-05 14:30Z' + second * interval '1 s',
                  timestamptz '2026-01-05 14:30:10Z' + second * interval '1 s'
           FROM (VALUES ('new', 1), ('filled', 2)) AS v(status, second)""",
        ACCOUNT,
    )
    found = deployment.report("executions", "at", "2026-01-05T14:30:11Z", name="executions-at")
    (order,) = found["orders"]
    assert (order["believed"]["status"], order["said"]["status"], order["differs"]) == ("new", "filled", True)
    assert "differs" in deployment.text("executions", "at", "2026-01-05T14:30:11Z", "--differing")
    then = deployment.report("status", "--at", "2026-01-05T14:30:11Z", name="status-at")
    counted = {"account_id": ACCOUNT, "believed": "new", "said": "filled", "orders": 1, "differing": 1}
    assert then["orders"] == [counted]
    assert "nothing had been committed here" in deployment.text("status", "--at", "2025-01-01")


def test_status(deployment: Deployment) -> None:
    empty = deployment.report("status")
    assert (empty["accounts"], empty["bad_news"], empty["open_dead_letters"]) == ([], [], 0)
    deployment.execute("INSERT INTO accounts (account_id, key_fingerprint) VALUES (%s, 'f')", ACCOUNT)
    deployment.execute("INSERT INTO leases VALUES ('ingest', %s, 'o', 1, now() + interval '1 hour')", ACCOUNT)
    deployment.execute(
        "INSERT INTO stream_sessions (account_id, owner, lease_epoch, listening_at, good_until_ns, frames)"
        " VALUES (%s, 'o', 1, now(), 1700000000000000000, 7)",
        ACCOUNT,
    )
    deployment.execute(
        "INSERT INTO stream_gaps (account_id, window_start, reason) VALUES (%s, now() - interval '1 day', 'start')",
        ACCOUNT,
    )
    for kind in ("external_order", "missing_fill"):
        deployment.execute("INSERT INTO discrepancies (account_id, type, subject) VALUES (%s, %s, 's')", ACCOUNT, kind)
    found = deployment.report("status", expected=1)
    (account,) = found["accounts"]
    assert account["leases"][0]["held"] is True
    assert (account["session"]["frames"], len(account["open_gaps"])) == (7, 1)
    assert {row["type"]: row["blocks_proof"] for row in found["open_discrepancies"]} == {
        "external_order": False,
        "missing_fill": True,
    }
    assert found["bad_news"] == [f"1 open missing_fill in account {ACCOUNT}"]
    assert found["servers"]["kafka"] == deployment.settings["KAFKA_BOOTSTRAP_SERVERS"]
    assert ":" not in found["servers"]["postgres"].partition("@")[0]  # no password
    text = deployment.text("status")
    assert ACCOUNT in text
    assert "missing_fill" in text


def test_status_without_kafka_still_says_what_the_database_says(deployment: Deployment) -> None:
    deployment.execute("INSERT INTO accounts (account_id, key_fingerprint) VALUES (%s, 'f')", ACCOUNT)
    deployment.settings["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1"
    found = deployment.report("status", expected=3)
    assert found["lag"] is None
    assert "does not answer" in found["servers"]["kafka_error"]
    assert [account["account_id"] for account in found["accounts"]] == [ACCOUNT]


def test_dead_letters(deployment: Deployment) -> None:
    deployment.execute("INSERT INTO accounts (account_id, key_fingerprint) VALUES (%s, 'f')", ACCOUNT)
    name = deployment.add_dead_letter(b"\x00 no record")
    listed = deployment.report("dead-letters", "list", name="dead-letters-list")
    assert (listed["open"], [letter["letter"] for letter in listed["dead_letters"]]) == (1, [name])
    shown = deployment.report("dead-letters", "show", name, name="dead-letters-show")
    assert shown["payload_base64"] == "ACBubyByZWNvcmQ="
    assert "\\x00 no record" in deployment.text("dead-letters", "show", name)
    assert deployment.text("dead-letters", "show", name, "--raw") == "\x00 no record"
    retried = deployment.report("dead-letters", "retry", name, name="dead-letters-retry", expected=1)
    assert [(one["letter"], one["resolved"]) for one in retried["retried"]] == [(name, False)]
    topic = ("--topic", f"{deployment.topics.trade_updates}:1")
    chosen = ("--from-offset", "0", "--to-offset", "0", "--since", "2020-01-01", "--reason", "magic")
    again = deployment.report("dead-letters", "retry", *topic, *chosen, name="dead-letters-retry", expected=1)
    assert [one["letter"] for one in again["retried"]] == [name]
    none = ("--until", "2020-01-01")
    assert deployment.report("dead-letters", "retry", *topic, *none, name="dead-letters-retry") == {"retried": []}
    assert deployment.report("dead-letters", "list", name="dead-letters-list")["dead_letters"][0]["retries"] == 2


def test_migrate_says_what_it_did_and_can_be_run_again(deployment: Deployment, empty_database: str) -> None:
    deployment.settings["DATABASE_URL"] = empty_database
    first = deployment.report("migrate")
    assert first["applied"][0] == "0001_primary"
    assert first["roles_missing"] == []
    again = deployment.report("migrate")
    assert (again["applied"], again["version"]) == ([], first["version"])


def test_check_finds_nothing_wrong_but_the_missing_key(deployment: Deployment) -> None:
    found = deployment.report("check", expected=2)
    bad = {finding["part"] for finding in found["findings"] if finding["level"] not in ("ok", "warning")}
    assert bad == {"broker"}
    assert any("APCA_API_KEY_ID" in finding["message"] for finding in found["findings"])
