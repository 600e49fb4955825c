"""What the ingest job is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stream_reconcile.broker.stream import Waits
from stream_reconcile.core.reconnect import PACES, RECYCLE_EVERY_S, RECYCLE_QUIET_S, USUAL, Pace
from stream_reconcile.core.session import End
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.producer import Limits
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.leases import EXPIRES_S, RENEW_EVERY_S


@dataclass(frozen=True)
class Timing:
    """How often and how long, in seconds. The defaults are DESIGN's; tests take shorter ones."""

    waits: Waits = field(default_factory=Waits)
    lease_s: float = EXPIRES_S
    renew_every_s: float = RENEW_EVERY_S
    acquire_every_s: float = 3.0  # a standby's attempts: it holds the lease within 30 s of the other's end
    account_every_s: float = 300.0  # the account behind the key is checked again
    account_unanswered_s: float = 20.0  # … while the broker's REST did not answer yet
    record_every_s: float = 1.0  # good_until and windows to the database
    kafka_every_s: float = 5.0  # whether Kafka takes records
    kafka_stalled_s: float = 10.0  # records waiting so long without an answer: Kafka counts as away
    database_s: float = 12.0  # for a call to Postgres; longer than it may take to connect
    flush_s: float = 10.0  # for what is under way when the job ends
    recycle_quiet_s: float = RECYCLE_QUIET_S
    recycle_every_s: float = RECYCLE_EVERY_S
    recycle_check_s: float = 30.0
    usual_pace: Pace = USUAL
    paces: Mapping[End, Pace] = field(default_factory=lambda: PACES)


@dataclass(frozen=True)
class IngestConfig:
    """One account's ingest.

    `account_id`: the only account that may be behind the key; None pins the first one seen. `sole_account`: it is the
    only account of the configuration. `name` tells several apart in readiness, logs and `pg_stat_activity`.
    """

    key_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    base_url: str
    stream_url: str
    dsn: str = field(repr=False)
    schema: str
    kafka: KafkaConfig
    topics: Topics
    name: str = "default"
    account_id: str | None = None
    sole_account: bool = True
    allow_plain_stream: bool = False
    limits: Limits = field(default_factory=Limits)
    timing: Timing = field(default_factory=Timing)
