"""docs/security.md against the tests: every test that it names is there, and its figures are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from fuzz import engine
from stream_reconcile.web.attempts import AT_ONCE

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_every_test_that_holds_a_claim_is_there() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE)
    assert len(named) > 50
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    missing = [f"{file}::{name}" for file, name in named if f"\ndef {name}(" not in files.get(file, "")]
    assert missing == []


def test_every_claim_names_a_test() -> None:
    section = ""
    for line in PAGE.splitlines():
        section = (
            line if line.startswith("| ") and "| Test |" in line else ("" if not line.startswith("|") else section)
        )
        if section and line != section and not line.startswith("|---"):
            assert "::test_" in line, line


def test_the_counts_are_those_of_make_fuzz() -> None:
    found = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([\d,]+) \|", PAGE, re.MULTILINE)
    assert {name: int(count.replace(",", "")) for name, count in found} == engine.RUNS
    assert f"{engine.SLOWEST_S:.0f} s of processor time" in PAGE


def test_the_guesses_are_those_of_the_code() -> None:
    assert AT_ONCE == 10
    assert "ten wrong tokens from an address, then one in six seconds" in PAGE
