"""`make outages`, its parts: the line that breaks, what is counted, what is shown."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from rich.console import Console

from stream_reconcile.simulator.verdict import Difference

from . import restore
from .link import HOST, Link, Way
from .report import show, write
from .restored import Moment, Told
from .run import Struck, counted


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
