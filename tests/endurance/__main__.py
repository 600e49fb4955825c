"""The commands behind `make overload` and `make soak`: exit status 0 only if every promise held."""

from __future__ import annotations

import logging
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import structlog
import typer
from rich.console import Console

from stream_reconcile.core.errors import ReconcileError
from weather.outcome import Outcome
from weather.place import Place, own_place
from weather.report import show, write

from . import overload, soak
from .plot import draw
from .samples import Sampler

console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
app = typer.Typer(add_completion=False)
OVERLOAD_OUTPUT: Final = Path("build/overload.json")
SOAK_OUTPUT: Final = Path("build/soak.json")
_ENDED_BY: Final = 128


@app.command("overload")
def overload_command(
    minutes: Annotated[float, typer.Option(min=0.05, help="How long the overload lasts.")] = 10.0,
    times: Annotated[float, typer.Option(min=3, help="So many times as much as usual.")] = 10.0,
    rate: Annotated[float, typer.Option(min=1, help="Events a second that are usual.")] = 300.0,
    seed: Annotated[int | None, typer.Option(help="Repeats the orders at the broker.")] = None,
    output: Annotated[
        Path, typer.Option(help="Where the figures go; beside it the samples (.jsonl) and the plot (.svg).")
    ] = OVERLOAD_OUTPUT,
    data_dir: Annotated[Path | None, typer.Option(help="Where the servers keep their data while they run.")] = None,
) -> None:
    """Ten times the usual for ten minutes, twice what apply may take: what stays, what rises, and how it drains."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(_ENDED_BY + number))
    chosen = _seed(seed)

    def run(place: Place) -> tuple[Outcome, Sampler]:
        options = overload.Options(chosen, _say, minutes=minutes, times=times, rate=rate)
        return overload.run(place, options, output.with_suffix(".jsonl"))

    _command("overload", run, chosen, output, data_dir)


@app.command("soak")
def soak_command(
    events: Annotated[int, typer.Option(min=1_000, help="So many events.")] = 5_000_000,
    between: Annotated[int, typer.Option(min=500, help="Events from one disturbance to the next.")] = 100_000,
    seed: Annotated[int | None, typer.Option(help="Repeats orders and the order of disturbances.")] = None,
    output: Annotated[
        Path, typer.Option(help="Where the figures go; beside it the samples (.jsonl) and the plot (.svg).")
    ] = SOAK_OUTPUT,
    data_dir: Annotated[Path | None, typer.Option(help="Where the servers keep their data while they run.")] = None,
) -> None:
    """Millions of events as fast as they go through; the first SIGINT or SIGTERM ends it in order, with its figures."""
    stop = threading.Event()

    def end(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            sys.exit(_ENDED_BY + number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    chosen = _seed(seed)

    def run(place: Place) -> tuple[Outcome, Sampler]:
        options = soak.Options(chosen, _say, events=events, between=between, stop=stop)
        return soak.run(place, options, output.with_suffix(".jsonl"))

    _command("soak", run, chosen, output, data_dir)


def _command(
    name: str, run: Callable[[Place], tuple[Outcome, Sampler]], seed: int, output: Path, data_dir: Path | None
) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("stream_reconcile.kafka").setLevel(logging.ERROR)
    began = time.monotonic()
    sampler: Sampler | None = None
    try:
        with own_place(data_dir) as place:
            outcome, sampler = run(place)
    except (AssertionError, TimeoutError) as error:
        outcome = Outcome(broken=[str(error)])
    except ReconcileError as error:
        console.print(f"[red]{error}")
        raise typer.Exit(1) from None
    found = {name: (outcome, time.monotonic() - began)}
    write(found, seed, output)
    show(name, *found[name], console)
    console.print(f"figures in {output}, samples in {output.with_suffix('.jsonl')}")
    if sampler is not None:
        console.print(draw(sampler.samples, output.with_suffix(".svg")))
    raise typer.Exit(0 if outcome.holds else 1)


def _seed(seed: int | None) -> int:
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    _say(f"seed {chosen}: repeat this run with SEED={chosen}")
    return chosen


def _say(text: str) -> None:
    console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {text}", markup=True)
    console.file.flush()  # to a file it would be told when all is over


if __name__ == "__main__":
    app()
