"""What a replay is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.roles import DEFAULT_ROLES, RoleNames

DEFAULT_SHARE: Final = 0.7

Progress: TypeAlias = Callable[[int, int], None]
"""Called after each commit with the records applied so far, and those to apply in all."""


@dataclass(frozen=True, slots=True)
class ReplayConfig:
    """One replay into one schema."""

    kafka: KafkaConfig
    dsn: str = field(repr=False)
    live_schema: str
    schema: str
    """The one to fill. Made where it is not there."""
    group: str
    """The live consumer group: whose rows are compared, and whose apply keeps its share."""
    topics: Topics
    share: float = DEFAULT_SHARE
    """Share of its throughput that live apply keeps at least, while it is behind; 0: no regard for it."""
    batch_records: int = 5_000
    """Most records of one transaction."""
    roles: RoleNames | None = DEFAULT_ROLES
    stop: threading.Event = field(default_factory=threading.Event)
    """Set to end it after the transaction under way; it goes on from there when it is run again."""
