"""What the apply job is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Topics

Report: TypeAlias = Callable[[bool, str], None]
"""Called with (ready, why): what readiness says of this job."""

AUTO_PROTOCOL = "auto"


@dataclass(frozen=True, slots=True)
class ApplyConfig:
    """One member."""

    kafka: KafkaConfig
    dsn: str = field(repr=False)
    schema: str
    group: str
    topics: Topics
    protocol: str = AUTO_PROTOCOL
    """`consumer` (KIP-848), `classic`, or `auto`: the former where the broker has it."""
    batch_records: int = 5_000
    """Most records of one transaction."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set to end the job in order."""
