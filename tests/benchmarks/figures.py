"""The rows of `build/bench.json`, the bars of the issue, and the table."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `ratio` is ours / floor, both measured in this run; None where there is no floor."""

    name: str
    ours: float | None
    floor: float | None
    unit: str

    @property
    def ratio(self) -> float | None:
        if self.ours is None or not self.floor:
            return None
        return self.ours / self.floor

    @property
    def beyond(self) -> float | None:
        return None if self.ours is None or self.floor is None else self.ours - self.floor

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "ours": _rounded(self.ours),
            "floor": _rounded(self.floor),
            "ratio": _rounded(self.ratio),
            "unit": self.unit,
        }


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to reach."""

    of: Literal["ours", "ratio", "beyond"]
    """`beyond`: what ours takes more than the floor."""
    sense: Literal["≥", "≤"]
    value: float

    def reached(self, row: Row) -> bool | None:
        """None where the figure is missing."""
        figure = {"ours": row.ours, "ratio": row.ratio, "beyond": row.beyond}[self.of]
        if figure is None:
            return None
        return figure >= self.value if self.sense == "≥" else figure <= self.value

    def __str__(self) -> str:
        if self.of == "beyond":
            return f"{self.sense} floor + {self.value:g}"
        return f"{self.sense} {self.value:g}" + (" × floor" if self.of == "ratio" else "")


BARS = {
    "apply_1_member": Bar("ratio", "≥", 0.7),
    "apply_2_members": Bar("ratio", "≥", 0.7),
    "frame_to_commit_p50_100": Bar("ratio", "≤", 1.5),
    "frame_to_commit_p99_100": Bar("ratio", "≤", 2.0),
    "frame_to_commit_p50_1000": Bar("ratio", "≤", 1.5),
    "frame_to_commit_p99_1000": Bar("ratio", "≤", 2.0),
    "sweep_unchanged_100000": Bar("beyond", "≤", 2.0),
    "rss_sweep_10000": Bar("ours", "≤", 250),
    "rss_sweep_100000": Bar("ours", "≤", 250),
    "rss_sweep_1000000": Bar("ours", "≤", 250),
    "ingest": Bar("ours", "≥", 10_000),
    "ingest_stall_60s_lost": Bar("ours", "≤", 0),
    "ingest_overflow_open_windows": Bar("ours", "≥", 1),
    "rss_ingest_past_bound": Bar("ours", "≤", 250),
    "apply_beside_replay": Bar("ratio", "≥", 0.7),
    "rss_replay": Bar("ours", "≤", 250),
    "page_api_p99": Bar("ours", "≤", 500),
    "page_deaf_cut_off": Bar("ours", "≥", 5),
    "rss_web": Bar("ours", "≤", 250),
    "rss_member_10000": Bar("ours", "≤", 250),
    "rss_member_1000000": Bar("ours", "≤", 250),
    "rss_member_3000000": Bar("ours", "≤", 250),
}


class Report:
    """Rows as they come, written after each measurement: a run that is broken off leaves what it had."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self._path = path
        self._details: dict[str, Any] = {"about": about, "runs": []}
        self.rows: list[Row] = []

    def add(self, rows: list[Row]) -> None:
        self.rows += rows
        self._write()

    def detail(self, **run: Any) -> None:
        """Remember one run in `bench-details.json`, where the rows do not say it all."""
        self._details["runs"].append({name: _rounded(value) for name, value in run.items()})
        self._write()

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _put(self._path, [row.as_json() for row in self.rows])
        details = self._details | {"bars": {name: asdict(bar) for name, bar in BARS.items()}}
        _put(self._path.with_name(self._path.stem + "-details.json"), details)

    def show(self, console: Console) -> None:
        table = Table(title="stream-reconcile against the floor", title_justify="left")
        table.add_column("name", no_wrap=True)
        for column in ("ours", "floor", "ratio"):
            table.add_column(column, justify="right")
        for column in ("unit", "bar", ""):
            table.add_column(column, no_wrap=True)
        for row in self.rows:
            bar = BARS.get(row.name)
            reached = bar.reached(row) if bar else None
            verdict = {True: "[green]reached", False: "[red]missed", None: ""}[reached]
            figures = (_text(row.ours), _text(row.floor), _text(row.ratio))
            table.add_row(row.name, *figures, row.unit, "" if bar is None else str(bar), verdict)
        console.print(table)


def _put(path: Path, value: Any) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _text(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
