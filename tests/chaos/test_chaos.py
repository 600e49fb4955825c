"""`make chaos`, cut short: real members, really killed, and everything equal; and what it says when it is not."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from .checker import Fault, Report
from .digest import TableDigest
from .ground_truth import Counts
from .report import show, write
from .run import Options, Outcome, Replay
from .schedule import schedule
from .storm import Struck

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.timeout(180)  # half a minute on two idle cores, of which servers and members take most to start
def test_members_are_killed_and_all_is_equal(tmp_path: Path) -> None:
    output = tmp_path / "chaos.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "chaos", "--seed", "20"),
            *("--events", "8000", "--kills", "4", "--stops", "1", "--output", str(output)),
        ],
        env=os.environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS / 'benchmarks'}"},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seed 20: repeat this run with SEED=20" in done.stdout
    found = json.loads(output.read_text("utf-8"))
    figures = found["figures"]
    assert found["equal"] is True
    assert figures["events"] >= 8_000
    assert figures["kills"] == 4
    assert figures["stops"] == 1
    assert figures["duplicates_dropped"] > 250
    assert figures["claims"] >= 2  # lives that came to work; what a kill meets is the machine's to say (test_sight)
    assert figures["cursors_taken_up_again"] >= 8
    assert [act["planned_at"] for act in found["acts"]] == [round(act.at, 4) for act in schedule(20, 4, 1)]
    assert {name for name, digest in found["digests"].items() if digest["before"] != digest["after"]} == set()
    assert found["digests"]["order_events"]["rows"] == figures["observations"]


def outcome() -> Outcome:
    """As of a run in which nothing differs."""
    act = schedule(1, 1, 0)[0]
    seconds = {"fill": 1.0, "apply": 2.0, "compare": 0.5, "digest": 0.1, "replay": 1.0}
    digest = {"fills": TableDigest(3, "abc")}
    options = Options(events=100, kills=1, stops=0, seed=1, data_dir=None)
    return Outcome(
        options=options,
        records=105,
        truth=Counts(30, 100, 104),
        struck=[Struck(act, "member 1", 0.5, hit=True)],
        report=Report(orders=30, fills=40, events=104),
        seconds=seconds,
        logged=Counter(),
        before=digest,
        after=dict(digest),
    )


def test_a_difference_is_shown_and_written(tmp_path: Path) -> None:
    found = outcome()
    assert found.equal
    found.report.add(Fault("doubled", "fills", "order x:1"))
    found.report.add(Fault("different", "executions", "order", "qty", "1", "2"))
    assert not found.equal
    console = Console(width=120, record=True, file=io.StringIO())
    show(found, console)
    shown = console.export_text()
    assert "fills: 1 doubled" in shown
    assert "executions: different: order: qty is 1, should be 2" in shown
    write(found, tmp_path / "new" / "chaos.json")
    written = json.loads((tmp_path / "new" / "chaos.json").read_text("utf-8"))
    assert written["equal"] is False
    assert written["figures"]["differences"] == 2
    assert written["differences"] == {"executions: different": 1, "fills: doubled": 1}
    assert written["listed"] == [
        "fills: doubled: order x:1",
        "executions: different: order: qty is 1, should be 2",
    ]


def test_a_replay_that_changes_something_is_not_equal() -> None:
    found = outcome()
    found.after["fills"] = TableDigest(3, "abd")
    assert found.changed_by_replay == ["fills"]
    assert not found.equal
    again = outcome()
    again.replay = Replay(restarts=1, taken_up=8)
    assert not again.equal
