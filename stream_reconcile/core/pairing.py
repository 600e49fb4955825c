"""Which FILL activity tells of which execution (rule 2 of DESIGN's `fills`): a maximum matching.

The two sources share no id, so frames and activities are paired by what they say. Taking the best-looking partner and
keeping it (greedy, sticky) counts an execution twice as soon as two look alike; a maximum matching never pairs fewer
than the truth does, since the truth is one of the matchings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from stream_reconcile.core.evidence import Activity
from stream_reconcile.core.statements import TOLERANCE_NS


class Frame(NamedTuple):
    """What pairing needs to know of a row `x:`."""

    execution_id: str
    qty: Decimal
    price: Decimal
    transacted_at_ns: int
    cum_qty: Decimal | None
    fits_any: bool
    """An `execution` adjustment names this id: any time and cumulative quantity fit (rule 5)."""


def pair(frames: Iterable[Frame], activities: Iterable[Activity]) -> dict[str, str]:
    """Execution id → id of the activity that tells of it, as many as possible.

    A frame and an activity fit if quantity and price are equal as decimals, their times are at most `TOLERANCE_NS`
    apart, and their cumulative quantities are equal where both state one. Activities in order of (time, id) each take
    the first frame of (same cumulative first, then nearest in time, of equally near ones a free one, then by id) that
    is free or whose activity can move on to another. An activity once paired stays paired while later ones are placed,
    and the result does not depend on the order of the arguments.

    Only frames and activities of one (quantity, price) fit, so no path leaves its group, and the groups are matched one
    by one: the result is that of the whole, and an order of many prices costs little.
    """
    groups: dict[tuple[Decimal, Decimal], list[Frame]] = {}
    for frame in frames:
        groups.setdefault((frame.qty, frame.price), []).append(frame)
    wanted: dict[tuple[Decimal, Decimal], list[Activity]] = {}
    for activity in activities:
        if (activity.qty, activity.price) in groups:
            wanted.setdefault((activity.qty, activity.price), []).append(activity)
    pairs: dict[str, str] = {}
    for key, members in wanted.items():
        pairs.update(_Group(groups[key], members).pairs())
    return pairs


_Fit = tuple[bool, int, str]
"""Cumulative differs or isn't stated, distance in time (ns), execution id: sorts by preference."""


class _Group:
    """The frames and activities of one quantity and price."""

    def __init__(self, frames: list[Frame], activities: list[Activity]) -> None:
        self._owner: dict[str, str] = {}
        activities = sorted(activities, key=lambda activity: (activity.transacted_at_ns, activity.activity_id))
        # By cumulative quantity, so that a thousand fills of one size and price do not compare all with all.
        self._stated: dict[Decimal, list[Frame]] = {}
        self._open: list[Frame] = []
        for frame in frames:
            if frame.cum_qty is None or frame.fits_any:
                self._open.append(frame)
            else:
                self._stated.setdefault(frame.cum_qty, []).append(frame)
        self._fits = {activity.activity_id: self._fitting(activity) for activity in activities}

    def pairs(self) -> dict[str, str]:
        for activity_id in self._fits:
            self._place(activity_id)
        return self._owner

    def _fitting(self, activity: Activity) -> list[_Fit]:
        if activity.cum_qty is None:
            stated = [frame for frames in self._stated.values() for frame in frames]
        else:
            stated = self._stated.get(activity.cum_qty, [])
        fits: list[_Fit] = []
        for frame in (*stated, *self._open):
            distance = abs(frame.transacted_at_ns - activity.transacted_at_ns)
            if frame.fits_any or distance <= TOLERANCE_NS:
                same = frame.cum_qty is not None and frame.cum_qty == activity.cum_qty
                fits.append((not same, distance, frame.execution_id))
        return sorted(fits)

    def _choices(self, activity_id: str) -> Iterator[str]:
        owner = self._owner
        return iter(
            [fit[2] for fit in sorted(self._fits[activity_id], key=lambda fit: (fit[0], fit[1], fit[2] in owner))]
        )

    def _place(self, activity_id: str) -> bool:
        """Pair one more activity along an augmenting path, if there is one; with a stack, for paths can be long."""
        tried: set[str] = set()
        path = [activity_id]
        choices = [self._choices(activity_id)]
        taken: list[str] = []
        while path:
            execution_id = next((choice for choice in choices[-1] if choice not in tried), None)
            if execution_id is None:
                path.pop()
                choices.pop()
                if taken:
                    taken.pop()
                continue
            tried.add(execution_id)
            taken.append(execution_id)
            holder = self._owner.get(execution_id)
            if holder is None:
                self._owner.update(zip(taken, path, strict=True))
                return True
            path.append(holder)
            choices.append(self._choices(holder))
        return False
