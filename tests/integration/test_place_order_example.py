"""docs/examples/place_order.py as anybody would run it: against a broker and a Postgres, each answer of the broker."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from support.command import environment
from support.logins import temporary_logins

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "place_order.py"


@pytest.fixture(scope="module")
def sim() -> Iterator[RunningSimulator]:
    with running_simulator(seed=23, rate_limit=0) as running:
        yield running


@pytest.fixture
def intent_dsn(database: str) -> Iterator[str]:
    with temporary_logins(database) as make:
        yield make("reconcile_intent")


def place(sim: RunningSimulator, dsn: str, folder: Path, *arguments: str, status: int) -> str:
    """Run the example; what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(EXAMPLE), *arguments],
        env=environment(sim.environment | {"DATABASE_URL": dsn}),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def the_decision(database: str, client_order_id: str) -> dict[str, Any]:
    with psycopg.connect(database, row_factory=dict_row) as connection:
        rows = connection.execute("SELECT * FROM reconcile.trade_decisions").fetchall()
    (row,) = [each for each in rows if each["client_order_id"] == client_order_id]
    return row


def orders(sim: RunningSimulator, client_order_id: str) -> list[dict[str, Any]]:
    return [order for order in sim.control.orders() if order["client_order_id"] == client_order_id]


def client_order_id_of(printed: str) -> str:
    found = re.search(r"client order id (\S+):", printed)
    assert found is not None, printed
    return found[1]


def test_an_order_that_is_accepted(sim: RunningSimulator, database: str, intent_dsn: str, tmp_path: Path) -> None:
    printed = place(sim, intent_dsn, tmp_path, "AAPL", "buy", "3", "--limit", "1.50", status=0)
    client_order_id = client_order_id_of(printed)
    row = the_decision(database, client_order_id)
    assert (row["account_id"], row["symbol"], row["side"]) == (sim.account_id, "AAPL", "buy")
    assert (row["qty"], row["limit_price"], row["order_type"]) == (Decimal(3), Decimal("1.50"), "limit")
    assert (row["state"], row["submit_result"]) == ("submitted", "accepted")
    assert row["inserted_at"] < row["submitted_at"]
    (order,) = orders(sim, client_order_id)
    assert (order["symbol"], order["side"], Decimal(order["qty"])) == ("AAPL", "buy", Decimal(3))
    assert Decimal(order["limit_price"]) == Decimal("1.50")
    assert order["id"] in printed


def test_an_order_that_is_refused(sim: RunningSimulator, database: str, intent_dsn: str, tmp_path: Path) -> None:
    printed = place(sim, intent_dsn, tmp_path, "AAPL", "buy", "1000000000", status=1)  # more than anybody's money
    client_order_id = client_order_id_of(printed)
    row = the_decision(database, client_order_id)
    assert (row["state"], row["submit_result"], row["order_type"]) == ("submitted", "refused", "market")
    assert orders(sim, client_order_id) == []


def test_an_answer_that_does_not_come(sim: RunningSimulator, database: str, intent_dsn: str, tmp_path: Path) -> None:
    fault = sim.control.fault("rest_hang", method="POST", path="/v2/orders", seconds=30)
    try:
        printed = place(sim, intent_dsn, tmp_path, "AAPL", "buy", "1", "--timeout", "2", status=3)
    finally:
        sim.control.clear_faults(fault)
    client_order_id = client_order_id_of(printed)
    row = the_decision(database, client_order_id)
    assert (row["state"], row["submit_result"]) == ("submitted", "ambiguous")
    assert len(orders(sim, client_order_id)) == 1, "the broker carried it out all the same, once"
    assert "do not submit it again" in printed


def test_an_error_of_the_gateway_leaves_it_open(
    sim: RunningSimulator, database: str, intent_dsn: str, tmp_path: Path
) -> None:
    """504 is what alpaca-py would submit again for by itself."""
    fault = sim.control.fault("rest_status", method="POST", path="/v2/orders", status=504, perform=True)
    try:
        printed = place(sim, intent_dsn, tmp_path, "AAPL", "buy", "1", status=3)
    finally:
        sim.control.clear_faults(fault)
    client_order_id = client_order_id_of(printed)
    assert the_decision(database, client_order_id)["submit_result"] == "ambiguous"
    assert len(orders(sim, client_order_id)) == 1


def test_a_program_that_dies_before_the_answer_leaves_its_decision(
    sim: RunningSimulator, database: str, intent_dsn: str, tmp_path: Path
) -> None:
    """What the commit before the submission is for."""
    fault = sim.control.fault("rest_hang", method="POST", path="/v2/orders", seconds=60)
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(EXAMPLE), "AAPL", "buy", "7", "--timeout", "60"],
        env=environment(sim.environment | {"DATABASE_URL": intent_dsn}),
        cwd=tmp_path,
    )
    try:
        sim.control.wait_until(lambda _overview: any(order["qty"] == "7" for order in sim.control.orders()), seconds=60)
    finally:
        process.kill()
        process.wait(20)
        sim.control.clear_faults(fault)
    (order,) = [order for order in sim.control.orders() if order["qty"] == "7"]
    row = the_decision(database, order["client_order_id"])
    assert (row["state"], row["submitted_at"], row["qty"]) == ("planned", None, Decimal(7))
