"""The command behind `make chaos`: exit status 0 only if all is equal."""

from __future__ import annotations

import logging
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console

from stream_reconcile.core.errors import ReconcileError

from .report import show, write
from .run import Options, run

console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
DEFAULT_OUTPUT = Path("build/chaos.json")


def main(
    events: Annotated[int, typer.Option(min=1, help="At least so many records stand in the log.")] = 1_000_000,
    kills: Annotated[int, typer.Option(min=0, help="SIGKILLs.")] = 20,
    stops: Annotated[int, typer.Option(min=0, help="Members that are stopped until the other one has taken over.")] = 5,
    seed: Annotated[int | None, typer.Option(help="Repeats history, order of the log and schedule.")] = None,
    output: Annotated[Path, typer.Option(help="Where figures and differences go.")] = DEFAULT_OUTPUT,
    data_dir: Annotated[Path | None, typer.Option(help="Where the servers keep their data while they run.")] = None,
) -> None:
    """Kill members of apply while they apply a long log; then compare the tables with the truth, and apply it again."""
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    # An end from outside is an end in order: the servers stop, their directory goes.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    logging.getLogger("stream_reconcile.kafka").setLevel(logging.ERROR)
    _say(f"seed {seed}: repeat this run with SEED={seed}")
    try:
        outcome = run(Options(events, kills, stops, seed, data_dir), _say)
    except ReconcileError as error:
        console.print(f"[red]{error}")
        raise typer.Exit(1) from None
    write(outcome, output)
    show(outcome, console)
    console.print(f"figures in {output}")
    raise typer.Exit(0 if outcome.equal else 1)


def _say(text: str) -> None:
    console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {text}")


if __name__ == "__main__":
    typer.run(main)
