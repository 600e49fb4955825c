"""core is pure: what its modules import and call is checked against a list of what is allowed.

import-linter (pyproject.toml) forbids known offenders, through other modules too; this allows nothing else at all.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import stream_reconcile

_CORE = Path(stream_reconcile.__file__).parent / "core"
_MODULES = sorted(_CORE.rglob("*.py"))
# Modules of the standard library with neither clock, nor IO, nor chance, nor a way to get at them.
_PURE = {
    *("__future__", "abc", "array", "bisect", "collections", "contextlib", "dataclasses", "datetime", "decimal"),
    *("enum", "fractions", "functools", "hashlib", "heapq", "hmac", "itertools", "json", "math", "operator", "re"),
    *(
        "string",
        "struct",
        "types",
        "typing",
        "uuid",
        "zlib",
        "base64",
        "binascii",
        "calendar",
        "copy",
        "graphlib",
        "textwrap",
    ),
}
_CLOCK_CALLS = {"now", "utcnow", "today", "uuid1", "uuid4"}


def _imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", _MODULES, ids=lambda path: path.relative_to(_CORE).as_posix())
def test_core_imports_nothing_that_is_not_pure(path: Path) -> None:
    others = {
        name
        for name in _imported(ast.parse(path.read_text(encoding="utf-8")))
        if name.split(".")[0] not in _PURE and not f"{name}.".startswith("stream_reconcile.core.")
    }
    allowed = {"msgspec"} if path.is_relative_to(_CORE / "wire") else set()
    assert {name.split(".")[0] for name in others} <= allowed


@pytest.mark.parametrize("path", _MODULES, ids=lambda path: path.relative_to(_CORE).as_posix())
def test_core_reads_no_clock_and_opens_nothing(path: Path) -> None:
    calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    attributes = {call.attr for call in calls if isinstance(call, ast.Attribute)}
    names = {call.id for call in calls if isinstance(call, ast.Name)}
    assert not attributes & _CLOCK_CALLS
    assert not names & {"open", "print", "input", "__import__", "exec", "eval"}


def test_the_list_names_real_modules_and_core_is_there() -> None:
    assert sys.stdlib_module_names >= _PURE
    assert len(_MODULES) > 5
