"""docs/chaos.md says what `make chaos` takes and gives: every option, its default and its meaning, and every figure."""

from __future__ import annotations

import re
from pathlib import Path

from chaos.__main__ import main
from chaos.report import figures
from chaos.test_chaos import outcome
from support.command_pages import assert_options_are_told, table

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "chaos.md").read_text(encoding="utf-8")


def test_every_option_with_its_default_and_meaning() -> None:
    assert_options_are_told(PAGE, main)


def test_every_figure() -> None:
    assert [name.strip("`") for name, _meaning in table(PAGE, "| figure |")] == list(figures(outcome()))


def test_the_makefile_has_the_shorthands() -> None:
    makefile = (Path(__file__).resolve().parents[2] / "Makefile").read_text(encoding="utf-8")
    target = makefile[makefile.index("chaos:") :].split("\n\n", 1)[0]
    shorthands = set(re.findall(r"if \$\(([A-Z]+)\)", target)) | {"ARGS"}
    assert set(re.findall(r"`make chaos[^`]* ?\b([A-Z]+)=", PAGE)) | {"EVENTS"} == shorthands
