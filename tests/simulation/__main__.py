"""The command behind `make simulate`: exit status 0 only if every invariant held, or every planted bug was caught."""

from __future__ import annotations

import secrets
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from .bugs import BUGS
from .hunt import hunt
from .run import Outcome, run
from .schedule import Schedule, schedule_of
from .shrink import shrunk

console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def main(
    seeds: Annotated[int, typer.Option(min=1, help="So many runs, of seeds that follow on each other.")] = 200,
    seed: Annotated[int | None, typer.Option(help="The first seed; a run of one seed is always the same.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Most steps of one run.")] = 1_000_000,
    bugs: Annotated[bool, typer.Option("--bugs", help="Plant each known bug, and tell how soon it is caught.")] = False,
    schedule: Annotated[Path | None, typer.Option(help="Run this file instead, as a failure leaves one.")] = None,
    output: Annotated[Path, typer.Option(help="Where a failing schedule goes, cut short.")] = Path(
        "build/simulation.json"
    ),
) -> None:
    """Run the jobs against models of broker, log and database, under seeds, and check the invariants at each step."""
    if bugs:
        raise typer.Exit(_plant_each(seeds))
    if schedule is not None:
        outcome = run(Schedule.from_json(schedule.read_text()), most_steps=steps)
        _tell(outcome, output)
        raise typer.Exit(0 if outcome.holds else 1)
    first = secrets.randbelow(1_000_000_000) if seed is None else seed
    console.print(f"seeds {first} to {first + seeds - 1}: repeat with SEED={first} SEEDS={seeds}")
    began, total, counts = time.perf_counter(), 0, Counter[str]()
    for number in range(first, first + seeds):
        outcome = run(schedule_of(number), most_steps=steps)
        total += outcome.steps
        counts.update(outcome.counts)
        if not outcome.holds:
            _tell(outcome, output)
            raise typer.Exit(1)
    spent = time.perf_counter() - began
    made = ", ".join(f"{number:,} {name}" for name, number in sorted(counts.items()))
    console.print(f"{total:,} steps in {spent:.1f} s: {total / spent:,.0f} a second; every invariant held")
    console.print(made)


def _tell(outcome: Outcome, output: Path) -> None:
    """What failed, and the shortest schedule that fails alike."""
    if outcome.violation is None:
        console.print(f"{outcome.steps:,} steps: every invariant held")
        return
    console.print(f"[red]seed {outcome.schedule.seed}, step {outcome.steps:,}: {outcome.violation}[/]")
    short = shrunk(outcome)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(short.schedule.as_json())
    console.print(f"shortest schedule that fails alike (in {output}):")
    for act in short.schedule.acts:
        console.print(f"  {act.at_s:7.3f} s  order {act.order}: {act.what} {act.number or ''}")
    for fault in short.schedule.faults:
        console.print(f"  {fault}")
    console.print(f"[red]{short.violation}[/]\nthe last of it:")
    for line in short.trace[-20:]:
        console.print(f"  {line}")


def _plant_each(seeds: int) -> int:
    """A table of all bugs; 1 if one was not caught, or by none of its invariants."""
    table = Table("bug", "what it is", "caught by", "in steps", "seeds tried", "faults left", box=None)
    missed = 0
    for bug in BUGS.values():
        found = hunt(bug, seeds)
        if found.outcome is None or found.outcome.violation is None:
            missed += 1
            table.add_row(bug.name, bug.what, "[red]not caught[/]", f"{found.steps:,}", str(found.seeds), "")
            continue
        short = shrunk(found.outcome, bug=bug, most_runs=60)
        name = found.outcome.violation.name
        missed += name not in bug.caught_by
        table.add_row(
            bug.name, bug.what, name, f"{found.steps:,}", str(found.seeds), str(len(short.schedule.faults))
        )  # fmt: skip
    console.print(table)
    return 1 if missed else 0


if __name__ == "__main__":
    typer.run(main)
