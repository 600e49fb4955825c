"""Kafka records → what they say. What can't be read becomes a dead letter; nothing here raises for bad bytes (I8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from stream_reconcile.core.errors import DecodeError, WireError
from stream_reconcile.core.lifecycle import EVENTS, STATUSES
from stream_reconcile.core.observation import Parsed, Seen
from stream_reconcile.core.wire.executions import parse_activity, parse_adjustment
from stream_reconcile.core.wire.parse import Parser
from stream_reconcile.log.codec import Codec, try_account_id, try_order_id
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.batch import DeadLetter, Place, Record
from stream_reconcile.store.rows import plausible_ms

UNKNOWN_ACCOUNT: Final = "unknown"
# Named tuples made without their own constructor, in half the time: one of each for every record.
_new = tuple.__new__


class Decoded:
    """What a run of records says, with what has to be counted."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.dead_letters: list[DeadLetter] = []
        self.accounts: set[str] = set()
        """Accounts of the records, dead letters left out."""
        self.no_statement: Counter[str] = Counter()
        self.unknown_events: Counter[str] = Counter()
        self.unknown_statuses: Counter[str] = Counter()
        self.unknown_fields: Counter[str] = Counter()


class Decoder:
    """Decodes the records of one member. Not shared between threads."""

    def __init__(self, codec: Codec, topics: Topics) -> None:
        self._codec = codec
        self._parser = Parser()
        self._parse: dict[str, Callable[[bytes, Seen], Parsed]] = {
            topics.trade_updates: self._parser.frame,
            topics.order_snapshots: self._parser.snapshot,
            topics.fill_activities: parse_activity,
            topics.adjustments: parse_adjustment,
            # Account and positions are no statement about an order.
            topics.account_snapshots: lambda _raw, _seen: Parsed("account", "", (), (), ()),
        }
        self._sources = dict.fromkeys(topics.applied, "sweep") | {topics.trade_updates: "stream"}

    def decode(
        self, place: Place, topic_id: str, key: bytes | None, payload: bytes | None, known_at_ms: int, into: Decoded
    ) -> None:
        """Add what one record says to `into`."""
        topic = place.topic
        known_at_ms = plausible_ms(known_at_ms)
        try:
            envelope = self._codec.decode(topic, payload)
            seen = _new(
                Seen,
                (envelope.account_id, self._sources[topic], envelope.received_at_ns, *place, known_at_ms),
            )
            parsed = self._parse[topic](envelope.raw, seen)
        except (DecodeError, WireError) as error:
            into.dead_letters.append(_dead_letter(place, topic_id, key, payload, known_at_ms, error))
            return
        into.accounts.add(envelope.account_id)
        if not parsed.observations and not parsed.evidence:
            into.no_statement[parsed.kind] += 1
            return
        if parsed.kind == "update" and parsed.event not in EVENTS:
            into.unknown_events[parsed.event] += 1
        if parsed.unknown_fields:
            into.unknown_fields.update(parsed.unknown_fields)
        if parsed.observations:
            status = parsed.observations[0].status
            if status is not None and status not in STATUSES:
                into.unknown_statuses[status] += 1
        fields = (place, parsed, known_at_ms, key, payload or b"", envelope.account_id, envelope.order_id, topic_id)
        into.records.append(_new(Record, fields))


def _dead_letter(
    place: Place,
    topic_id: str,
    key: bytes | None,
    payload: bytes | None,
    known_at_ms: int,
    error: DecodeError | WireError,
) -> DeadLetter:
    account, _, order = (key or b"").decode("utf-8", "replace").partition("/")
    return DeadLetter(
        place,
        topic_id,
        key,
        payload,
        known_at_ms,
        try_account_id(payload) or _printable(account) or UNKNOWN_ACCOUNT,
        try_order_id(payload) or _printable(order) or None,
        error.reason,
        str(error),
    )


def _printable(text: str) -> str:
    return text if text.isprintable() and len(text) <= 128 else ""
