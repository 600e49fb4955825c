"""Lag over time, as the points of an SVG; the picture is drawn by the template, its words are for who can't see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from stream_reconcile.web.live import Sample

WIDTH: Final = 960
HEIGHT: Final = 120
_LEAST_S: Final = 120.0
_MOST_POINTS: Final = 320
_EDGE: Final = 0.03  # of the width


@dataclass(frozen=True, slots=True)
class Chart:
    """`line` and `area` are points; `top` is what the upper edge stands for; `ticks`: places and words below."""

    line: str
    area: str
    top: int
    most: int
    most_seconds: float
    last: Sample
    span: str
    ticks: list[tuple[float, str]]


def lag_chart(samples: Sequence[Sample]) -> Chart | None:
    """The chart of these samples, oldest first; None where there are not two."""
    if len(samples) < 2:
        return None
    end = samples[-1].at
    span = max(_LEAST_S, end - samples[0].at)
    begin = end - span
    most = max(one.records for one in samples)
    top = _round_up(max(10, most))
    points = [
        (round((at - begin) / span * WIDTH, 1), round(HEIGHT * (1 - records / top), 1))
        for at, records in _thinned(samples)
    ]
    line = " ".join(f"{x},{y}" for x, y in points)
    area = f"{points[0][0]},{HEIGHT} {line} {points[-1][0]},{HEIGHT}"
    every = next((step for step in (30, 60, 300, 600, 900) if span / step <= 6), 1800)
    first = int(begin // every + 1) * every
    ticks = [
        (
            round((at - begin) / span * WIDTH, 1),
            datetime.fromtimestamp(at, UTC).strftime("%H:%M" if every >= 60 else "%H:%M:%S"),
        )
        # Words at the very edge would be cut.
        for at in range(first, int(end - span * _EDGE) + 1, every)
    ]
    most_seconds = max((one.seconds or 0.0 for one in samples), default=0.0)
    return Chart(line, area, top, most, most_seconds, samples[-1], _words(end - samples[0].at), ticks)


def _thinned(samples: Sequence[Sample]) -> list[tuple[float, int]]:
    """At most so many points, each the highest of its stretch: a short peak must not be lost."""
    step = -(-len(samples) // _MOST_POINTS)
    stretches = [samples[start : start + step] for start in range(0, len(samples), step)]
    return [(stretch[-1].at, max(one.records for one in stretch)) for stretch in stretches]


def _words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _round_up(value: int) -> int:
    """To 1, 2 or 5 with zeros."""
    power: int = 10 ** (len(str(value)) - 1)
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value)
