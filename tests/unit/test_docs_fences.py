"""docs/architecture.md, "Fences": every kind of write that there is, with tests that exist; no statement left out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from support.command_pages import table
from support.fences import KINDS, PRODUCERS, SENDS, listed_statements, writing_statements

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "stream_reconcile"
OUTSIDE = ("simulator", "demo", "embedded")
ROWS = table(PAGE, "| kind of write |")


def test_every_kind_is_told_once() -> None:
    assert [row[0] for row in ROWS] == list(KINDS)


def test_every_statement_that_writes_belongs_to_a_kind() -> None:
    assert listed_statements() == writing_statements()


def test_every_way_to_kafka_belongs_to_a_kind() -> None:
    files = (file for file in PACKAGE.rglob("*.py") if file.relative_to(PACKAGE).parts[0] not in OUTSIDE)
    sending = {file.relative_to(PACKAGE).as_posix() for file in files if SENDS.search(file.read_text(encoding="utf-8"))}
    assert sending == set(PRODUCERS)
    assert set(PRODUCERS.values()) <= set(KINDS)


def test_the_tests_that_are_named_exist() -> None:
    for kind, _fence, _zombie, tests in ROWS:
        named = re.findall(r"`(test_\w+)\.py::(test_\w+)`", tests)
        assert named, kind
        for file, name in named:
            (path,) = (ROOT / "tests").rglob(f"{file}.py")
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert name in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}, (file, name)


def test_the_kinds_under_a_lease_are_those_that_are_tried() -> None:
    leased = {row[0] for row in ROWS if row[1].startswith("the lease, locked")}
    source = (ROOT / "tests" / "integration" / "test_fences.py").read_text(encoding="utf-8")
    tried = {name.partition(":")[0] for name in re.findall(r'^    "([^"]+)": (?:lambda|Actor)', source, re.MULTILINE)}
    assert leased | {"a lease"} == tried
