"""What is said and answered by a rewind, and by taking that back (docs/rewind.md)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from stream_reconcile.web.api.shapes import Told


class Rewind(Told):
    """Where to, by one of five ways, and of which partitions; without `execute` only the plan is made."""

    topics: list[str] | None = None
    """Such as trade-updates.v1:0,3; left out, all that apply reads."""
    to_offset: int | None = Field(None, ge=0, lt=2**63)
    to_datetime: str | None = None
    by_duration: str | None = None
    """Such as PT15M: to that long before now."""
    shift_by: int | None = Field(None, gt=-(2**63), lt=2**63)
    to_earliest: bool | None = None
    execute: bool = False
    reason: str = ""
    """Kept with who did it; needed to execute."""
    who: str = ""


class Undo(Told):
    """Which rewind; `execute` false: only the plan is made."""

    action_id: int | None = Field(None, gt=0, lt=2**63)
    """Left out: the newest."""
    execute: bool = True
    reason: str = ""
    who: str = ""


class Estimate(Told):
    """How long it may take."""

    seconds: float
    records_per_second: int
    from_: str = Field(alias="from")


class PartitionPlan(Told):
    """One partition."""

    topic: str
    partition: int
    verdict: str
    why: str
    old_offset: int
    old_time: str | None
    new_offset: int
    new_time: str | None
    records: int
    no_longer_retained: int | None


class RewindReport(Told):
    """The plan, and what was done (docs/json/rewind.schema.json)."""

    group: str
    action: Literal["rewind", "undo"]
    asked: str
    notes: list[str]
    possible: bool
    executed: bool
    action_id: int | None
    undoes: int | None
    group_has_members: bool
    records: int
    estimate: Estimate | None
    partitions: list[PartitionPlan]
    waited: dict[str, Any] | None
