"""Servers never outlive the program that started them, and a stopped one leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from stream_reconcile.core.errors import EmbeddedError
from stream_reconcile.embedded import EmbeddedPostgres, EmbeddedServers
from stream_reconcile.embedded.process import ServerProcess
from support.waiting import wait_until

_PROGRAM = """
import sys
from pathlib import Path
from stream_reconcile.embedded import EmbeddedPostgres, EmbeddedServers, process

process._GUARD_GRACE = float(sys.argv[3])
servers = {"both": EmbeddedServers, "postgres": EmbeddedPostgres}[sys.argv[1]](Path(sys.argv[2]))
servers.start()
print("dsn", getattr(servers, "postgres", servers).dsn, flush=True)
sys.stdin.read()
"""


def _start_program(
    kind: str, directory: Path, grace: float = 10.0
) -> tuple[subprocess.Popen[str], list[psutil.Process], str]:
    """A program of its own with its servers; its descendants (guards, servers, backends), and the DSN."""
    program = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, kind, str(directory), str(grace)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert program.stdout is not None
    dsn = next((line.split()[1] for line in iter(program.stdout.readline, "") if line.startswith("dsn ")), None)
    assert dsn is not None, "the program ended before its servers were up"
    descendants = psutil.Process(program.pid).children(recursive=True)
    assert len(descendants) > 5, "a guard, a postmaster and its helpers at least"
    return program, descendants, dsn


def _end(program: subprocess.Popen[str]) -> None:
    with program:
        program.kill()


def _wait_for_the_end(descendants: list[psutil.Process]) -> None:
    wait_until(lambda: not _left(descendants), timeout=40, what="servers and backends to end")


def _left(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def test_one_program_at_a_time_and_kill_9_of_it_ends_its_servers(server_directory: Path) -> None:
    program, descendants, dsn = _start_program("both", server_directory / "data")
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
        with pytest.raises(EmbeddedError, match=f"in use by process {program.pid}; stop it, or set RECONCILE_DATA_DIR"):
            EmbeddedServers(server_directory / "data").start()
        with pytest.raises(EmbeddedError, match=f"in use by process {program.pid};"):
            EmbeddedPostgres(server_directory / "data" / "postgres").start()
    finally:
        _end(program)
    with EmbeddedServers(server_directory / "data") as servers:  # at once: it waits for the old ones to end
        assert _left(descendants) == []
        with psycopg.connect(servers.postgres.dsn) as connection:
            assert connection.execute("SELECT seven FROM kept").fetchone() == (7,)


def test_kill_9_of_the_guards_ends_the_servers(server_directory: Path) -> None:
    program, descendants, _ = _start_program("postgres", server_directory / "data")
    try:
        for guard in psutil.Process(program.pid).children():
            guard.kill()
        _wait_for_the_end(descendants)
    finally:
        _end(program)


def test_paused_servers_end_with_the_program_too(server_directory: Path) -> None:
    program, descendants, _ = _start_program("postgres", server_directory / "data", grace=1.0)
    for process in descendants:
        with contextlib.suppress(psutil.NoSuchProcess):  # a short-lived child of the server's own
            if "guard.py" not in " ".join(process.cmdline()):
                process.suspend()
    _end(program)
    _wait_for_the_end(descendants)


def test_a_server_that_ignores_the_stop_signal_is_killed(tmp_path: Path) -> None:
    server = ServerProcess("deaf server", tmp_path / "output.log")
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    server.start([sys.executable, "-c", deaf])
    wait_until(lambda: "deaf" in server.tail(), what="the server to be deaf")
    pid = server.pid
    assert server.stop(signal.SIGTERM, grace=0.2) is False
    assert not psutil.pid_exists(pid)
    assert not server.running


def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    server = ServerProcess("ghost", tmp_path / "output.log")
    server.start([tmp_path / "nothing-here"])
    assert server.wait(10) == 127
    assert "cannot start" in server.tail()
    with pytest.raises(EmbeddedError, match="ghost is not running"):
        _ = server.pid


def test_output_of_the_run_before_is_kept(tmp_path: Path) -> None:
    server = ServerProcess("talker", tmp_path / "output.log")
    for word in ("first", "second"):
        server.start([sys.executable, "-c", f"print('{word}')"])
        assert server.wait(20) == 0
    assert (tmp_path / "output.log.1").read_text(encoding="utf-8") == "first\n"
    assert server.tail() == "second"


def test_exit_status_tells_the_signal(tmp_path: Path) -> None:
    server = ServerProcess("victim", tmp_path / "output.log")
    server.start([sys.executable, "-c", "import time; time.sleep(600)"])
    os.kill(server.pid, signal.SIGKILL)
    assert server.wait(20) == 128 + signal.SIGKILL
