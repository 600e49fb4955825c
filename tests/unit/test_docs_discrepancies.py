"""docs/commands.md and the table of types say the same; and what the program opens is a type of that table."""

from __future__ import annotations

from pathlib import Path

from stream_reconcile.core.discrepancy_types import BLOCKS_PROOF, TYPES
from stream_reconcile.core.sums import Finding

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
CLOSED_BY = {"self": "itself", "person": "a person", "either": "itself, or a person"}


def test_every_type_stands_in_the_page_as_in_the_code() -> None:
    lines = PAGE[PAGE.index("## Discrepancies") :].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    assert rows == [
        [
            f"`{kind.name}`",
            kind.code,
            kind.means,
            kind.advice,
            CLOSED_BY[kind.closes],
            "yes" if kind.blocks_proof else "-",
        ]
        for kind in TYPES.values()
    ]


def test_each_has_a_name_and_a_number_of_its_own_and_says_what_to_do() -> None:
    assert len({kind.code for kind in TYPES.values()}) == len(TYPES) == 31
    for name, kind in TYPES.items():
        assert kind.name == name
        assert kind.advice.endswith(".")
        assert kind.means
        # Who has to close it is told so.
        assert ("accept" in kind.advice) == (kind.closes != "self"), name


def test_what_blocks_the_proof() -> None:
    blocking = ["A1", "A3", "B1", "B2", "B4", "B7", "C2", "C5", "D1", "D4", "E1", "F1", "F2", "F4", "F5", "F6"]
    assert {TYPES[name].code for name in BLOCKS_PROOF} == set(blocking)


def test_what_apply_finds_is_a_type() -> None:
    assert {str(finding) for finding in Finding} <= set(TYPES)
