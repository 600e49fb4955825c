"""One run: start all, let the schedule happen, wait until the tables are equal to the books, and check on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Final

from .bugs import Bug, planted
from .faults import happen
from .invariants import Checker, Violation
from .processes import Surroundings
from .schedule import FAULTS_UNTIL_S, Schedule
from .world import World

CALM_LIMIT_S: Final = 400.0
"""So long after the last fault the tables may take to become equal to the books."""
LOOK_EVERY_S: Final = 5.0


@dataclass(slots=True)
class Outcome:
    """What came of a run. `violation`: the first; None where all held."""

    schedule: Schedule
    steps: int
    seconds: float
    violation: Violation | None
    trace: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return self.violation is None


def run(schedule: Schedule, *, most_steps: int = 1_000_000, bug: Bug | None = None) -> Outcome:
    """Run it to its end, to the first violation, or for so many steps; with a bug planted, if one is given."""
    world = World(schedule.seed)
    around = Surroundings(world)
    checker = Checker(around)
    violation: Violation | None = None
    with around.in_place(), planted(bug):
        around.start_all()
        if any(fault.kind == "postgres_restored" for fault in schedule.faults):
            around.back_up()
        for act in schedule.acts:
            world.after(act.at_s, partial(around.broker.do, act))
        for fault in schedule.faults:
            world.after(fault.at_s, partial(happen, around, fault))
        world.after(FAULTS_UNTIL_S, checker.calm)
        try:
            violation = _steps(world, checker, most_steps)
        finally:
            world.end()
    return Outcome(schedule, world.steps, world.seconds, violation, list(world.trace), checker.counts())


def _steps(world: World, checker: Checker, most_steps: int) -> Violation | None:
    next_look = FAULTS_UNTIL_S + LOOK_EVERY_S
    try:
        while world.steps < most_steps:
            world.step()
            if world.failure is not None:
                return checker.crashed(world.failure)
            if world.seconds >= next_look:
                next_look = world.seconds + LOOK_EVERY_S
                if checker.is_equal():
                    checker.at_the_end()
                    return None
                if world.seconds > FAULTS_UNTIL_S + CALM_LIMIT_S:
                    return checker.not_equal()
    except Violation as violation:
        return violation
    return None
