"""docs/endurance.md says what `make overload` and `make soak` take and promise: options, bounds, tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from endurance import tables
from endurance.__main__ import overload_command, soak_command
from endurance.place import ROLES
from endurance.promises import RSS_MB
from stream_reconcile.log.producer import Limits
from support.command_pages import assert_options_are_told, table

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "endurance.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(("title", "main"), [("Overload", overload_command), ("Soak", soak_command)])
def test_every_option_with_its_default_and_meaning(title: str, main: Callable[..., Any]) -> None:
    assert_options_are_told(section(title), main)


@pytest.mark.parametrize("title", ["Overload", "Soak"])
def test_the_makefile_has_the_shorthands(title: str) -> None:
    name, makefile = title.lower(), (ROOT / "Makefile").read_text(encoding="utf-8")
    target = re.split(r"\n\n", makefile[makefile.index(f"\n{name}:") + 1 :], maxsplit=1)[0]
    shorthands = set(re.findall(r"\$\(if \$\(([A-Z]+)\)", target)) | {"ARGS"}
    examples = " ".join(re.findall(rf"`(make {name}[^`]*)`", section(title)))
    assert set(re.findall(r"\b([A-Z]+)=", examples)) == shorthands


def test_every_table_by_what_it_grows() -> None:
    told = {kind: set(re.findall(r"`(\w+)`", names)) for kind, names, _why in table(PAGE, "| grows |")}
    assert told == {
        "never": set(tables.STAY),
        "with time": set(tables.BY_TIME),
        "with events": set(tables.BY_EVENT),
    }


def test_every_table_of_the_database_is_named() -> None:
    database = (ROOT / "docs" / "database.md").read_text(encoding="utf-8")
    ours = set(re.findall(r"^### `(\w+)`", database, re.MULTILINE))
    others = {"agreement", "migration_history", "schema_version"}  # a view, and what migrations write
    assert ours == {*tables.STAY, *tables.BY_TIME, *tables.BY_EVENT, *others}


def test_the_bounds_are_those_of_the_code() -> None:
    assert f"{RSS_MB:.0f} MB" in PAGE
    assert f"{Limits().queue_bytes // 1024**2} MB" in PAGE
    assert set(ROLES) <= set(re.findall(r"`(\w+)`", PAGE))
