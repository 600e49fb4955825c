"""Runs a target on what `mutate` makes, for so many runs: the part that needs nothing but Python."""

from __future__ import annotations

import faulthandler
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from fuzz import own_targets, wire_targets
from fuzz.corpus import seeds
from fuzz.mutate import mutate

Target = Callable[[bytes], None]

TARGETS: Final[dict[str, Target]] = {
    "frame": wire_targets.frame,
    "order": wire_targets.order,
    "activity": wire_targets.activity,
    "holding": wire_targets.holding,
    "record": wire_targets.record,
    "body": wire_targets.body,
    "settings": own_targets.settings,
    "query": own_targets.query,
}
RUNS: Final = dict.fromkeys(TARGETS, 100_000) | {"settings": 10_000}
"""How many inputs `make fuzz` gives to each."""

SLOWEST_S: Final = 5.0
"""A single input that takes longer is a finding; on a machine under load the usual one takes milliseconds."""
STUCK_S: Final = 120
"""Seconds of the clock after which an input has hung, however busy the machine."""
REGRESSIONS: Final = Path(__file__).with_name("regressions")


class Finding(NamedTuple):
    """An input that a target does not bear, and what it said."""

    target: str
    data: bytes
    error: BaseException


def run(name: str, runs: int, seed: int) -> Finding | None:
    """The first finding among `runs` inputs of this seed, the seeds themselves first; None if all is well."""
    random, good = Random(f"{name} {seed}"), seeds(name)
    for number in range(runs):
        if number % 1000 == 0:  # the last resort where even Python's interpreter does not get its turn
            faulthandler.dump_traceback_later(STUCK_S * 5, exit=True)
        data = good[number] if number < len(good) else mutate(good, random)
        if error := tried(name, data):
            faulthandler.cancel_dump_traceback_later()
            return Finding(name, data, error)
    faulthandler.cancel_dump_traceback_later()
    return None


def tried(name: str, data: bytes) -> BaseException | None:
    """What is wrong with a target at this input: what it raised, or that it took too long."""
    begun = time.process_time()
    try:
        TARGETS[name](data)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return error
    took = time.process_time() - begun
    return TimeoutError(f"it took {took:.1f} s of processor time") if took > SLOWEST_S else None


def kept(name: str) -> list[Path]:
    """Inputs that were findings once."""
    return sorted((REGRESSIONS / name).glob("*"))
