"""A progress bar on a terminal; elsewhere a plain line now and then. On stderr: results go to stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_EVERY_S: Final = 5.0


@contextmanager
def progress_of(what: str) -> Iterator[Callable[[int, int], None]]:
    """Gives what is to be called with (done, total), from one thread at a time."""
    if not sys.stderr.isatty():
        yield _Lines(what)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None, rate="")
        rate = _Rate()

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, rate=f"{rate(done):,.0f}/s")

        yield show


@contextmanager
def patience_with(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """For work that another process does: a bar on a terminal, elsewhere nothing at all.

    Gives what is to be called with (done, total); while the total is None the bar only says that it goes on.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None, count="")

        def show(done: int, total: int | None) -> None:
            count = "" if total is None else f"{done:,} of {total:,} orders"
            bar.update(task, completed=done, total=total, count=count)

        yield show


class _Rate:
    """Records a second since the count began."""

    def __init__(self) -> None:
        self._begun, self._before = time.monotonic(), 0

    def __call__(self, done: int) -> float:
        if done < self._before:  # another stretch
            self._begun = time.monotonic()
        self._before = done
        return done / max(time.monotonic() - self._begun, 1e-3)


class _Lines:
    def __init__(self, what: str) -> None:
        self._what, self._rate = what, _Rate()
        self._next = time.monotonic() + LINE_EVERY_S

    def __call__(self, done: int, total: int) -> None:
        rate = self._rate(done)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_EVERY_S
            sys.stderr.write(f"{self._what}: {done:,} of {total:,} records, {rate:,.0f}/s\n")
            sys.stderr.flush()
