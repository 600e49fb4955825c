"""How soon a planted bug is noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from .bugs import Bug
from .run import Outcome, run
from .schedule import Schedule, schedule_of

REGRESSIONS: Final = Path(__file__).parent / "regressions"


class Hunt(NamedTuple):
    """`outcome`: of the run that noticed it, None if none did. `steps` of all runs up to there, `seeds`: how many."""

    outcome: Outcome | None
    steps: int
    seeds: int


def hunt(bug: Bug, seeds: int, *, first: int = 0, most_steps: int = 1_000_000) -> Hunt:
    """Run seed after seed with the bug planted, among faults of the kinds that bring it out."""
    steps = 0
    if bug.example:
        example = Schedule.from_json((REGRESSIONS / f"{bug.example}.json").read_text(encoding="utf-8"))
        outcome = run(example, bug=bug)
        steps = outcome.steps
        if not outcome.holds:
            return Hunt(outcome, steps, 0)
    for number in range(seeds):
        outcome = run(schedule_of(first + number, bug.faults), most_steps=most_steps, bug=bug)
        steps += outcome.steps
        if not outcome.holds:
            return Hunt(outcome, steps, number + 1)
    return Hunt(None, steps, seeds)
