"""The command behind `make weather`: exit status 0 only if every promise held."""

from __future__ import annotations

import logging
import secrets
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer
from rich.console import Console

from stream_reconcile.core.errors import ReconcileError

from . import bad_rest, calm, checkpoints, crowd, half_a_log, kills, lagging_positions, storm
from .outcome import Options, Outcome
from .place import Place, own_place
from .report import show, write

console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
DEFAULT_OUTPUT = Path("build/weather.json")

SCENARIOS: Final[dict[str, Callable[[Place, Options], Outcome]]] = {
    "storm": storm.run,
    "bad_rest": bad_rest.run,
    "crowd": crowd.run,
    "kills": kills.run,
    "lagging_positions": lagging_positions.run,
    "checkpoints": checkpoints.run,
    "half_a_log": half_a_log.run,
    "calm": calm.run,
}


def main(
    scenarios: Annotated[list[str] | None, typer.Argument(help="Which; all if none is named.")] = None,
    seed: Annotated[int | None, typer.Option(help="Repeats orders and faults.")] = None,
    events: Annotated[
        int, typer.Option(min=1, help="storm: so many events; checkpoints: a fifth; half_a_log: a tenth.")
    ] = 50_000,
    rate: Annotated[float, typer.Option(min=1, help="storm: events a second.")] = 100.0,
    minutes: Annotated[
        float | None, typer.Option(min=0.05, help="bad_rest: of each fault (1); lagging_positions: of flow (20).")
    ] = None,
    orders: Annotated[int, typer.Option(min=80, help="crowd: orders of one instant, and of three days.")] = 2_000,
    kill_count: Annotated[int, typer.Option("--kills", min=1, help="kills: SIGKILLs.")] = 20,
    sweeps: Annotated[int, typer.Option(min=1, help="calm: so many sweeps.")] = 10_000,
    output: Annotated[Path, typer.Option(help="Where figures and broken promises go.")] = DEFAULT_OUTPUT,
    data_dir: Annotated[Path | None, typer.Option(help="Where the servers keep their data while they run.")] = None,
) -> None:
    """Run the sweep through all weathers against the simulator, with a real Kafka and a real Postgres."""
    chosen = [name for part in scenarios or [] for name in part.split(",")] or list(SCENARIOS)
    if unknown := set(chosen) - SCENARIOS.keys():
        raise typer.BadParameter(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    # An end from outside is an end in order: the servers stop, their directory goes.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("stream_reconcile.kafka").setLevel(logging.ERROR)
    _say(f"seed {seed}: repeat this run with SEED={seed}")
    options = Options(seed, _say, events, rate, minutes, orders, kill_count, sweeps)
    found: dict[str, tuple[Outcome, float]] = {}
    try:
        with own_place(data_dir) as place:
            for name in chosen:
                found[name] = _run(name, place, options)
                write(found, seed, output)
                show(name, *found[name], console)
    except ReconcileError as error:
        console.print(f"[red]{error}")
        raise typer.Exit(1) from None
    console.print(f"figures in {output}")
    raise typer.Exit(0 if all(outcome.holds for outcome, _seconds in found.values()) else 1)


def _run(name: str, place: Place, options: Options) -> tuple[Outcome, float]:
    """One scenario; what it waited for in vain is a promise that did not hold."""
    _say(f"{name} begins")
    began = time.monotonic()
    try:
        outcome = SCENARIOS[name](place, options)
    except (AssertionError, TimeoutError) as error:
        outcome = Outcome(broken=[str(error)])
    return outcome, time.monotonic() - began


def _say(text: str) -> None:
    console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {text}", markup=True)


if __name__ == "__main__":
    typer.run(main)
