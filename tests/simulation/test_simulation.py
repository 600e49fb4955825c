"""`make simulate`, cut short: some seeds, schedules that once failed, planted bugs; and that a run is its seed's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from .bugs import BUGS
from .hunt import hunt
from .run import Outcome, run
from .schedule import Schedule, schedule_of
from .shrink import shrunk

HERE = Path(__file__).parent
REGRESSIONS = sorted(HERE.glob("regressions/*.json"))
# The seeds before these do not bring the bug out: `make simulate ARGS="--bugs"` tries them too.
_FIRST = {
    "no_fence": 3,
    "no_epoch": 11,
    "no_barrier": 12,
    "absence_from_errors": 6,
    "no_windows": 7,
    "nothing_pairs": 2,
}
_MOST_SEEDS = 20


@pytest.mark.parametrize("first", range(0, 12, 6))
def test_every_invariant_holds(first: int) -> None:
    for seed in range(first, first + 6):
        outcome = run(schedule_of(seed))
        assert outcome.holds, told(outcome)


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.stem)
def test_what_once_failed(path: Path) -> None:
    outcome = run(Schedule.from_json(path.read_text(encoding="utf-8")))
    assert outcome.holds, told(outcome)


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught(name: str) -> None:
    found = hunt(BUGS[name], _MOST_SEEDS, first=_FIRST.get(name, 0))
    assert found.outcome is not None, f"{name} was not caught in {found.steps} steps"
    assert found.outcome.violation is not None
    assert found.outcome.violation.name in BUGS[name].caught_by, told(found.outcome)


def test_a_failing_schedule_is_made_short_and_fails_alike() -> None:
    bug = BUGS["rewind_forward"]
    found = hunt(bug, _MOST_SEEDS).outcome
    assert found is not None
    assert found.violation is not None
    short = shrunk(found, bug=bug, most_runs=12)
    assert short.violation is not None
    assert short.violation.name == found.violation.name
    assert len(short.schedule.faults) <= len(found.schedule.faults)
    again = run(Schedule.from_json(short.schedule.as_json()), bug=bug)
    assert str(again.violation) == str(short.violation)
    assert again.steps == short.steps


def test_a_run_is_a_function_of_its_seed() -> None:
    code = "from simulation.test_simulation import figures; print(figures(5))"
    path = os.pathsep.join([str(HERE.parent), str(HERE.parent.parent)])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "12345"}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True)
    assert json.loads(said.stdout) == json.loads(figures(5))


def test_a_run_without_faults_needs_no_more_than_its_end() -> None:
    outcome = run(replace(schedule_of(1), faults=()))
    assert outcome.holds
    assert outcome.seconds < 120


def figures(seed: int) -> str:
    """What a run of this seed comes to, as JSON."""
    outcome = run(schedule_of(seed))
    return json.dumps([outcome.steps, outcome.seconds, sorted(outcome.counts.items())])


def told(outcome: Outcome) -> str:
    """For the report of a failing test: how to repeat it, and the end of what happened."""
    return "\n".join([f"seed {outcome.schedule.seed}, step {outcome.steps}: {outcome.violation}", *outcome.trace[-15:]])
