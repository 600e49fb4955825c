"""A shorter schedule that fails in the same way: delta debugging over faults, then over what happens to orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from .bugs import Bug
from .run import Outcome, run
from .schedule import Act, Schedule

T = TypeVar("T")


def shrunk(outcome: Outcome, *, bug: Bug | None = None, most_runs: int = 150) -> Outcome:
    """The outcome of the shortest schedule found within so many runs. What does not fail is given back as it is."""
    if outcome.violation is None:
        return outcome
    name, best, runs = outcome.violation.name, outcome, 0

    def fails(schedule: Schedule) -> bool:
        nonlocal best, runs
        runs += 1
        # A little longer than the one found: the end of a run that is never equal takes many steps.
        found = run(schedule, bug=bug, most_steps=4 * outcome.steps + 2_000)
        if found.violation is None or found.violation.name != name:
            return False
        best = found
        return True

    def may_go_on() -> bool:
        return runs < most_runs

    schedule = outcome.schedule
    faults = _fewest(schedule.faults, lambda left: fails(replace(schedule, faults=tuple(left))), may_go_on)
    schedule = replace(schedule, faults=tuple(faults))
    orders = sorted({act.order for act in schedule.acts})

    def with_orders(left: Sequence[int]) -> tuple[Act, ...]:
        return tuple(act for act in schedule.acts if act.order in left)

    orders = _fewest(orders, lambda left: fails(replace(schedule, acts=with_orders(left))), may_go_on)
    schedule = replace(schedule, acts=with_orders(orders))
    _fewest(schedule.acts, lambda left: fails(replace(schedule, acts=tuple(left))), may_go_on)
    return best


def _fewest(items: Sequence[T], fails: Callable[[Sequence[T]], bool], may_go_on: Callable[[], bool]) -> list[T]:
    """Without as many as possible: large pieces are left out first, then smaller ones (Zeller's ddmin)."""
    left, size = list(items), len(items)
    while size >= 1 and left and may_go_on():
        at, was = 0, len(left)
        while at < len(left) and may_go_on():
            shorter = left[:at] + left[at + size :]
            if fails(shorter):
                left = shorter
            else:
                at += size
        if len(left) == was or size > len(left):
            size = size // 2 if size > 1 else 0
    return left
