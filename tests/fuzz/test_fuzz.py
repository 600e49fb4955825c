"""A short cut of `make fuzz`: each target bears some hundred inputs, and everything it did not bear once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz import engine

RUNS = dict.fromkeys(engine.TARGETS, 150) | {"settings": 50}


@pytest.mark.parametrize("name", engine.TARGETS)
def test_it_bears_nearly_good_input(name: str) -> None:
    found = engine.run(name, RUNS[name], seed=1)
    if found is not None:
        raise AssertionError(f"{name} does not bear {found.data[:500]!r}") from found.error


@pytest.mark.parametrize(("name", "file"), [(name, file) for name in engine.TARGETS for file in engine.kept(name)])
def test_it_bears_what_was_found(name: str, file: Path) -> None:
    if error := engine.tried(name, file.read_bytes()):
        raise AssertionError(f"{name} does not bear {file.name}") from error
