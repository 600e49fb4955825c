"""What a run found, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from .run import Outcome

_SHOWN: Final = 20
"""Differences shown; the file has more."""


def show(outcome: Outcome, console: Console) -> None:
    """The table, then what differs."""
    table = Table(title=f"chaos, seed {outcome.options.seed}", title_justify="left")
    table.add_column("what", no_wrap=True)
    table.add_column("figure", justify="right")
    for name, figure in figures(outcome).items():
        table.add_row(name.replace("_", " "), _text(figure))
    console.print(table)
    for (where, kind), count in sorted(outcome.report.counts.items()):
        console.print(f"[red]{where}: {count:,} {kind}")
    for fault in outcome.report.listed[:_SHOWN]:
        console.print(str(fault), markup=False)
    for name in outcome.changed_by_replay:
        console.print(f"[red]the replay changed {name}: {outcome.before[name]} before, {outcome.after.get(name)} after")
    console.print("[green]all is equal" if outcome.equal else "[red]not equal")


def write(outcome: Outcome, path: Path) -> None:
    """Figures, differences, digests and what was done, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(_as_json(outcome), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def figures(outcome: Outcome) -> dict[str, float | int]:
    """By name, as docs/chaos.md explains them."""
    seconds, logged = outcome.seconds, outcome.logged
    return {
        "events": outcome.records,
        "orders": outcome.report.orders,
        "fills": outcome.report.fills,
        "observations": outcome.report.events,
        "duplicates_dropped": outcome.records - outcome.truth.frames,
        "kills": outcome.count("kill"),
        "stops": outcome.count("stop"),
        "points_met": sum(struck.hit for struck in outcome.struck),
        "zombie_commits_refused": logged["commit_refused"],
        "blocking_sessions_ended": logged["claim_ended_blocking_sessions"],
        "claims": logged["partitions_claimed"],
        "seconds_to_fill": seconds["fill"],
        "seconds_to_apply": seconds["apply"],
        "events_per_s": outcome.records / seconds["apply"],
        "seconds_to_compare": seconds["compare"],
        "cursors_taken_up_again": outcome.replay.taken_up,
        "seconds_to_apply_again": seconds["replay"],
        "events_per_s_again": outcome.records / seconds["replay"],
        "peak_rss_mb": outcome.peak_rss_mb,
        "differences": outcome.report.differences,
        "tables_changed_by_replay": len(outcome.changed_by_replay),
        "restarts_in_replay": outcome.replay.restarts,
    }


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "seed": outcome.options.seed,
        "equal": outcome.equal,
        "figures": {name: _rounded(figure) for name, figure in figures(outcome).items()},
        "differences": {f"{table}: {kind}": count for (table, kind), count in sorted(outcome.report.counts.items())},
        "listed": [str(fault) for fault in outcome.report.listed],
        "digests": dict(_digests(outcome)),
        "acts": [struck.as_json() for struck in outcome.struck],
        "logged": outcome.logged,
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


def _digests(outcome: Outcome) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, before in outcome.before.items():
        after = outcome.after.get(name)
        yield name, {"rows": before.rows, "before": before.sums, "after": after and after.sums}


def _rounded(figure: float | int) -> float | int:
    return round(figure, 2) if isinstance(figure, float) else figure


def _text(figure: float | int) -> str:
    return f"{figure:,.1f}" if isinstance(figure, float) else f"{figure:,}"
