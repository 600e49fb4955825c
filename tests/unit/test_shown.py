"""Every row of the list of discrepancies has a test that makes it and one that is quiet, or is named as missing."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

from rich.console import Console

from stream_reconcile.core.discrepancy_types import TYPES
from support.shown import MISSING, PROPERTY, SHOWN
from support.shown_table import main, recorded, table

TESTS = Path(__file__).resolve().parents[1]


def text_of(*folders: Path, name: str) -> str:
    return "\n".join(path.read_text("utf-8") for folder in folders for path in folder.rglob(name))


def test_every_type_is_shown_or_named_as_missing() -> None:
    assert SHOWN.keys() | MISSING.keys() == TYPES.keys()
    assert not SHOWN.keys() & MISSING.keys()


def test_the_tests_that_are_named_exist_once() -> None:
    defined = re.findall(r"^(?:async )?def (test_\w+)", text_of(TESTS, name="test_*.py"), re.MULTILINE)
    for shown in SHOWN.values():
        assert defined.count(shown.makes) == 1, shown.makes
        assert defined.count(shown.quiet) == 1, shown.quiet


def test_what_is_named_as_missing_is_opened_by_nothing() -> None:
    program = TESTS.parent / "stream_reconcile"
    text = text_of(program / "jobs", program / "store", name="*.py")
    for name in MISSING:
        assert f'"{name}"' not in text, f"{name} is opened now: name its tests in SHOWN"


def test_the_table_is_made_of_what_tests_recorded(tmp_path: Path) -> None:
    told = {"type": "missed_terminal", "found_s": 0.61, "open_s": 0.25, "state": "resolved", "by": "sweep"}
    told["resolution"] = "x"
    case = f"<property name='{PROPERTY}' value='{json.dumps(told)}'/>"
    failed = case.replace("missed_terminal", "overfill")
    junit = tmp_path / "junit.xml"
    junit.write_text(
        f"<r><testcase name='a'><properties>{case}</properties></testcase>"
        f"<testcase name='b'><properties>{failed}</properties><failure/></testcase></r>"
    )
    assert recorded(junit) == {"missed_terminal": told}
    console = Console(width=250, file=io.StringIO(), record=True)
    console.print(table(recorded(junit)))
    shown = console.export_text()
    assert re.search(r"C2 +│ missed_terminal +│ test_c2_\w+ +│ 0.61 s +│ resolved by sweep: x, after 0.25 s", shown)
    assert re.search(r"C3 +│ cancel_fill_race +│ none: ", shown)
    assert re.search(r"B8 +│ overfill .* not run", shown)
    assert main(junit) == 1
