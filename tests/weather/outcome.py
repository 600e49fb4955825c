"""What a scenario is told, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from stream_reconcile.core.sweep.compared import Graces
from stream_reconcile.core.sweep.schedule import Intervals
from stream_reconcile.jobs.ingest.config import Timing as IngestTiming
from stream_reconcile.jobs.sweep.config import Timing
from support.ingesting import QUICK as QUICK_INGEST
from support.whole import QUICK

Figure: TypeAlias = int | float | str

FREE = 1_000_000
"""Requests in a window of the broker's, where a scenario is not about the budget."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user has a say in."""

    seed: int
    say: Callable[[str], None]
    events: int = 50_000
    rate: float = 100.0
    minutes: float | None = None
    """None: as long as the scenario is by itself."""
    orders: int = 2_000
    kills: int = 20
    sweeps: int = 10_000
    quick: bool = False
    """Short waits in place of the program's own, for tests of the scenarios themselves."""

    @property
    def timing(self) -> Timing:
        """Of the sweep: the defaults."""
        return QUICK if self.quick else Timing()

    @property
    def ingest_timing(self) -> IngestTiming:
        return QUICK_INGEST if self.quick else IngestTiming()

    def often(self, hot_s: float, deep_s: float, **reaches: float) -> Timing:
        """The defaults, but for how often sweeps come and how far back they reach; graces as they are."""
        # Frames of a busy machine come later than quick sweeps would wait for them: that grace stays what it is.
        graces = replace(QUICK.graces, finding_s=Graces().finding_s) if self.quick else Graces()
        return replace(self.timing, intervals=Intervals(hot_s=hot_s, deep_s=deep_s), graces=graces, **reaches)


@dataclass
class Outcome:
    """Figures, and promises that did not hold."""

    figures: dict[str, Figure] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def promise(self, holds: bool, promise: str) -> None:
        """Note a promise that does not hold."""
        if not holds:
            self.broken.append(promise)

    @property
    def holds(self) -> bool:
        return not self.broken


def quantiles(values: Sequence[float], prefix: str) -> dict[str, Figure]:
    """Median, ninth tenth, 99th hundredth and greatest of some seconds; nothing of nothing."""
    if not values:
        return {}
    ordered = sorted(values)
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    found = {name: ordered[min(int(len(ordered) * share), len(ordered) - 1)] for name, share in shares.items()}
    return {f"{prefix}_{name}_s": round(value, 2) for name, value in {**found, "max": ordered[-1]}.items()}
