"""What is said and answered by the actions that are no rewinds: accept, retry, ask for a sweep (docs/api.md)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from stream_reconcile.web.api.shapes import Told


class Acceptance(Told):
    """Which discrepancy is right as it is, and why."""

    discrepancy_id: int = Field(gt=0, lt=2**63)
    reason: str = Field(min_length=1)
    """Kept as its resolution."""
    who: str = ""


class Accepted(Told):
    """What was accepted."""

    discrepancy_id: int
    type: str
    subject: str
    account_id: str
    state: str
    open: int
    """How many discrepancies are open now."""


class Retry(Told):
    """Which dead letters: by name, or all that meet every condition, or all."""

    letters: list[str] | None = None
    """Names, topic:partition:offset."""
    all: bool = False
    reason: str = ""
    """Those that are open for this reason."""
    topic: str = ""
    """Those of a topic, or of one partition: topic:partition."""
    from_offset: int | None = Field(None, ge=0, lt=2**63)
    to_offset: int | None = Field(None, ge=0, lt=2**63)
    since: str = ""
    until: str = ""
    order_id: str = ""
    why: str = ""
    """For the record of what people did."""
    who: str = ""


class RetriedLetter(Told):
    """What became of one."""

    letter: str
    resolved: bool
    result: str


class RetryReport(Told):
    """What became of all of them."""

    retried: list[RetriedLetter]
    resolved: int
    more: bool
    """500 were retried, and there may be others: ask again."""
    open: int
    """How many dead letters are open now."""


class SweepRequest(Told):
    """Which sweep is wanted."""

    kind: Literal["hot", "deep", "gap", "full"] = "deep"
    account_id: str = ""
    """Needed where there are several accounts."""
    why: str = ""
    who: str = ""


class SweepAsked(Told):
    """It was asked for; what comes of it stands in the actions under this number."""

    action_id: int
    account_id: str
    kind: str
