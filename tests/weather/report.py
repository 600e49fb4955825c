"""What the scenarios found, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .outcome import Figure, Outcome


def show(name: str, outcome: Outcome, seconds: float, console: Console) -> None:
    """One scenario: its figures, then the promises that did not hold."""
    table = Table(title=f"{name}, {seconds:.0f} s", title_justify="left")
    table.add_column("what", no_wrap=True)
    table.add_column("figure", justify="right")
    for figure, value in outcome.figures.items():
        table.add_row(figure.replace("_", " "), _text(value))
    console.print(table)
    for broken in outcome.broken:
        console.print(f"broken: {broken}", style="red", markup=False)
    console.print("[green]holds" if outcome.holds else "[red]does not hold")


def write(found: Mapping[str, tuple[Outcome, float]], seed: int, path: Path) -> None:
    """Everything, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(_as_json(found, seed), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def _as_json(found: Mapping[str, tuple[Outcome, float]], seed: int) -> dict[str, object]:
    return {
        "seed": seed,
        "holds": all(outcome.holds for outcome, _seconds in found.values()),
        "scenarios": {
            name: {
                "holds": outcome.holds,
                "seconds": round(seconds, 1),
                "broken": outcome.broken,
                "figures": outcome.figures,
            }
            for name, (outcome, seconds) in found.items()
        },
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


def _text(value: Figure) -> str:
    return value if isinstance(value, str) else f"{value:,}"
