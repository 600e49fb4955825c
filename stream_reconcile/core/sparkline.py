"""A row of small bars for a history of numbers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_BARS: Final = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None]) -> str:
    """One character a value, the tallest for the greatest; 0 is the lowest bar, and what is unknown (None) a blank."""
    top = max((value for value in values if value is not None), default=0)
    last = len(_BARS) - 1
    return "".join(
        " " if value is None else _BARS[0] if value <= 0 else _BARS[max(1, round(last * value / top))]
        for value in values
    )
