"""`make outages`, its parts: the line that breaks, the lock that is waited at, the plan, what is counted and shown."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import psycopg
import pytest
from confluent_kafka.admin import AdminClient
from rich.console import Console

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.demo.programs import Programs
from stream_reconcile.simulator.verdict import Difference
from support.waiting import wait_until

from . import restore
from .clock import Clock
from .faults import FAULTS
from .link import HOST, Link, Way, produces
from .place import Scene
from .plan import Planned, kept, planned
from .report import read, show, write
from .restored import Moment, Told
from .run import Struck, counted
from .sight import Held, logged

ROOT: Final = Path(__file__).resolve().parents[2]


@pytest.fixture
def echo() -> Iterator[int]:
    """Port of a server that says what it hears."""
    with socket.create_server((HOST, 0)) as listener:

        def talk(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                while data := connection.recv(100):
                    connection.sendall(data)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_a_line_that_is_cut_refused_dead_and_whole_again(echo: int) -> None:
    with Link(echo) as link:

        def connected() -> socket.socket:
            return socket.create_connection((HOST, link.port), timeout=20)

        def says(line: socket.socket, word: bytes) -> bytes:
            line.sendall(word)
            return line.recv(100)

        with connected() as line:
            assert says(line, b"one") == b"one"
            link.hold(Way.BACK)
            line.sendall(b"two")
            line.settimeout(0.2)
            with pytest.raises(TimeoutError):
                line.recv(100)
            link.heal()
            line.settimeout(20)
            assert line.recv(100) == b"two"
            link.cut()
            with pytest.raises(ConnectionResetError):
                line.recv(100)
        with connected() as line:
            assert says(line, b"three") == b"three"
        link.refuse()
        with pytest.raises(ConnectionError), connected() as line:
            says(line, b"four")
        link.heal()
        with connected() as line:
            assert says(line, b"five") == b"five"


def test_nothing_comes_back_from_the_piece_on_that_was_waited_for(echo: int) -> None:
    with Link(echo) as link, socket.create_connection((HOST, link.port), timeout=20) as line:
        trap = link.trap(lambda piece: piece == b"two")
        line.sendall(b"one")
        assert line.recv(100) == b"one"
        line.sendall(b"two")
        assert trap.wait(20) == line.getsockname()[1]
        assert [*link.clients.values()] == [line.getsockname()[1]]
        line.settimeout(0.2)
        with pytest.raises(TimeoutError):
            line.recv(100)
        link.heal()
        line.settimeout(20)
        assert line.recv(100) == b"two"


def test_which_messages_bring_records_of_a_topic() -> None:
    produce, fetch = b"\0\0", b"\0\1"
    is_it = produces("alpaca.trade-updates.v1")
    assert is_it(b"size" + produce + b" alpaca.trade-updates.v1 records")
    assert not is_it(b"size" + fetch + b" alpaca.trade-updates.v1")
    assert not is_it(b"size" + produce + b" alpaca.adjustments.v1 records")


def test_who_waits_at_a_lock_is_seen_and_who_is_next_in_line_holds_after_it(database: str) -> None:
    port = int(str(psycopg.conninfo.conninfo_to_dict(database)["port"]))
    here = SimpleNamespace(pid=os.getpid())
    with Link(port) as link:
        whole = SimpleNamespace(dsn=database)
        scene = cast("Scene", SimpleNamespace(whole=whole, links={"postgres": link}, programs=[here]))
        dsn = psycopg.conninfo.make_conninfo(
            database, port=link.port, application_name="us", options="-c search_path=reconcile"
        )
        done: list[int] = []

        def write() -> None:
            with psycopg.connect(dsn, autocommit=True) as connection:
                for number in range(2):
                    connection.execute(f"INSERT INTO accounts (account_id, key_fingerprint) VALUES ('{number}', 'f')")
                    done.append(number)

        thread = threading.Thread(target=write)
        lock = "LOCK TABLE accounts IN SHARE MODE"
        with Held(scene, lock) as held:
            thread.start()
            assert cast("Any", held.caught("us", "INSERT INTO accounts")) is here
            assert done == []
            with held.follow(lock) as behind:
                behind.caught("us", "INSERT INTO accounts")
                assert done == [0]
        thread.join(20)
    assert done == [0, 1]


def test_a_copy_whose_clock_is_wrong_can_sleep(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    if not clock.can_jump:
        pytest.skip("libfaketime is not installed")
    clock.set(3_600)
    program = "import time; then = time.monotonic(); time.sleep(0.01); print(time.time(), time.monotonic() - then)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | clock.settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    now, slept = map(float, done.stdout.split())
    assert 3_500 < now - time.time() < 3_700
    assert 0.01 <= slept < 60


def test_a_process_whose_clock_is_set_back_ends(kafka: str, topic_prefix: str, database: str, tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    if not clock.can_jump:
        pytest.skip("libfaketime is not installed")
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "DATABASE_URL": database,
        "RECONCILE_TOPIC_PREFIX": f"{topic_prefix}.",
        "RECONCILE_CONSUMER_GROUP": topic_prefix,
        "RECONCILE_PARTITIONS": "1",
        "RECONCILE_LOG_FORMAT": "json",
    }
    with Programs(tmp_path) as programs:
        program = programs.start("apply", "run", "--role", "apply", **settings, **clock.settings)
        wait_until(lambda: logged(program, "partitions_claimed"), timeout=90, what="the member to have partitions")
        clock.set(-3_600)
        wait_until(lambda: not program.running, timeout=90, what="it to end")
        assert program.exit_status == 3
    assert "the clock of this machine was set back by 3" in program.output.read_text("utf-8")


def test_a_strike_is_named_by_its_dice_and_a_round_has_all_in_an_order_of_its_seed() -> None:
    one = Planned.of("7/2/frames lost, twice, late")
    assert (one.seed, one.round, one.fault, one.scene_seed) == (7, 2, "frames lost, twice, late", 9)
    assert str(one) == "7/2/frames lost, twice, late"
    for wrong in ("", "7/x/poison", "poison"):
        with pytest.raises(ValueError, match=r"unpack|invalid literal"):
            Planned.of(wrong)
    first, again, other = (planned(seed, 0, [*FAULTS]) for seed in (1, 1, 2))
    assert first == again
    assert {each.fault for each in first} == set(FAULTS)
    assert [each.fault for each in first] != [each.fault for each in other]


def test_what_failed_once_comes_first(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text('{"again": "9/0/poison", "why": "it was lost"}')
    (tmp_path / "a.json").write_text('{"again": "3/4/copy killed", "why": "it was doubled"}')
    assert kept(tmp_path) == [Planned(3, 4, "copy killed"), Planned(9, 0, "poison")]
    ours = kept()
    assert {each.fault for each in ours} <= set(FAULTS)
    assert planned(1, 0, [*FAULTS])[: len(ours)] == ours


def test_clients_of_kafka_keep_to_the_line(kafka: str) -> None:
    with Link(int(kafka.rpartition(":")[2]), kafka=True) as link:
        client = AdminClient({"bootstrap.servers": f"{HOST}:{link.port}", "log_level": 0})
        brokers = client.list_topics(timeout=30).brokers.values()
        assert [f"{broker.host}:{broker.port}" for broker in brokers] == [f"{HOST}:{link.port}"]


def test_what_is_lost_and_what_is_doubled() -> None:
    missing = Difference("executions", "o", "", "row", None, "there")
    more = Difference("fills", "o", "x:1", "row", "there", None)
    other = Difference("executions", "o", "", "qty", "1", "2")
    assert counted([missing, more, other, other]) == (1, 1, 2)


def test_what_did_not_hold_is_shown_and_written(tmp_path: Path) -> None:
    good, lost = Struck("kafka killed", "1/0/x", events=9, agreed_after_s=3.0), Struck("poison", "1/0/y", lost=1)
    never = Struck("poison", "1/1/y", broken=["TimeoutError: no proof"])
    assert [one.holds for one in (good, lost, never)] == [True, False, False]
    output = io.StringIO()
    show([good, lost, never], Console(file=output, width=140))
    (line,) = [line for line in output.getvalue().splitlines() if "poison" in line]
    assert [cell.strip() for cell in line.split("│")][1:-1] == [
        "poison", "2", "0", "1", "0", "0", "1", "0.0 s, 0.0 s",
    ]  # fmt: skip
    write([good, lost, never], tmp_path / "deep" / "outages.json")
    written = json.loads((tmp_path / "deep" / "outages.json").read_text())
    assert [one["fault"] for one in written] == ["kafka killed", "poison", "poison"]
    assert written[2]["broken"] == ["TimeoutError: no proof"]


def test_figures_of_several_runs_make_one_table(tmp_path: Path) -> None:
    first, second, both = (tmp_path / name for name in ("first.json", "second.json", "both.json"))
    write([Struck("poison", "1/0/poison", events=9, found={"lag": 1})], first)
    write([Struck("poison", "2/0/poison", events=8), Struck("kafka killed", "2/0/kafka killed")], second)
    command = ["make", "--silent", "outages", "ROUNDS=0", f"ARGS=--also {first} --also {second} --output {both}"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert (shown.returncode, shown.stderr) == (0, "")
    (line,) = [line for line in shown.stdout.splitlines() if "poison" in line]
    assert [cell.strip() for cell in line.split("│")][2:4] == ["2", "17"]
    assert read(both) == [*read(first), *read(second)]
    write([Struck("poison", "3/0/poison", lost=1)], second)
    assert subprocess.run(command, capture_output=True, timeout=60, check=False, cwd=ROOT).returncode == 2  # make's own
    second.write_text("[{}]")
    with pytest.raises(ConfigError, match="has no figures of `make outages`"):
        read(second)


def test_what_a_restore_told_is_shown_and_written(tmp_path: Path) -> None:
    told = Told([Moment(1.5, "dump taken")], {"decisions_back": 3}, ["1 of 1 rows"], ["verify: copy"])
    assert not told.holds
    output = io.StringIO()
    restore.show("server", told, Console(file=output, width=140))
    lines = output.getvalue().splitlines()
    assert any(line.split("\u2502")[1:3] == [" 1.5 ", " dump taken "] for line in lines)
    assert lines[-2:] == ["gone with the database, as it must be: 1 of 1 rows", "verify: copy"]
    restore.write({"server": told}, tmp_path / "deep" / "restore.json", 7)
    written = json.loads((tmp_path / "deep" / "restore.json").read_text())
    assert written["runs"]["server"]["moments"] == [[1.5, "dump taken"]]
    assert (written["seed"], written["runs"]["server"]["figures"]) == (7, {"decisions_back": 3})
