"""`lag --watch`: the same look again and again, with what it was before as a row of small bars."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Final

from rich.live import Live
from rich.text import Text

from stream_reconcile.commands.output import console
from stream_reconcile.core.sparkline import sparkline
from stream_reconcile.jobs.lag import LagReport

_REMEMBERED: Final = 60


class History:
    """The last looks, in memory only."""

    def __init__(self) -> None:
        self._records: deque[float | None] = deque(maxlen=_REMEMBERED)
        self._seconds: deque[float | None] = deque(maxlen=_REMEMBERED)

    def add(self, report: LagReport) -> None:
        """Remember one look."""
        self._records.append(report.records)
        self._seconds.append(report.seconds)

    def lines(self, every_s: float) -> list[str]:
        """A line for the records and one for the seconds, oldest look first."""
        told = []
        for name, values in (("records", [*self._records]), ("seconds", [*self._seconds])):
            most = max((value for value in values if value is not None), default=0)
            told.append(f"{name}  {sparkline(values)}  at most {round(most, 1):g}")
        return [*told, f"the last {len(self._records)} looks, one each {every_s:g} s"]


def watch(
    read: Callable[[], LagReport],
    every_s: float,
    *,
    render: Callable[[LagReport], str],
    as_json: Callable[[LagReport], dict[str, Any]] | None,
    is_over: Callable[[LagReport], bool],
) -> LagReport:
    """Look every `every_s` seconds until `is_over`, or Ctrl-C; gives the last look.

    `as_json`: one document a line instead of a screen. Where nobody looks, one screen comes below the other.
    """
    history, out = History(), console()
    with Live(console=out, auto_refresh=False) if out.is_terminal and as_json is None else nullcontext() as live:
        while True:
            begun = time.monotonic()
            report = read()
            history.add(report)
            text = "\n".join((render(report), *history.lines(every_s)))
            if as_json is not None:
                sys.stdout.write(json.dumps(as_json(report)) + "\n")
                sys.stdout.flush()
            elif live is None:
                out.print(text + "\n")
            else:
                live.update(Text(text), refresh=True)
            if is_over(report):
                return report
            time.sleep(max(0.0, every_s - (time.monotonic() - begun)))  # how often to look
