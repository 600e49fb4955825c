"""`make takeovers`: how soon the second copy does what the first one did, when that is stopped, killed or frozen."""

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
from rich.table import Table

from stream_reconcile.demo.programs import Program
from support.waiting import wait_until
from weather import judge

from .place import Scene, scene

console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
_RATE: Final = 20.0
_WITHIN_S: Final = 180.0
_HOLDERS: Final = """
SELECT job, owner FROM leases WHERE expires_at > clock_timestamp()
UNION ALL SELECT DISTINCT 'apply', owner FROM stream_cursors
"""
_WAYS: Final[dict[str, Callable[[Program], None]]] = {
    "stopped": Program.stop,
    "killed": Program.kill,
    "frozen": Program.freeze,
}
JOBS: Final = ("ingest", "sweep", "apply", "proof")


def main(
    times: Annotated[int, typer.Option(min=1, help="So many of each way.")] = 10,
    seed: Annotated[int | None, typer.Option(help="Repeats the orders at the broker.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where the servers keep their data while they run.")] = None,
) -> None:
    """End the copy that acts, again and again, in three ways; a table of when the other one did."""
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("stream_reconcile.kafka").setLevel(logging.CRITICAL)
    took: dict[str, dict[str, list[float]]] = {way: {job: [] for job in JOBS} for way in _WAYS}
    with scene(data_dir, seed) as made:
        made.copies[1].kill()  # so that the first one holds both leases
        judge.proof_after(made.whole, time.time() + 1, timeout=_WITHIN_S)
        made.copies[1].start()
        _both_apply(made)
        made.whole.simulator.control.flow(_RATE)
        for number in range(times):
            for way in _WAYS:
                for job, seconds in _take_over(made, way).items():
                    took[way][job].append(seconds)
                console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {number + 1} of {times}: {way}")
        made.whole.simulator.control.settle()
        judge.proof_after(made.whole, time.time(), timeout=_WITHIN_S)
        equal = made.whole.verdict().equal
    _show(took)
    console.print("equal to the books" if equal else "[red]not equal to the books")
    raise typer.Exit(0 if equal else 1)


def _take_over(made: Scene, way: str) -> dict[str, float]:
    """From the end of the copy that holds the leases until the other one does each job; then it stands by."""
    first = made.copies[0]
    before = _holders(made)
    _WAYS[way](first)
    began = time.time()
    took: dict[str, float] = {}

    def all_took() -> bool:
        holders = _holders(made)
        for job in ("ingest", "sweep", "apply"):
            held = holders.get(job, set())
            # Of the two members of apply one is left; a lease is another's.
            done = held < before[job] if job == "apply" else not held & before[job]
            if held and done and job not in took:
                took[job] = time.time() - began
        return len(took) == len(JOBS) - 1

    wait_until(all_took, timeout=_WITHIN_S, what=f"the second copy ({way})")
    took["proof"] = judge.proof_after(made.whole, began, timeout=_WITHIN_S) - began
    if first.running:
        first.thaw()
    else:
        first.start()
    made.copies.reverse()
    _both_apply(made)
    return took


def _both_apply(made: Scene) -> None:
    wait_until(lambda: len(_holders(made).get("apply", ())) == 2, timeout=_WITHIN_S, what="both members of apply")


def _holders(made: Scene) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in made.whole.rows(_HOLDERS):
        found.setdefault(row["job"], set()).add(row["owner"])
    return found


def _show(took: dict[str, dict[str, list[float]]]) -> None:
    table = Table(title="seconds until the other copy did it: median, ninth tenth, most", title_justify="left")
    for column in ("way", *JOBS):
        table.add_column(column)
    for way, jobs in took.items():
        cells = []
        for job in JOBS:
            ordered = sorted(jobs[job])
            picked = [ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.9, 1.0)]
            cells.append(", ".join(f"{seconds:.1f}" for seconds in picked))
        table.add_row(way, *cells)
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
