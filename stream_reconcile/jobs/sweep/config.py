"""What the sweep of one account needs to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from stream_reconcile.core.sweep.compared import Graces
from stream_reconcile.core.sweep.schedule import Intervals
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Topics


@dataclass(frozen=True, slots=True)
class Timing:
    """Waits and reaches, in seconds unless named otherwise. The defaults are DESIGN §5's."""

    intervals: Intervals = field(default_factory=Intervals)
    graces: Graces = field(default_factory=Graces)
    hot_reach_s: float = 15 * 60
    deep_reach_s: float = 7 * 24 * 3600
    activity_overlap_s: float = 10 * 60
    deep_activity_overlap_s: float = 2 * 24 * 3600
    barrier_s: float = 60.0
    publish_s: float = 60.0
    lease_s: float = 15.0
    renew_every_s: float = 5.0
    acquire_every_s: float = 2.0
    look_every_s: float = 0.5
    retry_s: float = 2.0
    most_retry_s: float = 60.0
    silence_s: float = 20.0  # so long may a change be on its way before the stream that has not brought it is silent
    seal_every: float = 20.0  # so many times what sealing takes lies between two checkpoints, at least
    by_id_share: float = 0.25  # of the requests that a window of the broker's leaves us


@dataclass(frozen=True, slots=True)
class SweepConfig:
    """One account's sweep."""

    key_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    base_url: str
    dsn: str = field(repr=False)
    schema: str
    kafka: KafkaConfig
    topics: Topics
    group: str
    program: str = "unknown"
    """Version of the program and of the schema, for checkpoints."""
    name: str = "default"
    account_id: str | None = None
    sole_account: bool = True
    allow_plain_http: bool = False
    budget_share: float = 0.5
    external_orders: Literal["auto", "open", "accept"] = "auto"
    timing: Timing = field(default_factory=Timing)
