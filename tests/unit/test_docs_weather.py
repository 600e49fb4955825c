"""docs/weather.md says what `make weather` takes: every option, its default and its meaning, and every scenario."""

from __future__ import annotations

import re
from pathlib import Path

from support.command_pages import assert_options_are_told, table
from weather.__main__ import SCENARIOS, main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "weather.md").read_text(encoding="utf-8")


def test_every_option_with_its_default_and_meaning() -> None:
    assert_options_are_told(PAGE, main)


def test_every_scenario() -> None:
    assert [name.strip("`") for name, _what, _promise in table(PAGE, "| name |")] == list(SCENARIOS)


def test_the_makefile_has_the_shorthands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    target = makefile[makefile.index("weather:") :].split("\n\n", 1)[0]
    shorthands = set(re.findall(r"\$\(if \$\(([A-Z]+)\)", target)) | {"ARGS"}
    assert set(re.findall(r"`make weather[^`]* ?\b([A-Z]+)=", PAGE)) | {"ONLY"} == shorthands
