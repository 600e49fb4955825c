"""The demo as a user runs it: the verdict, the exit status, and that nothing of it is left, however it ends."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import psycopg
import pytest
import requests

from stream_reconcile.demo.panel.routes import KEY_HEADER, PATH
from support.command import environment, free_port
from support.panel import key_of
from support.servers import traversable_directory
from support.waiting import wait_until

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "json" / "demo.schema.json").read_text())
pytestmark = pytest.mark.timeout(240)

# An order of which nothing more is told, so that the next frame does not put right what a test has spoilt.
A_FINISHED_ORDER = """
    SELECT alpaca_order_id, filled_qty FROM reconcile.executions
    WHERE status = 'filled' AND order_class = '' AND qty IS NOT NULL AND filled_at < now() - interval '8 seconds'
    ORDER BY filled_at LIMIT 1
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    directory = traversable_directory("reconcile-demo-")
    yield directory
    wait_until(lambda: not processes_of(directory), timeout=30, what="all processes of the demo to end")
    shutil.rmtree(directory)


@contextmanager
def demo(data_dir: Path, *arguments: str, **own: str) -> Iterator[subprocess.Popen[str]]:
    """`stream-reconcile demo … --json` with settings of its own; killed at the end if it still runs."""
    settings = {"RECONCILE_DATA_DIR": str(data_dir), "DATABASE_URL": "postgresql://nobody@203.0.113.1/mine"} | own
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "stream_reconcile", "demo", "--json", *arguments],
            env=environment(settings),
            cwd=data_dir,
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
        )
        try:
            yield process
        except BaseException:
            told.seek(0)
            sys.stderr.write(told.read().decode())  # pytest shows it with the failure
            raise
        finally:
            process.kill()
            process.wait(20)
            if process.stdout is not None:
                process.stdout.close()


def result(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    """Exit status and the JSON document, which has to be of the shape that is promised."""
    out, _ = process.communicate(timeout=200)
    told = json.loads(out)
    jsonschema.validate(told, SCHEMA)
    return process.returncode, told


def processes_of(data_dir: Path) -> list[str]:
    """Command lines of what runs in, or on, a folder below `data_dir`, the demo itself aside."""
    found = []
    for process in psutil.process_iter():
        try:
            words, where = process.cmdline(), process.cwd()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if where.startswith(f"{data_dir}/") or any(f"{data_dir}/" in word for word in words):
            found.append(" ".join(words))
    return found


def database(data_dir: Path) -> str:
    """DSN of the demo's Postgres, once it is up."""

    def noted() -> str:
        notes = list(data_dir.glob("demo-*/servers/addresses.json"))
        return str(json.loads(notes[0].read_text())["database_url"]) if notes else ""

    return wait_until(noted, timeout=90, what="the demo's servers to be up")


def test_it_ends_equal_right_after_one_that_was_killed(data_dir: Path) -> None:
    with demo(data_dir) as killed:
        database(data_dir)
        wait_until(lambda: len(processes_of(data_dir)) > 10, timeout=60, what="the jobs to be started")
        killed.kill()
    with demo(data_dir, "--for", "12") as process:
        status, told = result(process)
    assert status == 0, told
    assert told["equal"] is True
    assert told["orders"] > 50
    assert told["fills"] > 30
    assert told["differing"] == 0
    assert told["frames"]["duplicates"] == told["frames"]["duplicates_dropped"] > 0
    assert told["frames"]["unheard"] == 0
    assert told["faults"]["drop"] > 0
    assert told["swept"] > 0
    assert (told["unbound_decisions"], told["unproven"]) == (0, None)
    assert told["faults"]["reorder"] > 0
    assert {name: told["faults"][name] for name in ("disconnect_abrupt", "kill_9", "freeze")} == {
        "disconnect_abrupt": 1,
        "kill_9": 1,
        "freeze": 1,
    }
    assert told["gap_windows"] == 0
    assert 0 < told["first_applied_s"] < told["total_s"]
    assert not told["ended_early"]
    assert processes_of(data_dir) == []
    assert list(data_dir.iterdir()) == []  # nor what the killed one left


def became(url: str, act: str) -> str:
    """What the panel says of a press, as HTML; "" before."""
    told = requests.get(f"{url}{PATH}", timeout=30).json()
    return str(told["acts"].get(act, {"html": ""})["html"])


def press_the_panel(url: str) -> None:
    """Kill apply for real, and place an order by hand, which is healed once a sweep has proved it."""

    def is_open() -> bool:
        try:
            return requests.get(f"{url}{PATH}", timeout=30).json().get("closed") == ""
        except requests.ConnectionError:
            return False

    wait_until(is_open, timeout=120, what="the story to be over")
    key = {KEY_HEADER: key_of(requests.get(url, timeout=30).text)}
    for act in ("by-hand", "kill-apply"):
        assert requests.post(f"{url}{PATH}/{act}", headers=key, timeout=60).status_code == 202
    again = wait_until(
        lambda: re.search(r"Process (\d+) .*Started again as process (\d+)", became(url, "kill-apply"), re.DOTALL),
        timeout=60,
        what="apply to be started again",
    )
    killed, started = map(int, again.groups())
    assert not psutil.pid_exists(killed)
    assert "apply" in psutil.Process(started).cmdline()
    wait_until(lambda: "healed after" in became(url, "by-hand"), timeout=90, what="a proof after the order by hand")


def test_a_value_that_differs_is_named_and_makes_it_fail(data_dir: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    with demo(data_dir, "--serve", "--for", "5", RECONCILE_HTTP_ADDR=address) as process:
        dsn = database(data_dir)
        press_the_panel(f"http://{address}")
        with psycopg.connect(dsn, autocommit=True) as connection:
            wait_until(
                lambda: connection.execute("SELECT to_regclass('reconcile.executions') IS NOT NULL").fetchall()[0][0],
                timeout=90,
                what="the tables",
            )
            found = wait_until(
                lambda: connection.execute(A_FINISHED_ORDER).fetchall(), timeout=90, what="an order to be finished"
            )
            order_id, filled_qty = found[0]
            connection.execute(
                "UPDATE reconcile.executions SET filled_qty = filled_qty + 0.000000001 WHERE alpaca_order_id = %s",
                [order_id],
            )
        process.send_signal(signal.SIGINT)
        status, told = result(process)
    assert status == 1
    assert told["equal"] is False
    # Where a slow machine had no time for the last sweep, what that would have repaired differs too.
    assert told["differing"] == 1 or told["unproven"], told["differences"]
    spoilt = ("executions", order_id, "filled_qty")
    (difference,) = (d for d in told["differences"] if (d["table"], d["order_id"], d["column"]) == spoilt)
    assert Decimal(difference["truth"]) == filled_qty
    assert Decimal(difference["ours"]) == filled_qty + Decimal("0.000000001")
    kept = Path(told["kept"])
    assert (kept / "logs" / "ingest.log").stat().st_size > 0
    assert kept.parent == data_dir
