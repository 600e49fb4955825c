"""Whether a figure stays where it is: what is said of a row of samples."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import StatisticsError, linear_regression, median


def growth(values: Sequence[float]) -> float:
    """By how much the median of the last quarter lies above that of the second: the first is for warming up."""
    quarter = len(values) // 4
    if not quarter:
        return 0.0
    return median(values[-quarter:]) - median(values[quarter : 2 * quarter])


def slope(at: Sequence[float], values: Sequence[float]) -> float:
    """How much a value grows by each unit of `at`, by the straight line that fits the last three quarters best."""
    begin = len(values) // 4
    try:
        return linear_regression(at[begin:], values[begin:]).slope
    except StatisticsError:  # too few, or all at one moment
        return 0.0


def rate(at: Sequence[float], counts: Sequence[float]) -> list[float]:
    """Of a count that grows: by how much in a second, from each sample to the next; one fewer than samples."""
    return [
        (counts[place] - counts[place - 1]) / max(at[place] - at[place - 1], 1e-9) for place in range(1, len(counts))
    ]
