"""`make restore`: Postgres goes back to a dump of some time ago, and comes to equality by itself; a timeline of it."""

from __future__ import annotations

import json
import logging
import secrets
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer
from rich.console import Console
from rich.table import Table

from stream_reconcile.core.errors import ReconcileError

from .restored import Told, restored

console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
DEFAULT_OUTPUT: Final = Path("build/restore.json")


class Place(StrEnum):
    """Where the dump is restored."""

    DATABASE = "database"
    SERVER = "server"
    BOTH = "both"


def main(
    place: Annotated[
        Place, typer.Option(help="A new database of the same server, another server of its own, or both in turn.")
    ] = Place.BOTH,
    seconds: Annotated[float, typer.Option(min=5, help="Order flow before the dump, and again after it.")] = 40.0,
    seed: Annotated[int | None, typer.Option(help="Repeats the orders at the broker.")] = None,
    output: Annotated[Path, typer.Option(help="Where the figures go.")] = DEFAULT_OUTPUT,
    data_dir: Annotated[Path | None, typer.Option(help="Where the servers keep their data while they run.")] = None,
) -> None:
    """Restore an older dump under order flow, and tell what happens, with the seconds at which it does."""
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("stream_reconcile.kafka").setLevel(logging.CRITICAL)
    console.print(f"seed {seed}: repeat this run with SEED={seed}")
    places = [Place.DATABASE, Place.SERVER] if place is Place.BOTH else [place]
    all_told: dict[str, Told] = {}
    for one in places:
        try:
            told = restored(data_dir, seed, seconds, other_server=one is Place.SERVER, say=_sayer())
        except ReconcileError as error:
            console.print(f"[red]{error}")
            raise typer.Exit(1) from None
        all_told[one.value] = told
        show(one.value, told, console)
        write(all_told, output, seed)
    console.print(f"figures in {output}")
    raise typer.Exit(0 if all(told.holds for told in all_told.values()) else 1)


def _sayer() -> Callable[[float, str], None]:
    return lambda at_s, what: console.print(f"[dim]{at_s:7.1f} s[/]  {what}")


def show(place: str, told: Told, console: Console) -> None:
    """The timeline, what is gone, what is not as it should be."""
    table = Table(title=f"restored to another {place}: seconds from the start", title_justify="left")
    table.add_column("s", justify="right")
    table.add_column("what")
    for moment in told.moments:
        table.add_row(f"{moment.at_s:.1f}", moment.what)
    console.print(table)
    for line in told.gone:
        console.print(f"gone with the database, as it must be: {line}")
    for line in told.broken:
        console.print(f"[red]{line}")


def write(all_told: dict[str, Told], path: Path, seed: int) -> None:
    """Everything, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    runs = {place: asdict(told) for place, told in all_told.items()}
    partial.write_text(json.dumps({"seed": seed, "runs": runs}, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


if __name__ == "__main__":
    typer.run(main)
