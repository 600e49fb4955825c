"""`make weather`, cut short: quick sweeps, few events, every promise the same; and what it says when one is broken."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from support.servers import Servers

from . import calm, crowd, judge, storm
from .__main__ import SCENARIOS
from .outcome import Options, Outcome, quantiles
from .place import Place
from .report import show, write

OPTIONS = Options(seed=3, say=lambda _text: None, events=900, rate=300.0, orders=600, sweeps=6, quick=True)


@pytest.fixture
def place(servers: Servers, kafka: str, postgres_server: str, tmp_path: Path) -> Place:
    return Place(kafka, postgres_server, servers.template(), tmp_path)


@pytest.mark.timeout(240)  # of which the servers may take some to start
def test_a_storm_is_made_up_for(place: Place) -> None:
    outcome = storm.run(place, OPTIONS)
    assert outcome.broken == []
    figures = outcome.figures
    assert float(figures["dropped"]) > 45
    assert float(figures["repaired_by_sweep"]) > 0
    assert float(figures["repaired_by_next_event"]) > 0
    assert float(figures["drop_to_row_p50_s"]) <= float(figures["drop_to_row_max_s"])


@pytest.mark.timeout(240)  # of which the servers may take some to start
def test_calm_weather_gives_no_alarm(place: Place) -> None:
    outcome = calm.run(place, OPTIONS)
    assert outcome.broken == []
    assert float(outcome.figures["sweeps"]) >= 6
    assert outcome.figures["false_alarms"] == 0


@pytest.mark.timeout(240)  # of which the servers may take some to start
def test_orders_of_one_instant_are_found(place: Place) -> None:
    outcome = Outcome()
    crowd.one_instant(place, OPTIONS, outcome)
    assert outcome.broken == []
    assert outcome.figures["one_instant_orders"] == 600


def test_a_broken_promise_is_shown_and_written(tmp_path: Path) -> None:
    outcome = Outcome({"dropped": 1_000, "by": "hot"})
    outcome.promise(True, "this holds")
    assert outcome.holds
    outcome.promise(False, "the tables differ: ['executions']")
    console = Console(width=120, record=True, file=io.StringIO())
    show("storm", outcome, 12.3, console)
    shown = console.export_text()
    assert "storm, 12 s" in shown
    assert "1,000" in shown
    assert "broken: the tables differ: ['executions']" in shown
    assert "does not hold" in shown
    write({"storm": (outcome, 12.34), "calm": (Outcome(), 1.0)}, 7, tmp_path / "new" / "weather.json")
    written = json.loads((tmp_path / "new" / "weather.json").read_text("utf-8"))
    assert (written["seed"], written["holds"]) == (7, False)
    assert written["scenarios"]["storm"] == {
        "holds": False,
        "seconds": 12.3,
        "broken": ["the tables differ: ['executions']"],
        "figures": {"dropped": 1_000, "by": "hot"},
    }
    assert written["scenarios"]["calm"]["holds"] is True


def test_quantiles() -> None:
    assert quantiles([], "x") == {}
    found = quantiles([float(number) for number in range(100, 0, -1)], "x")
    assert found == {"x_p50_s": 51.0, "x_p90_s": 91.0, "x_p99_s": 100.0, "x_max_s": 100.0}


def test_what_the_broker_did_is_no_false_alarm() -> None:
    truth = judge.Truth.__new__(judge.Truth)
    truth.overfilled, truth.taken_back, truth.client_ids = {"o"}, {"busted": {"b"}, "corrected": set()}, {"here"}
    true = [("trade_bust", "b"), ("overfill", "o"), ("stream_gap", "7"), ("not_placed", "never came")]
    false = [("trade_bust", "o"), ("overfill", "b"), ("not_placed", "here"), ("position_drift", "AAPL")]
    rows = [{"type": kind, "subject": subject} for kind, subject in true + false]
    assert judge.false_alarms(rows, truth) == [f"{kind} of {subject}" for kind, subject in false]


def test_each_scenario_has_a_name_of_its_own() -> None:
    functions: set[Callable[[Place, Options], Outcome]] = set(SCENARIOS.values())
    assert len(functions) == len(SCENARIOS) == 8
    assert replace(OPTIONS, quick=False).timing.intervals.hot_s == 10.0
