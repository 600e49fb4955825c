"""What a verification finds, and what it looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class What(StrEnum):
    """What does not hold."""

    CHECKPOINT = "checkpoint"  # altered, missing, or not following on the one before
    COPY = "copy"  # the table and the topic do not hold the same checkpoints
    LOG = "log"  # records are not those that were sealed
    CUT = "cut"  # records that were sealed are not in the log any more
    DERIVED = "derived"  # applying the log does not give the rows that were sealed
    LIVE = "live"  # a row is not what applying the log gives


class Found(NamedTuple):
    """One thing that does not hold. `seq`: checkpoint from which on it shows; None for the live rows."""

    what: What
    seq: int | None
    subject: str
    why: str


@dataclass(slots=True)
class Report:
    """Of one account. `checked_rows`: checkpoints at which the rows were derived again; `head`: hash of the newest."""

    account_id: str
    checkpoints: int = 0
    first: int | None = None
    last: int | None = None
    head: str | None = None
    records: int = 0
    checked_rows: list[int] = field(default_factory=list)
    live_rows: int | None = None
    found: list[Found] = field(default_factory=list)
    exported: str | None = None

    def add(self, what: What, seq: int | None, subject: str, why: str) -> None:
        """Note what does not hold."""
        self.found.append(Found(what, seq, subject, why))
