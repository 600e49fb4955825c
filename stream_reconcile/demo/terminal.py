"""How the demo is shown: a live view where somebody watches, lines where not."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from stream_reconcile.demo.figures import Figures
from stream_reconcile.demo.programs import Program, State

_LINE_EVERY: Final = 5.0  # seconds
_BARS: Final = "▁▂▃▄▅▆▇█"
_HISTORY: Final = 60
_STYLES: Final = {State.RUNNING: "green", State.KILLED: "bold red", State.FROZEN: "bold blue", State.STOPPED: "dim"}


class Scene(NamedTuple):
    """What does not change while it runs. `addresses`: what it is, and where."""

    title: str
    addresses: Sequence[tuple[str, str]]
    programs: Sequence[Program]


class Screen(Protocol):
    """Where it is shown."""

    def say(self, text: str, at: float | None = None) -> None:
        """A line for good; `at` in seconds since the story began, None before it."""

    def open(self, scene: Scene) -> None:
        """From now on there is something to show."""

    def show(self, at: float, figures: Figures) -> None:
        """Show a look."""

    def close(self) -> None:
        """Nothing more will change."""


class LineScreen:
    """Lines: what happens, and the figures every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown_at = 0.0

    def say(self, text: str, at: float | None = None) -> None:
        self._console.print(f"{_clock(at)}  {text}")

    def open(self, scene: Scene) -> None:
        self.say(scene.title)
        for what, where in scene.addresses:
            self.say(f"{what}: {where}")

    def show(self, at: float, figures: Figures) -> None:
        if time.monotonic() - self._shown_at < _LINE_EVERY:
            return
        self._shown_at = time.monotonic()
        rows = figures.agreement
        self.say(
            f"sent {figures.sent:,} · in Kafka {figures.in_log:,} · applied {figures.applied:,} · lag "
            f"{figures.lag_records:,} records, {_seconds(figures.lag_seconds)} · orders {rows.equal:,} equal, "
            f"{rows.under_way:,} under way, {rows.different:,} different · proven equal {_age(figures.proven_s)}",
            at,
        )

    def close(self) -> None:
        """Lines need no end."""


class LiveScreen:
    """A panel at the bottom of the terminal; what happens scrolls by above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False)
        self._scene: Scene | None = None
        self._lags: deque[int] = deque(maxlen=_HISTORY)

    def say(self, text: str, at: float | None = None) -> None:
        self._console.print(Text(_clock(at), style="dim") + Text(f"  {text}", style=""))

    def open(self, scene: Scene) -> None:
        self._scene = scene
        self._live.start()

    def show(self, at: float, figures: Figures) -> None:
        if self._scene is not None:
            self._lags.append(figures.lag_records)
            self._live.update(self._panel(self._scene, at, figures), refresh=True)

    def close(self) -> None:
        self._live.stop()

    def _panel(self, scene: Scene, at: float, figures: Figures) -> Panel:
        return Panel(
            Group(self._numbers(figures), Text(), self._programs(scene, figures), Text(), _addresses(scene)),
            title=f"{scene.title} · {_clock(at)}",
            title_align="left",
            padding=(1, 2),
            expand=False,
        )

    def _numbers(self, figures: Figures) -> Table:
        grid = Table.grid(padding=(0, 3))
        for _ in range(2):
            grid.add_column(style="dim")
            grid.add_column(justify="right")
        rows, faults = figures.agreement, figures.faults
        wrong = Text(f"{rows.different:,}", style="bold red" if rows.different else "green")
        left = [
            ("messages sent by the broker", Text(f"{figures.sent:,}")),
            ("records in Kafka", Text(f"{figures.in_log:,}")),
            ("records applied", Text(f"{figures.applied:,}")),
            ("lag", Text(f"{figures.lag_records:,} records, {_seconds(figures.lag_seconds)}", style="bold")),
            ("", Text(_sparkline(self._lags), style="yellow")),
            ("proven equal to the broker", Text(_age(figures.proven_s), style="bold green")),
        ]
        note = "" if not figures.compared_from else " of the newest"
        right = [
            (f"orders equal to the broker's books{note}", Text(f"{rows.equal:,}", style="bold green")),
            ("orders under way", Text(f"{rows.under_way:,}")),
            ("orders that differ", wrong),
            ("fills", Text(f"{figures.fills:,}")),
            ("frames repeated / reordered", Text(f"{faults.get('duplicate', 0):,} / {faults.get('reorder', 0):,}")),
            ("frames lost", Text(f"{faults.get('drop', 0) + figures.unheard:,}")),
        ]
        for (what, value), (what_else, value_too) in zip(left, right, strict=True):
            grid.add_row(what, value, what_else, value_too)
        return grid

    def _programs(self, scene: Scene, figures: Figures) -> Text:
        line = Text()
        for program in scene.programs:
            line.append(f"{program.name} ", style="dim")
            line.append(program.state.value, style=_STYLES[program.state])
            line.append("   ")
        owned = " + ".join(map(str, figures.members)) or "none"
        return line.append(f"partitions owned: {owned}", style="dim")


def _addresses(scene: Scene) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for what, where in scene.addresses:
        grid.add_row(what, where)
    return grid


def _clock(at: float | None) -> str:
    return "  …  " if at is None else f"{int(at) // 60:02d}:{int(at) % 60:02d}"


def _seconds(value: float | None) -> str:
    return "? s" if value is None else f"{value:.1f} s"


def _age(value: float | None) -> str:
    return "not yet" if value is None else f"{value:.0f} s ago"


def _sparkline(values: Sequence[int]) -> str:
    most = max(values, default=0)
    if not most:
        return _BARS[0] * len(values)
    return "".join(_BARS[min(len(_BARS) - 1, value * len(_BARS) // (most + 1))] for value in values)
