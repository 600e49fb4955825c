"""Which sweep is due. Pure: ages are given, in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf


class Kind(StrEnum):
    """hot: what is open or was submitted lately; gap: the same from a window in which frames may be missing; deep: some
    days; full: all there is."""

    HOT = "hot"
    GAP = "gap"
    DEEP = "deep"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Intervals:
    """Seconds from begin to begin. `retry_s`: how soon a gap sweep that was not complete is tried again; `urgent_s`:
    how soon a hot one follows where something asks for a look at once."""

    hot_s: float = 10.0
    urgent_s: float = 3.0
    deep_s: float = 300.0
    retry_s: float = 5.0


def due(
    ages: Mapping[Kind, float],
    intervals: Intervals,
    *,
    windows: bool,
    all_time: bool,
    started: bool,
    stalled: frozenset[Kind] = frozenset(),
    urgent: bool = False,
    hot_took_s: float = 0.0,
) -> Kind | None:
    """The sweep to run now, or None.

    `ages`: seconds since the newest run of a kind began, whatever came of it. `windows`: a gap window waits for a
    sweep; `all_time`: one that only a full sweep covers; `started`: this process has made its deep sweep at start. A
    kind in `stalled` is under way, below this one. `urgent`: a fill seems to be missing. `hot_took_s`: the last hot
    sweep.
    """
    gap_s = ages.get(Kind.GAP)
    waiting: list[Kind] = []
    # Before hot ones, which run between their pages: where each hot sweep takes longer than its interval, the others
    # would never have their turn.
    if not stalled and (not started or _old(ages.get(Kind.DEEP), intervals.deep_s)):
        waiting.append(Kind.DEEP)
    if not stalled and all_time and _old(ages.get(Kind.FULL), intervals.deep_s):
        waiting.append(Kind.FULL)
    # A window may stay open whatever a gap sweep does: so those that wait come before a second one.
    turn = next((kind for kind in waiting if gap_s is not None and not _old(gap_s, ages.get(kind, inf))), None)
    if turn is None and windows and _old(gap_s, intervals.retry_s) and Kind.GAP not in stalled:
        return Kind.GAP
    if waiting:
        return turn or waiting[0]
    hot_s = min(intervals.urgent_s, intervals.hot_s) if urgent else intervals.hot_s
    if (
        stalled
    ):  # what lies below has at least half of the time: else each of its pages would wait for a whole hot sweep
        hot_s = max(hot_s, 2 * hot_took_s)
    if _old(ages.get(Kind.HOT), hot_s) and _old(ages.get(Kind.GAP), hot_s):
        return Kind.HOT
    return None


def _old(age: float | None, seconds: float) -> bool:
    return age is None or age >= seconds
