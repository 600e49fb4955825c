"""`make bench`: measures this program against the floor on this machine, in one run, on servers of its own.

Prints a table; writes its rows to build/bench.json and every single run to build/bench-details.json. How each figure
is measured: docs/performance.md.
"""

from __future__ import annotations

import logging
import os
import platform
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from children import BenchmarkError
from figures import Report
from own_servers import OwnServers
from plan import MEASUREMENTS, Bench, Measurement
from rich.console import Console

# A table cut to 80 columns is of no use in a log.
console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
DEFAULT_OUTPUT = Path("build/bench.json")
# Below it this program is only tried out: Kafka then starts sooner, and slower code of Java's is of no matter.
_SCALE_THAT_MEASURES = 0.01


def main(
    only: Annotated[str, typer.Option(help="Names of rows, or beginnings of names, with commas between.")] = "",
    scale: Annotated[float, typer.Option(help="Share of the events and seconds; 1 is the real thing.")] = 1.0,
    repeats: Annotated[int, typer.Option(help="Runs of each side of a comparison with a bar; the median counts.")] = 3,
    output: Annotated[Path, typer.Option(help="Where the rows go.")] = DEFAULT_OUTPUT,
    data_dir: Annotated[Path | None, typer.Option(help="Where the servers keep their data while they run.")] = None,
) -> None:
    """Measure, print, write."""
    chosen = choose(only)
    # An end from outside is an end in order: the servers stop, their directory goes.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    # What the servers are told on the way up, and what librdkafka has to say, is of no interest here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    logging.getLogger("stream_reconcile.kafka").setLevel(logging.ERROR)
    report = Report(output, about(scale, repeats))
    failed = 0
    begun = time.monotonic()
    with (
        OwnServers(data_dir, long_lived=scale >= _SCALE_THAT_MEASURES) as servers,
        Bench(servers, report, chosen, scale=scale, repeats=repeats, say=_say) as bench,
    ):
        for measurement in chosen:
            _say(f"[bold]{', '.join(measurement.rows)}")
            try:
                report.add(measurement.make(bench))
            except BenchmarkError as error:
                failed += 1
                console.print(f"[red]{measurement.rows[0]} was not measured: {error}")
    report.show(console)
    console.print(f"{time.monotonic() - begun:,.0f} s at scale {scale:g}; rows in {output}")
    raise typer.Exit(1 if failed else 0)


def choose(only: str) -> list[Measurement]:
    """The measurements that give the rows asked for; all where nothing is."""
    wanted = [name.strip() for name in only.split(",") if name.strip()]
    if not wanted:
        return list(MEASUREMENTS)
    known = [row for measurement in MEASUREMENTS for row in measurement.rows]
    rows: set[str] = set()
    for name in wanted:
        found = {name} if name in known else {row for row in known if row.startswith(name)}
        if not found:
            raise typer.BadParameter(f"no row begins with {name!r}; there are {', '.join(known)}")
        rows |= found
    return [measurement for measurement in MEASUREMENTS if rows & set(measurement.rows)]


def about(scale: float, repeats: int) -> dict[str, Any]:
    """What the figures hang on."""
    return {
        "scale": scale,
        "repeats": repeats,
        "cores": os.cpu_count(),
        "load_at_start": os.getloadavg()[0],
        "machine": platform.machine(),
        "python": platform.python_version(),
        "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _say(text: str) -> None:
    console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {text}")


if __name__ == "__main__":
    typer.run(main)
