"""The command behind `make outages`: exit status 0 only if every fault was healed from."""

from __future__ import annotations

import logging
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer
from rich.console import Console

from stream_reconcile.core.errors import ReconcileError

from .faults import FAULTS
from .plan import Planned
from .report import read, show, write
from .run import Options, Struck, run

console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
DEFAULT_OUTPUT: Final = Path("build/outages.json")


def main(
    rounds: Annotated[
        int, typer.Option(min=0, help="Each strikes every fault once, in an order of its own; 0: only show --also.")
    ] = 1,
    seed: Annotated[int | None, typer.Option(help="Repeats orders, faults and their times.")] = None,
    only: Annotated[str, typer.Option(help="Faults whose names have one of these in them, by commas.")] = "",
    again: Annotated[str, typer.Option(help="This strike alone: SEED/ROUND/FAULT, as the figures have it.")] = "",
    also: Annotated[
        list[Path] | None, typer.Option(help="Figures of another run, to be shown and written with these.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Where the figures go.")] = DEFAULT_OUTPUT,
    data_dir: Annotated[Path | None, typer.Option(help="Where the servers keep their data while they run.")] = None,
) -> None:
    """Break what the program stands on, one thing after the other, and compare its tables with the broker's books."""
    chosen = [part.strip() for part in only.split(",") if part.strip()]
    if unknown := [part for part in chosen if not any(part in name for name in FAULTS)]:
        raise typer.BadParameter(f"no fault has {', '.join(unknown)} in its name; there are {', '.join(FAULTS)}")
    strike = _strike(again) if again else None
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    # An end from outside is an end in order: the servers stop, their directory goes.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("stream_reconcile.kafka").setLevel(logging.CRITICAL)
    _say(f"seed {seed}: repeat this run with SEED={seed}" if strike is None else f"again: {strike}")

    done: list[Struck] = []

    def took(struck: Struck) -> None:
        done.append(struck)
        write(done, output)
        what = f"lost {struck.lost}, doubled {struck.doubled}, differing {struck.differing}"
        _say(f"{len(done)}: {struck.fault}: {what}, agreed after {struck.agreed_after_s:.1f} s")
        if struck.ended:
            _say(f"{struck.ended} copies ended by themselves, and were started again")
        if not struck.holds:
            _say(f'that strike alone: make outages AGAIN="{struck.seed}"')

    try:
        if also:
            done += [one for path in also for one in read(path)]
            write(done, output)
        run(Options(seed, rounds if strike is None else 1, chosen, strike, data_dir), _say, took)
    except ReconcileError as error:
        console.print(f"[red]{error}")
        raise typer.Exit(1) from None
    finally:
        show(done, console)
    console.print(f"figures in {output}")
    raise typer.Exit(0 if all(one.holds for one in done) else 1)


def _strike(text: str) -> Planned:
    try:
        strike = Planned.of(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no SEED/ROUND/FAULT") from None
    if strike.fault not in FAULTS:
        raise typer.BadParameter(f"no fault is called {strike.fault!r}; there are {', '.join(FAULTS)}")
    return strike


def _say(text: str) -> None:
    console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {text}")


if __name__ == "__main__":
    typer.run(main)
