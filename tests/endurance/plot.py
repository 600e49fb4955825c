"""Memory, lag and throughput over time, one above the other, in one SVG. Without matplotlib there is none."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from .figures import rate
from .place import ROLES
from .samples import Sample, column

_MOST_POINTS: Final = 300
_FLOWS: Final[dict[str, Callable[[Sample], float]]] = {
    "sent by the broker": lambda one: one.published,
    "received": lambda one: one.received,
    "acknowledged by Kafka": lambda one: one.acknowledged,
    "committed": lambda one: one.committed,
}
# `none`: words stay words, in the reader's own font, so that the file is small.
_STYLE: Final = {
    "svg.fonttype": "none",
    "svg.hashsalt": "endurance",
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.3,
}


def draw(samples: Sequence[Sample], path: Path) -> str:
    """Write the plot; says where it is, or why there is none."""
    if find_spec("matplotlib") is None:
        return "no plot: matplotlib is not installed (`make overload` and `make soak` install it)"
    if len(samples) < 2:
        return "no plot: there are no samples"
    # Not a part of requirements/dev.txt, and not known to mypy.
    matplotlib: Any = importlib.import_module("matplotlib")
    figures: Any = importlib.import_module("matplotlib.figure")
    chosen = samples[:: -(-len(samples) // _MOST_POINTS)]
    minutes = [one.at_s / 60 for one in chosen]
    with matplotlib.rc_context(_STYLE):
        figure = figures.Figure(figsize=(9, 8), layout="constrained")
        memory, lag, flow = figure.subplots(3, 1, sharex=True)
        for role in ROLES:
            seen = [(one.at_s / 60, one.processes[role].rss_mb) for one in chosen if role in one.processes]
            memory.plot([at for at, _rss in seen], [rss for _at, rss in seen], label=role, linewidth=1)
        memory.set_ylabel("resident memory, MB")
        memory.set_ylim(bottom=0)
        lag.plot(minutes, column(chosen, lambda one: one.lag), linewidth=1, color="tab:red", label="records")
        lag.set_ylabel("lag, records")
        lag.set_ylim(bottom=0)
        age = lag.twinx()
        age.grid(visible=False)
        age.plot(minutes, column(chosen, lambda one: one.lag_s), linewidth=1, color="tab:gray", label="seconds")
        age.set_ylabel("lag, seconds")
        age.set_ylim(bottom=0)
        lag.legend(handles=[*lag.get_lines(), *age.get_lines()], loc="upper left")
        seconds = column(chosen, lambda one: one.at_s)
        for name, of in _FLOWS.items():
            flow.plot(minutes[1:], rate(seconds, column(chosen, of)), label=name, linewidth=1)
        flow.set_ylabel("events a second")
        flow.set_ylim(bottom=0)
        flow.set_xlabel("minutes")
        for axes in (memory, flow):
            axes.legend(loc="best", ncols=4)
        _phases(chosen, [memory, lag, flow])
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
    return f"plot in {path}"


def _phases(samples: Sequence[Sample], panels: Sequence[Any]) -> None:
    """A line where a phase begins, and its name on top."""
    before = samples[0].phase  # that one is a moment
    for one in samples:
        if one.phase != before:
            for axes in panels:
                axes.axvline(one.at_s / 60, color="black", alpha=0.3, linewidth=0.8, linestyle=":")
            panels[0].annotate(
                one.phase, (one.at_s / 60, 1.02), xycoords=("data", "axes fraction"), fontsize=8, annotation_clip=False
            )
            before = one.phase
