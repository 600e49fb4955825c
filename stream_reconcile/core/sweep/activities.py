"""Which FILL activities say something that our fills do not. What the fills explain already is not published."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from stream_reconcile.core.evidence import Activity
from stream_reconcile.core.statements import TOLERANCE_NS


class Standing(NamedTuple):
    """A trade that we have. `transacted_at_ns`: nanoseconds since the epoch, cut to microseconds."""

    activity_id: str | None
    qty: Decimal
    price: Decimal
    transacted_at_ns: int | None


def unexplained(
    activities: Iterable[Activity], fills: Mapping[str, Sequence[Standing]], known: frozenset[str] | set[str]
) -> list[Activity]:
    """Of these activities, those to publish: not known yet, and no fill of their order is left to explain them.

    A fill explains one activity: of its quantity and price, at most `TOLERANCE_NS` apart. Fills that are paired with an
    activity already explain no other. Which of several alike is left over says nothing, their number does.
    """
    wanted: dict[tuple[str, Decimal, Decimal], list[Activity]] = defaultdict(list)
    for activity in activities:
        if activity.activity_id not in known:
            wanted[activity.order_id, activity.qty, activity.price].append(activity)
    left: list[Activity] = []
    for (order_id, qty, price), alike in wanted.items():
        times = sorted(
            fill.transacted_at_ns or 0
            for fill in fills.get(order_id, ())
            if fill.activity_id is None and fill.qty == qty and fill.price == price
        )
        alike.sort(key=lambda activity: (activity.transacted_at_ns, activity.activity_id))
        left += _unmatched(alike, times)
    return left


def _unmatched(activities: Sequence[Activity], times: Sequence[int]) -> list[Activity]:
    """Both are sorted by time: the earliest that fits is taken, so that as many as possible are matched."""
    left: list[Activity] = []
    at = 0
    for activity in activities:
        # A fill's time has lost its nanoseconds; less than one microsecond.
        while at < len(times) and times[at] < activity.transacted_at_ns - TOLERANCE_NS - 1_000:
            at += 1
        if at < len(times) and times[at] <= activity.transacted_at_ns + TOLERANCE_NS:
            at += 1
        else:
            left.append(activity)
    return left
