"""One fault after the other, in an order that the seed says; after each, whether all is as it should be."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg

from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.simulator.verdict import Difference
from support.waiting import wait_until
from weather import judge

from .faults import FAULTS, possible
from .place import RATE, Scene, scene
from .plan import Planned, planned
from .sight import logged

_READY_S: Final = 120.0
_BEFORE_S: Final = (1.0, 4.0)
_AGREES_WITHIN_S: Final = 300.0
# The broker's words, once each, whoever read them and however often; an order is an execution once by its key.
_TWICE: Final = """
SELECT count(*) FROM (SELECT 1 FROM order_events GROUP BY account_id, alpaca_order_id, event_key HAVING count(*) > 1) t
"""
_BEHIND: Final = "SELECT count(*) FROM stream_cursors WHERE next_offset < max_offset"


@dataclass(frozen=True)
class Options:
    """What the user has a say in."""

    seed: int
    rounds: int
    only: Sequence[str] = ()
    again: Planned | None = None
    """This strike alone."""
    data_dir: Path | None = None


@dataclass
class Struck:
    """One fault and what came of it."""

    fault: str
    seed: str
    events: int = 0
    orders: int = 0
    fills: int = 0
    lost: int = 0
    """Rows that the books have and the tables do not."""
    doubled: int = 0
    """Rows that the tables have and the books do not, and events that stand there twice."""
    differing: int = 0
    """Values."""
    agreed_after_s: float = 0.0
    """From the end of the fault, when everything works again and the flow has ended, to a proof that began after it."""
    ended: int = 0
    """Copies that ended by themselves, and were started again, as whatever runs the program does."""
    found: dict[str, int] = field(default_factory=dict)
    """Discrepancies by type."""
    broken: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not (self.lost or self.doubled or self.differing or self.broken)


def run(options: Options, say: Callable[[str], None], took: Callable[[Struck], None]) -> None:
    """So many rounds over all faults; `took` hears of each."""
    for number in range(options.rounds):
        left: list[Planned] | None = None if options.again is None else [options.again]
        while left is None or left:
            seed = options.seed + number if options.again is None else options.again.scene_seed
            with scene(options.data_dir, seed) as made:
                _until_both_work(made)
                _until_proved(made, time.time())
                if left is None:
                    left = _round(made, options, number, say)
                while left:
                    struck = _strike(made, left.pop(0))
                    took(struck)
                    if struck.broken:
                        say(f"{struck.fault}: {struck.broken[0]}; a new scene")
                        break


def _round(made: Scene, options: Options, number: int, say: Callable[[str], None]) -> list[Planned]:
    """What this machine allows and the user wants, in the order of the seed."""
    allowed = possible(made)
    for name in FAULTS.keys() - allowed:
        say(f"{name}: this machine does not allow it")
    chosen = [name for name in allowed if not options.only or any(part in name for part in options.only)]
    return list(planned(options.seed, number, chosen))


def _strike(made: Scene, one: Planned) -> Struck:
    rng = random.Random(str(one))
    struck, whole = Struck(one.fault, str(one)), made.whole
    control = whole.simulator.control
    seen = max([0, *(row["discrepancy_id"] for row in whole.discrepancies())])
    before = control.counters()["frames_published"]
    control.flow(RATE)
    time.sleep(rng.uniform(*_BEFORE_S))
    try:
        FAULTS[one.fault](made, rng)
        struck.ended = made.heal()
        control.settle()
        healed = time.time()
        struck.agreed_after_s = round(_until_proved(made, healed) - healed, 1)
    except (AssertionError, ReconcileError, psycopg.Error, OSError) as error:
        struck.broken.append(f"{type(error).__name__}: {error}")
        return struck
    verdict = whole.verdict()
    struck.events = control.counters()["frames_published"] - before
    struck.orders, struck.fills = verdict.orders, verdict.fills
    struck.lost, struck.doubled, struck.differing = counted(verdict.differences)
    struck.doubled += whole.value(_TWICE)
    for row in whole.discrepancies():
        if row["discrepancy_id"] > seen:
            struck.found[row["type"]] = struck.found.get(row["type"], 0) + 1
    if behind := whole.value(_BEHIND):
        struck.broken.append(f"{behind} cursors stand before what they had reached")
    return struck


def counted(differences: Sequence[Difference]) -> tuple[int, int, int]:
    """Rows that are missing, rows too many, and values that differ."""
    missing = sum(each.column == "row" and each.ours is None for each in differences)
    more = sum(each.column == "row" and each.truth is None for each in differences)
    return missing, more, len(differences) - missing - more


def _until_both_work(made: Scene) -> None:
    """Until each copy has partitions of its own: a fault that is to be seen by two needs both."""

    def at_work() -> bool:
        for program in made.copies:
            program.require_alive()
        return all(logged(program, "partitions_claimed") for program in made.copies)

    wait_until(at_work, timeout=_READY_S, what="both copies to apply")


def _until_proved(made: Scene, since_s: float) -> float:
    """When a sweep that began after `since_s` had proved equality; both copies run by then."""

    def alive() -> bool:
        for program in made.copies:
            program.require_alive()
        return all(program.running for program in made.copies)

    wait_until(alive, timeout=_READY_S, what="both copies")
    return judge.proof_after(made.whole, since_s, timeout=_AGREES_WITHIN_S)
