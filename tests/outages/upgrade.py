"""A rolling upgrade: the tables are migrated under load, then one copy after the other is of the new version."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stream_reconcile.demo.programs import PROGRAM, Program, environment
from support.next_version import next_program
from support.waiting import wait_until

from .place import Scene

_MIGRATED_S: Final = 180.0
_READY_S: Final = 120.0
_LOOKS_S: Final = 15.0
"""In which each copy has looked at the schema more than once (readiness: every 5 s)."""


def rolling_upgrade(scene: Scene, rng: random.Random) -> None:
    """By the book (docs/how-to.md): migrate first, then replace the copies; the old one is started again meanwhile."""
    directory = scene.copies[0].output.parent
    new = scene.settings | next_program(directory / f"next-{rng.randrange(10**6)}")
    told = {program: program.output.stat().st_size for program in scene.copies}
    if rng.random() < 0.5:
        half = _migrate(new, directory)
        time.sleep(rng.uniform(0.5, 4.0))
        half.kill()
        half.communicate()
    migration = _migrate(new, directory)
    _output, words = migration.communicate(timeout=_MIGRATED_S)
    assert migration.returncode == 0, words
    time.sleep(_LOOKS_S)
    for program, begin in told.items():
        program.require_alive()
        assert not (red := _not_ready(program.output, begin)), f"{program.name} after the migration: {red}"
    first, second = scene.copies
    _replaced(scene, 0, new)
    second.kill()  # an old one that has to start beside the new schema, before its turn comes
    second.start()
    _ready(second)
    _replaced(scene, 1, new | scene.clock.settings)
    assert not first.running


def _migrate(settings: Mapping[str, str], directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", PROGRAM, "migrate", "--json"],
        env=environment(settings),
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _replaced(scene: Scene, number: int, settings: Mapping[str, str]) -> None:
    old = scene.copies[number]
    old.stop()
    scene.copies[number] = scene.programs.start(f"{old.name} upgraded", "run", **settings)
    _ready(scene.copies[number])


def _ready(program: Program) -> None:
    """Wait until it works with the tables: its migrations are known to it, or it goes on without them."""
    begin = 0 if program.starts == 1 else program.output.stat().st_size

    def works() -> bool:
        program.require_alive()
        lines = _said(program.output, begin)
        return any(
            line.get("event") == "readiness" and line.get("part") == "apply" and line.get("ready") for line in lines
        )

    wait_until(works, timeout=_READY_S, what=f"{program.name} to be ready")


def _not_ready(output: Path, begin: int) -> list[str]:
    """Reasons why Postgres was called not ready since."""
    lines = _said(output, begin)
    return [
        str(line.get("why"))
        for line in lines
        if line.get("event") == "readiness" and line.get("part") == "postgres" and not line.get("ready")
    ]


def _said(output: Path, begin: int) -> list[dict[str, object]]:
    """What a copy has logged from this place on."""
    with output.open("rb") as file:
        file.seek(begin)
        lines = file.read().decode(errors="replace").splitlines()
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # the piece of a line
    return [line for line in found if isinstance(line, dict)]
