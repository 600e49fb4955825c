"""Each wrong set-up gets a message that says what is wrong and what to do, and the exit status that DESIGN says."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topic_check import TopicPlan, ensure_topics
from stream_reconcile.log.topics import Topics
from support.command import free_port, running, simulated_broker, stream_reconcile

PARTITIONS = "2"
Settings = dict[str, str]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with simulated_broker(tmp_path_factory.mktemp("broker")) as settings:
        yield settings


@pytest.fixture
def good(broker: Settings, kafka: str, topic_prefix: str, database: str) -> Settings:
    """Settings with which everything works."""
    return broker | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "DATABASE_URL": database,
        "RECONCILE_TOPIC_PREFIX": f"{topic_prefix}.",
        "RECONCILE_PARTITIONS": PARTITIONS,
    }


def no_postgres(settings: Settings) -> Settings:
    return settings | {"DATABASE_URL": f"postgresql://u:hidden-password@127.0.0.1:{free_port()}/d"}


def no_kafka(settings: Settings) -> Settings:
    return settings | {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}


def wrong_password(settings: Settings) -> Settings:
    return settings | {"DATABASE_URL": make_conninfo(settings["DATABASE_URL"], password="hidden-password")}


def wrong_key(settings: Settings) -> Settings:
    return settings | {"APCA_API_SECRET_KEY": "hidden-password"}


def wrong_partition_count(settings: Settings) -> Settings:
    with KafkaAdmin(KafkaConfig(settings["KAFKA_BOOTSTRAP_SERVERS"])) as admin:
        ensure_topics(admin, Topics(settings["RECONCILE_TOPIC_PREFIX"]), TopicPlan(partitions=1))
    return settings


def schema_too_new(settings: Settings) -> Settings:
    with psycopg.connect(settings["DATABASE_URL"]) as connection:
        connection.execute(
            "INSERT INTO reconcile.migration_history (version, name, sha256, oldest_program)"
            " VALUES ('9999', '9999_primary_end', '', '9999')"
        )
    return settings


def other_account_pinned(settings: Settings) -> Settings:
    with psycopg.connect(settings["DATABASE_URL"]) as connection:
        connection.execute("INSERT INTO reconcile.accounts (account_id, key_fingerprint) VALUES ('other', 'f')")
    return settings


def no_broker(settings: Settings) -> Settings:
    return settings | {"APCA_API_BASE_URL": f"http://127.0.0.1:{free_port()}"}


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    """The error as `run` prints it: its last line, and no traceback."""
    assert "Traceback" not in result.stderr, result.stderr
    assert "hidden-password" not in result.stdout + result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: "), result.stderr
    return last


CHECKS: list[tuple[Callable[[Settings], Settings], int, str, str]] = [
    (wrong_key, 2, "broker", r"refused the key \(HTTP 401\): check APCA_API_KEY_ID and APCA_API_SECRET_KEY"),
    (no_broker, 3, "broker", r"did not answer.*check APCA_API_BASE_URL"),
    (no_postgres, 3, "postgres", r"Postgres at u@127\.0\.0\.1:\d+/d can't be reached: is it running"),
    (wrong_password, 2, "postgres", r"refused the connection: check user and password"),
    (no_kafka, 3, "kafka", r"Kafka at 127\.0\.0\.1:\d+ does not answer.*KAFKA_BOOTSTRAP_SERVERS"),
    (
        wrong_partition_count,
        2,
        "topics",
        r"has 1 partitions and needs 2.*add partitions .*or set RECONCILE_PARTITIONS=1",
    ),
    (schema_too_new, 2, "postgres", r"newer than this program.*start the newer program"),
    (other_account_pinned, 2, "postgres", r"is pinned to other: correct the key"),
]


@pytest.mark.parametrize(("spoil", "status", "part", "message"), CHECKS, ids=[case[0].__name__ for case in CHECKS])
def test_check_says_what_is_wrong(
    good: Settings, tmp_path: Path, spoil: Callable[[Settings], Settings], status: int, part: str, message: str
) -> None:
    result = stream_reconcile("check", "--json", settings=spoil(good), folder=tmp_path)
    assert "hidden-password" not in result.stdout + result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    assert (result.returncode, found["exit_status"]) == (status, status), found
    bad = [finding for finding in found["findings"] if finding["level"] in ("bad", "wrong", "unreachable")]
    assert {finding["part"] for finding in bad} == {part}
    assert any(re.search(message, finding["message"]) for finding in bad), bad


RUNS: list[tuple[Callable[[Settings], Settings], str]] = [
    (wrong_password, r"refused the connection: check user and password"),
    (wrong_partition_count, r"has 1 partitions and needs 2"),
    (schema_too_new, r"newer than this program"),
]


@pytest.mark.parametrize(("spoil", "message"), RUNS, ids=[case[0].__name__ for case in RUNS])
def test_run_ends_where_only_a_person_can_help(
    good: Settings, tmp_path: Path, spoil: Callable[[Settings], Settings], message: str
) -> None:
    settings = spoil(good) | {"RECONCILE_HTTP_ADDR": "127.0.0.1:0"}
    result = stream_reconcile("run", settings=settings, folder=tmp_path)
    assert result.returncode == 2
    assert re.search(message, one_line(result))


def test_run_on_a_taken_port(good: Settings, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = stream_reconcile("run", settings=good | {"RECONCILE_HTTP_ADDR": address}, folder=tmp_path)
    assert result.returncode == 2
    assert f"can't listen on {address}: another program listens there" in one_line(result)


def test_run_waits_for_what_is_away(good: Settings, tmp_path: Path) -> None:
    with running(settings=no_kafka(no_postgres(good)), folder=tmp_path) as run:
        reasons = [run.wait_not_ready(part, timeout=60) for part in ("postgres", "kafka")]
        assert "hidden-password" not in run.output + "".join(reasons)
        assert run.stop() == 0


def test_run_where_the_data_directory_cannot_be_made(broker: Settings, tmp_path: Path) -> None:
    settings = broker | {"RECONCILE_DATA_DIR": "/proc/reconcile", "RECONCILE_HTTP_ADDR": "127.0.0.1:0"}
    result = stream_reconcile("run", settings=settings, folder=tmp_path)
    assert result.returncode == 3
    assert "/proc/reconcile" in one_line(result)


def test_run_with_a_wrong_key_stays_red_and_says_so(good: Settings, tmp_path: Path) -> None:
    with running(settings=wrong_key(good), folder=tmp_path) as run:
        why = run.wait_not_ready("ingest", timeout=60)
        while "refused the key" not in why:
            why = run.wait_not_ready("ingest")
        assert "check APCA_API_KEY_ID and APCA_API_SECRET_KEY" in why
        assert "hidden-password" not in run.output
        assert run.stop() == 0
