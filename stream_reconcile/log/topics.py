"""The topics: what each is called, what its records are, and which of them apply reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.log.schemas import RECORDS

DEFAULT_PREFIX: Final = "alpaca."

# Topic name without its prefix, for each record type.
SUFFIXES: Final = {
    "trade_update": "trade-updates.v1",
    "order_snapshot": "order-snapshots.v1",
    "fill_activity": "fill-activities.v1",
    "adjustment": "adjustments.v1",
    "account_snapshot": "account-snapshots.v1",
    "stream_session": "stream-sessions.v1",
    "trade_decision": "trade-decisions.v1",
    "proof": "proofs.v1",
}

_APPLIED: Final = ("trade_update", "order_snapshot", "fill_activity", "adjustment", "account_snapshot")


class Partition(NamedTuple):
    """One partition of one topic; equal to the plain pair."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic names under one prefix (dot included)."""

    prefix: str = DEFAULT_PREFIX

    @property
    def trade_updates(self) -> str:
        """Every frame of the websockets."""
        return self.of("trade_update")

    @property
    def order_snapshots(self) -> str:
        """Orders as sweeps read them."""
        return self.of("order_snapshot")

    @property
    def fill_activities(self) -> str:
        """FILL activities as sweeps read them."""
        return self.of("fill_activity")

    @property
    def adjustments(self) -> str:
        """Facts made by judgement or by the clock."""
        return self.of("adjustment")

    @property
    def account_snapshots(self) -> str:
        """Account and positions as sweeps read them."""
        return self.of("account_snapshot")

    @property
    def stream_sessions(self) -> str:
        """What became of each websocket session."""
        return self.of("stream_session")

    @property
    def trade_decisions(self) -> str:
        """Copies of order intents."""
        return self.of("trade_decision")

    @property
    def proofs(self) -> str:
        """Sealed checkpoints."""
        return self.of("proof")

    @property
    def applied(self) -> tuple[str, ...]:
        """Those that apply reads. Their partition counts are equal, so that one member gets all of an order."""
        return tuple(self.of(record) for record in _APPLIED)

    @property
    def all(self) -> tuple[str, ...]:
        """All topics, in the order of RECORDS."""
        return tuple(self.of(record) for record in RECORDS)

    def of(self, record: str) -> str:
        """The topic of a record type (one of RECORDS)."""
        return self.prefix + SUFFIXES[record]

    def record(self, topic: str) -> str:
        """The record type of a topic (one of RECORDS). Raises ConfigError for a topic that is not ours."""
        for record, suffix in SUFFIXES.items():
            if topic == self.prefix + suffix:
                return record
        raise ConfigError(f"{topic} is none of our topics, which begin with {self.prefix!r}: check the topic prefix")


def record_key(account_id: str, order_id: str = "") -> bytes:
    """Key of every record: account and order id (empty where the record is about no order)."""
    return f"{account_id}/{order_id}".encode("utf-8", "replace")
