"""docs/weather.md says what `make weather` takes: every option, its default and its meaning, and every scenario."""

from __future__ import annotations

import re
from pathlib import Path

import typer.main
from typer import Typer

from weather.__main__ import SCENARIOS, main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "weather.md").read_text(encoding="utf-8")


def rows(head: str) -> list[list[str]]:
    """Cells of the table under this head."""
    table = PAGE[PAGE.index(head) :].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_every_option_with_its_default_and_meaning() -> None:
    app = Typer()
    app.command()(main)
    options = [option for option in typer.main.get_command(app).params if option.param_type_name == "option"]
    said = {name.strip("`"): (default.strip("`"), meaning) for name, default, meaning in rows("| option |")}
    known = {option.opts[0]: option for option in options if "completion" not in option.opts[0]}
    assert said.keys() == known.keys()
    for name, (default, meaning) in said.items():
        assert meaning == known[name].help
        assert known[name].default is None or default == str(known[name].default)


def test_every_scenario() -> None:
    assert [name.strip("`") for name, _what, _promise in rows("| name |")] == list(SCENARIOS)


def test_the_makefile_has_the_shorthands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    target = makefile[makefile.index("weather:") :].split("\n\n", 1)[0]
    shorthands = set(re.findall(r"\$\(if \$\(([A-Z]+)\)", target)) | {"ARGS"}
    assert set(re.findall(r"`make weather[^`]* ?\b([A-Z]+)=", PAGE)) | {"ONLY"} == shorthands
