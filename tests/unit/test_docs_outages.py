"""docs/outages.md says what `make outages` takes: every option, its default and its meaning, and every fault."""

from __future__ import annotations

import re
from pathlib import Path

from outages.__main__ import main
from outages.faults import FAULTS
from outages.restore import main as restore_main
from support.command_pages import assert_options_are_told, table

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "outages.md").read_text(encoding="utf-8")


def test_every_option_with_its_default_and_meaning() -> None:
    assert_options_are_told(PAGE, main)


def test_every_option_of_a_restore() -> None:
    head = "| option of `make restore` |"
    assert_options_are_told(PAGE[PAGE.index(head) :].replace(head, "| option |", 1), restore_main)


def test_every_fault() -> None:
    told = [name for names, _what in table(PAGE, "| name |") for name in re.findall(r"`([^`]+)`", names)]
    assert told == list(FAULTS)


def test_the_makefile_has_the_shorthands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    target = makefile[makefile.index("outages:") :].split("\n\n", 1)[0]
    shorthands = set(re.findall(r"\$\(if \$\(([A-Z]+)\)", target)) | {"ARGS"}
    assert set(re.findall(r"`make outages[^`]* ?\b([A-Z]+)=", PAGE)) == shorthands
    target = makefile[makefile.index("restore:") :].split("\n\n", 1)[0]
    assert set(re.findall(r"\$\(if \$\(([A-Z]+)\)", target)) == {"PLACE", "SEED"}
    assert "`make restore PLACE=server SEED=7`" in PAGE
