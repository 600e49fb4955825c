"""docs/simulation.md says what `make simulate` takes and does: options, faults, invariants, planted bugs."""

from __future__ import annotations

import re
from pathlib import Path

from simulation.__main__ import main
from simulation.bugs import BUGS
from simulation.faults import HAPPENS
from simulation.schedule import KINDS
from support.command_pages import assert_options_are_told, table

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "simulation.md").read_text(encoding="utf-8")


def test_every_option_with_its_default_and_meaning() -> None:
    assert_options_are_told(PAGE, main)


def test_every_fault() -> None:
    said = [name.strip("`") for name, _what in table(PAGE, "| fault |")]
    assert said == list(KINDS)
    assert set(KINDS) == {"kill", "stop", *HAPPENS}


def test_every_planted_bug_and_every_invariant_that_catches_one() -> None:
    assert [(name.strip("`"), what) for name, what, _steps in table(PAGE, "| bug |")] == [
        (bug.name, bug.what) for bug in BUGS.values()
    ]
    checked = {name for name, _when, _what in table(PAGE, "| name | when |")}
    assert {name for bug in BUGS.values() for name in bug.caught_by} <= checked


def test_the_invariants_in_the_code_are_those_of_the_page() -> None:
    code = (ROOT / "tests" / "simulation" / "invariants.py").read_text(encoding="utf-8")
    raised = set(re.findall(r'"(I\d+|equal)"', code))
    assert raised == {name for name, _when, _what in table(PAGE, "| name | when |")}


def test_the_makefile_has_the_shorthands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    target = makefile[makefile.index("simulate:") :].split("\n\n", 1)[0]
    shorthands = set(re.findall(r"\$\(if \$\(([A-Z]+)\)", target)) | {"ARGS"}
    assert set(re.findall(r"`make simulate[^`]* ?\b([A-Z]+)=", PAGE)) | {"SEEDS"} == shorthands
