"""What the faults did, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from stream_reconcile.core.errors import ConfigError

from .run import Struck


def show(all_struck: Iterable[Struck], console: Console) -> None:
    """Fault × runs × events × lost × doubled × differences, and how soon all agreed again."""
    by_fault: dict[str, list[Struck]] = defaultdict(list)
    for struck in all_struck:
        by_fault[struck.fault].append(struck)
    table = Table(title="faults", title_justify="left")
    table.add_column("fault", no_wrap=True)
    for column in ("runs", "events", "lost", "doubled", "differences", "broken", "agreed after (median, most)"):
        table.add_column(column, justify="right")
    for fault, runs in sorted(by_fault.items()):
        times = sorted(one.agreed_after_s for one in runs if not one.broken)
        agreed = f"{times[len(times) // 2]:.1f} s, {times[-1]:.1f} s" if times else "never"
        sums = [sum(getattr(one, name) for one in runs) for name in ("events", "lost", "doubled", "differing")]
        broken = sum(bool(one.broken) for one in runs)
        table.add_row(fault, *(f"{number:,}" for number in (len(runs), *sums, broken)), agreed)
    console.print(table)


def read(path: Path) -> list[Struck]:
    """Figures that `write` wrote. Raises ConfigError where the file has none."""
    try:
        return [Struck(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{path} has no figures of `make outages` ({type(error).__name__}): name a file that it wrote"
        ) from None


def write(all_struck: Iterable[Struck], path: Path) -> None:
    """Everything, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps([asdict(one) for one in all_struck], indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
