"""What commands print: results to stdout, as JSON or for people; errors as a line to stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stream_reconcile.core.errors import ReconcileError

_WIDTH = 240  # more than any row has; a narrower terminal wraps by itself


def print_json(value: Any) -> None:
    """One JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def console() -> Console:
    """For people. Nothing is cut off or broken where the terminal ends, and text in brackets is no markup."""
    return Console(highlight=False, markup=False, soft_wrap=True, width=_WIDTH)


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A plain table; columns named in `right` hold numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    return made


def print_error(error: ReconcileError) -> None:
    """What went wrong, to stderr; a message of several lines is a list of several mistakes."""
    err = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    for line in str(error).splitlines():
        err.print(Text("error: ", style="bold red") + Text(line))


def seconds(value: float | None) -> str:
    """Seconds for people; `?` where unknown."""
    return "?" if value is None else f"{value:.1f}"
