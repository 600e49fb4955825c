"""Parts of the demo on their own: its folders, its processes, and what it counts in the log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Producer

from stream_reconcile.demo.log_contents import LogContents, read_log
from stream_reconcile.demo.place import place_for_a_run
from stream_reconcile.demo.programs import Program, ProgramEnded, Programs, State, environment
from stream_reconcile.embedded.lock import DirectoryLock
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.envelope import Envelope
from stream_reconcile.log.topic_check import TopicPlan, ensure_topics
from stream_reconcile.log.topics import Topics
from support.waiting import wait_until


@pytest.fixture
def ended_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(20)
    return process.pid


def test_a_folder_goes_with_the_run_unless_it_is_kept(tmp_path: Path) -> None:
    with place_for_a_run(tmp_path) as place:
        assert place.logs.is_dir()
        assert not place.kept
    assert not place.directory.exists()
    with place_for_a_run(tmp_path) as kept:
        kept.keep()
    assert kept.directory.is_dir()
    with place_for_a_run(tmp_path):
        assert kept.directory.is_dir()


def test_what_a_killed_run_left_is_removed_once_its_servers_have_ended(tmp_path: Path, ended_pid: int) -> None:
    left = tmp_path / f"demo-20260918-132450-{ended_pid}"
    (left / "servers" / "kafka").mkdir(parents=True)
    own = tmp_path / "kafka"  # data of `run`, which uses the same RECONCILE_DATA_DIR
    own.mkdir()
    lock = DirectoryLock(left / "servers" / "kafka")
    lock.acquire()
    with place_for_a_run(tmp_path):
        assert left.is_dir()
    lock.release()
    with place_for_a_run(tmp_path):
        assert not left.exists()
    assert own.is_dir()


def test_a_run_that_goes_on_keeps_its_folder(tmp_path: Path) -> None:
    with place_for_a_run(tmp_path) as first:
        beside = first.directory.with_name(f"demo-20260918-132450-{os.getpid()}")
        beside.mkdir()
        with place_for_a_run(tmp_path):
            assert first.directory.is_dir()
            assert beside.is_dir()


def test_settings_of_the_user_do_not_reach_the_demos_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APCA_API_KEY_ID", "KAFKA_SASL_PASSWORD", "RECONCILE_ACCOUNTS", "DATABASE_URL", "SCHEMA_REGISTRY_URL"):
        monkeypatch.setenv(name, "of the user")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    found = environment({"DATABASE_URL": "postgresql://demo"})
    assert "of the user" not in found.values()
    assert found["DATABASE_URL"] == "postgresql://demo"
    assert found["TZ"] == "Asia/Tokyo"


def test_programs_are_killed_frozen_and_missed(tmp_path: Path) -> None:
    with Programs(tmp_path) as programs:
        program = programs.start("a broker", "simulate", "--port", "0")
        wait_until(lambda: "export APCA" in program.output.read_text(), timeout=60, what="the simulator to come up")
        assert program.output == tmp_path / "a-broker.log"
        programs.require_alive()
        program.freeze()
        assert program.state is State.FROZEN
        programs.require_alive()
        program.thaw()
        program.kill()
        assert (program.state, program.running) == (State.KILLED, False)
        programs.require_alive()  # nobody misses what was killed on purpose
        program.start()
        assert (program.state, program.starts) == (State.RUNNING, 2)
        pid = program.pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not program.running, what="the process to end")
        with pytest.raises(ProgramEnded, match=r"a broker ended by itself \(status 137\)") as caught:
            programs.require_alive()
        assert caught.value.exit_status == 3


def test_leaving_the_block_stops_even_a_frozen_program(tmp_path: Path) -> None:
    program: Program
    with Programs(tmp_path) as programs:
        program = programs.start("broker", "simulate", "--port", "0")
        wait_until(lambda: "export APCA" in program.output.read_text(), timeout=60, what="the simulator to come up")
        program.freeze()
    assert not program.running


def test_the_log_is_counted_record_by_record(kafka: str, topic_prefix: str) -> None:
    config, topics = KafkaConfig(kafka), Topics(f"{topic_prefix}.")
    assert read_log(config, topics) == LogContents(0, 0, 0)
    with KafkaAdmin(config) as admin:
        ensure_topics(admin, topics, TopicPlan(partitions=3, replication_factor=1, min_insync_replicas=1))
    assert read_log(config, topics) == LogContents(0, 0, 0)
    codec, producer = SingleObjectCodec(topics), Producer(config.producer())
    for position in range(600):
        order_id = f"order {position % 100}" if position % 10 else ""
        raw = b"frame %d" % (position % 500)
        envelope = Envelope("account", "stream", position, 1, "stream", "new", order_id, raw)
        producer.produce(topics.trade_updates, codec.encode(topics.trade_updates, envelope), order_id)
    assert producer.flush(30) == 0
    found = read_log(config, topics)
    assert found == LogContents(records=600, frames=540, distinct=450)
    assert found.repeated == 90
