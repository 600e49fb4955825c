"""What happens in a run: the lives of some orders, and faults. A value that a seed gives, and that can be cut short."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

MEMBERS: Final = 3
INGESTS: Final = 2
SWEEPERS: Final = 2
FAULTS_UNTIL_S: Final = 90.0
"""From then on all is well, and the tables have to become equal to the books."""

_LIVES: Final = (
    "filled",
    "filled",
    "canceled",
    "race",
    "replaced",
    "replaced",
    "rejected",
    "expired",
    "busted",
    "corrected",
    "open",
)
_MOST_FAULTS: Final = 12
_MOST_KINDS: Final = 5


@dataclass(frozen=True, slots=True)
class Act:
    """Something that the market or the trader does with an order, by its number; `number`: how much, or which."""

    at_s: float
    order: int
    what: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong. `whom`: a process, where it is one's; `point`: met there, at `at_s` or later."""

    at_s: float
    kind: str
    whom: str = ""
    seconds: float = 0.0
    point: str = ""
    number: int = 0

    def __str__(self) -> str:
        words = [f"{self.at_s:7.3f} s  {self.kind}", self.whom, self.point and f"at {self.point}"]
        words += [f"for {self.seconds:.1f} s" if self.seconds else "", f"({self.number})" if self.number else ""]
        return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True)
class Schedule:
    """All of a run, but for chance: `seed` gives delays and the like."""

    seed: int
    acts: tuple[Act, ...]
    faults: tuple[Fault, ...]

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Schedule:
        value: dict[str, Any] = json.loads(text)
        acts, faults = (Act(**one) for one in value["acts"]), (Fault(**one) for one in value["faults"])
        return Schedule(value["seed"], tuple(acts), tuple(faults))


def schedule_of(seed: int, only: Sequence[str] = ()) -> Schedule:
    """What this seed gives, with `only` faults of these kinds, if any are named."""
    rng = random.Random(f"schedule {seed}")
    acts = [act for order in range(rng.randint(8, 20)) for act in _life(rng, order)]
    # Few kinds, each several times, meet in more ways than one of each.
    kinds = set(only) or {rng.choice(_WEIGHTED) for _ in range(rng.randint(1, _MOST_KINDS))}
    faults = [_fault(rng, rng.choice(sorted(kinds))) for _ in range(rng.randint(1, _MOST_FAULTS))]
    return Schedule(
        seed, tuple(sorted(acts, key=lambda act: act.at_s)), tuple(sorted(faults, key=lambda one: one.at_s))
    )


def _life(rng: random.Random, order: int) -> list[Act]:
    """What is done with one order, some of it in the same instant."""
    at = rng.uniform(0.5, FAULTS_UNTIL_S - 25)
    kind = rng.choice(_LIVES)
    acts = [Act(at, order, "submit", rng.randint(1, 9))]

    def then(what: str, number: int = 0) -> None:
        nonlocal at
        if rng.random() > 0.3:  # else at the very time of the one before
            at = round(at + rng.choice((0.001, 0.05, rng.uniform(0.1, 8.0))), 3)
        acts.append(Act(at, order, what, number))

    if kind == "rejected":
        then("reject")
        return acts
    then("new")
    for _ in range(rng.randint(0, 2)):
        then("fill", rng.randint(1, 4))
    if kind in ("filled", "busted", "corrected"):
        then("fill", 99)
    if kind in ("canceled", "race"):
        then("ask_cancel")
        then("fill" if kind == "race" else "cancel", 99 if kind == "race" else 0)
        then("cancel")  # refused where it was filled
    if kind == "replaced":
        then("ask_replace")
        then("replace" if rng.random() < 0.8 else "refuse_replace", rng.randint(1, 5))
        if rng.random() < 0.3:
            then("late_fill", 1)
        then("fill_successor", rng.choice((1, 99)))
    if kind == "expired":
        then("expire")
    if kind == "busted":
        then("bust", rng.randint(0, 2))
    if kind == "corrected":
        then("correct", rng.randint(0, 2))
    return acts


def _fault(rng: random.Random, name: str) -> Fault:
    at = round(rng.uniform(1.0, FAULTS_UNTIL_S - 5), 3)
    whom, points, longest = _FAULTS[name]
    process = rng.choice(whom) if whom else ""
    point = rng.choice(points) if points and rng.random() < 0.7 else ""
    if name in ("kill", "stop"):
        point = rng.choice(POINTS[process.split("-")[0]]) if rng.random() < 0.75 else ""
    seconds = (
        round(rng.uniform(0.1, longest) if rng.random() < 0.7 else rng.uniform(0.1, longest / 8), 2) if longest else 0.0
    )
    return Fault(at, name, process, seconds, point, rng.randint(0, 9))


_APPLY: Final = tuple(f"apply-{n}" for n in range(MEMBERS))
_INGEST: Final = tuple(f"ingest-{n}" for n in range(INGESTS))
_SWEEP: Final = tuple(f"sweep-{n}" for n in range(SWEEPERS))

POINTS: Final[dict[str, tuple[str, ...]]] = {
    "apply": ("commit", "committed", "claim", "claimed", "take", "read_cursors", "mirror", "release"),
    "ingest": ("acquire", "perform", "performed", "renew", "frame"),
    "sweep": ("acquire", "begin", "page", "publish", "published", "transaction", "done", "barrier"),
}
"""Where a process can be met: just before, or just after, it does such a thing."""

_FAULTS: Final[dict[str, tuple[Sequence[str], Sequence[str], float]]] = {
    # kind: (whom it may concern, at which points, for how long at most)
    "kill": ((*_APPLY, *_INGEST, *_SWEEP), (), 0.0),
    "stop": ((*_APPLY, *_INGEST, *_SWEEP), (), 40.0),
    "unknown_commit": (_APPLY, ("commit",), 0.0),
    "refused_connection": ((*_APPLY, *_INGEST, *_SWEEP), (), 0.0),
    "cut_from_group": (_APPLY, (), 40.0),
    "stolen": (_APPLY, (), 0.05),
    "rebalance": ((), (), 0.0),
    "rewind": ((), (), 0.0),
    "undo": ((), (), 0.0),
    "socket_closed": ((), (), 0.0),
    "socket_mute": ((), (), 40.0),
    "socket_refused": ((), (), 30.0),
    "frames_lost": ((), (), 20.0),
    "frames_twice": ((), (), 40.0),
    "frames_late": ((), (), 40.0),
    "rest_down": ((), (), 60.0),
    "rest_cut": ((), (), 30.0),
    "rest_stale": ((), (), 30.0),
    "activities_late": ((), (), 40.0),
    "kafka_down": ((), (), 20.0),
    "kafka_loses_answers": ((), (), 20.0),
    "postgres_down": ((), (), 15.0),
    "postgres_restored": ((), (), 0.0),
    "retention": ((), (), 0.0),
    "topic_made_anew": ((), (), 0.0),
    "log_truncated": ((), (), 0.0),
    "junk_record": ((), (), 0.0),
}
_RARE: Final = ("postgres_restored", "retention", "topic_made_anew", "log_truncated")
_WEIGHTED: Final = tuple(
    name
    for name in _FAULTS
    for _ in range(
        {"kill": 8, "stop": 8, "rewind": 4, "unknown_commit": 5, "cut_from_group": 4, "stolen": 4}.get(
            name, 1 if name in _RARE else 2
        )
    )
)
KINDS: Final = tuple(_FAULTS)
