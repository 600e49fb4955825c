"""What a page in docs/ says of the command behind a make target, held against the command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer.main
from typer import Typer


def table(page: str, head: str) -> list[list[str]]:
    """Cells of the table under this head, line by line."""
    lines = page[page.index(head) :].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def assert_options_are_told(page: str, main: Callable[..., Any]) -> None:
    """Every option of the command stands in the page's table, with its default and its meaning, and no other."""
    app = Typer()
    app.command()(main)
    options: list[Any] = [option for option in typer.main.get_command(app).params if option.param_type_name == "option"]
    said = {name.strip("`"): (default.strip("`"), meaning) for name, default, meaning in table(page, "| option |")}
    known = {option.opts[0]: option for option in options if "completion" not in option.opts[0]}
    assert said.keys() == known.keys()
    for name, (default, meaning) in said.items():
        assert meaning == known[name].help
        assert known[name].default is None or default == str(known[name].default)
