"""Which faults strike, in which order: a function of the seed. Strikes that failed once are kept, and come first."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

REGRESSIONS: Final = Path(__file__).with_name("regressions")


class Planned(NamedTuple):
    """One strike, as it is written in the figures: `SEED/ROUND/FAULT`. Its dice are a function of this text."""

    seed: int
    round: int
    fault: str

    def __str__(self) -> str:
        return f"{self.seed}/{self.round}/{self.fault}"

    @property
    def scene_seed(self) -> int:
        """Of the orders at the broker in its round."""
        return self.seed + self.round

    @classmethod
    def of(cls, text: str) -> Planned:
        """As written. Raises ValueError."""
        seed, number, fault = text.split("/", 2)
        return cls(int(seed), int(number), fault)


def planned(seed: int, number: int, faults: Sequence[str]) -> list[Planned]:
    """A round over these faults: what is kept of them, then each once, in an order of the round's own."""
    names = list(faults)
    random.Random(f"{seed}/{number}").shuffle(names)
    return [one for one in kept() if one.fault in names] + [Planned(seed, number, name) for name in names]


def kept(folder: Path = REGRESSIONS) -> list[Planned]:
    """Strikes that failed once: files `{"again": "SEED/ROUND/FAULT", "why": what was wrong}`."""
    return [Planned.of(json.loads(path.read_text(encoding="utf-8"))["again"]) for path in sorted(folder.glob("*.json"))]
