"""Which FILL activity tells of which execution (rule 2 of DESIGN's `fills`): a maximum matching.

The two sources share no id, so frames and activities are paired by what they say. Taking the best-looking partner and
keeping it (greedy, sticky) counts an execution twice as soon as two look alike; a maximum matching never pairs fewer
than the truth does, since the truth is one of the matchings.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    a free frame that fits: one of the same cumulative first, then the nearest in time, then by id. Where none is free,
    earlier ones are shifted along an augmenting path, if there is one; an activity once paired stays paired. So the
    number of pairs is the greatest possible, and the result does not depend on the order of the arguments.

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


class _Group:
    """The frames and activities of one quantity and price."""

    def __init__(self, frames: list[Frame], activities: list[Activity]) -> None:
        self._activities = {
            activity.activity_id: activity
            for activity in sorted(activities, key=lambda activity: (activity.transacted_at_ns, activity.activity_id))
        }
        # By cumulative quantity, so that a thousand fills of one size and price do not compare all with all.
        self._stated: dict[Decimal, list[Frame]] = {}
        self._open: list[Frame] = []
        for frame in frames:
            if frame.cum_qty is None or frame.fits_any:
                self._open.append(frame)
            else:
                self._stated.setdefault(frame.cum_qty, []).append(frame)
        self._holder: dict[str, str] = {}
        self._dead_ends: set[str] = set()

    def pairs(self) -> dict[str, str]:
        for activity_id in self._activities:
            self._place(activity_id)
        return self._holder

    def _fitting(self, activity_id: str) -> list[str]:
        """Execution ids of the frames that fit, the preferred first."""
        activity = self._activities[activity_id]
        if activity.cum_qty is None:
            stated = [frame for frames in self._stated.values() for frame in frames]
        else:
            stated = self._stated.get(activity.cum_qty, [])
        fits: list[tuple[bool, int, str]] = []
        for frame in (*stated, *self._open):
            distance = abs(frame.transacted_at_ns - activity.transacted_at_ns)
            if frame.fits_any or distance <= TOLERANCE_NS:
                same = frame.cum_qty is not None and frame.cum_qty == activity.cum_qty
                fits.append((not same, distance, frame.execution_id))
        return [execution_id for _, _, execution_id in sorted(fits)]

    def _place(self, activity_id: str) -> None:
        """Pair one more activity, if it can be; with a stack, for augmenting paths can be long."""
        path = [activity_id]
        choices = [self._fitting(activity_id)]
        taken: list[str] = []
        tried: set[str] = set()
        while path:
            free = next((choice for choice in choices[-1] if choice not in self._holder), None)
            if free is not None:
                self._holder.update(zip([*taken, free], path, strict=True))
                return
            held = next((c for c in choices[-1] if c not in tried and c not in self._dead_ends), None)
            if held is None:
                path.pop()
                choices.pop()
                if taken:
                    taken.pop()
                continue
            tried.add(held)
            taken.append(held)
            path.append(self._holder[held])
            choices.append(self._fitting(path[-1]))
        # No free frame can be reached from these. None ever will: a later path that led through one would have to end
        # among them.
        self._dead_ends |= tried
