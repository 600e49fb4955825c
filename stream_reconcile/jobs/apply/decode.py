"""Kafka records → what they say. What can't be read becomes a dead letter; nothing here raises for bad bytes (I8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from confluent_kafka import Message

from stream_reconcile.core.errors import DecodeError, WireError
from stream_reconcile.core.fold import Fold, Recent
from stream_reconcile.core.holdings import Holding
from stream_reconcile.core.lifecycle import EVENTS, STATUSES
from stream_reconcile.core.observation import Parsed, Seen
from stream_reconcile.core.wire.executions import parse_activity, parse_adjustment
from stream_reconcile.core.wire.holdings import parse_holding
from stream_reconcile.core.wire.parse import Parser
from stream_reconcile.log.codec import Codec, try_account_id, try_order_id
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.batch import DeadLetter, Place, Record
from stream_reconcile.store.rows import LAST_MS, plausible_ms

UNKNOWN_ACCOUNT: Final = "unknown"


class Decoded:
    """What a run of records says, with what has to be counted."""

    def __init__(self, recent: Recent | None = None) -> None:
        self.fold = Fold() if recent is None else Fold(recent)
        self.dead_letters: list[DeadLetter] = []
        self.holdings: list[Holding] = []
        self.accounts: set[str] = set()
        """Accounts of the records, dead letters left out."""
        self.no_statement: Counter[str] = Counter()
        self.unknown_events: Counter[str] = Counter()
        self.unknown_statuses: Counter[str] = Counter()
        self.unknown_fields: Counter[str] = Counter()


class Decoder:
    """Decodes the records of one member. Not shared between threads, `records` excepted."""

    def __init__(self, codec: Codec, topics: Topics) -> None:
        self._codec, self._topics = codec, topics
        self._parser = Parser()
        self._parse: dict[str, Callable[[bytes, Seen], Parsed]] = {
            topics.trade_updates: self._parser.frame,
            topics.order_snapshots: self._parser.snapshot,
            topics.fill_activities: parse_activity,
            topics.adjustments: parse_adjustment,
        }
        self._frames, self._holdings = topics.trade_updates, topics.account_snapshots
        self._sources = dict.fromkeys(topics.applied, "sweep") | {self._frames: "stream"}

    def decode_run(self, topic: str, partition: int, topic_id: str, messages: list[Message], into: Decoded) -> None:
        """Add what consecutive records of one partition say to `into`: usual frames by the short way."""
        usual_record, usual_frame = self._codec.usual, self._parser.usual_frame
        observe, accounts = into.fold.observe, into.accounts
        quick = topic == self._frames
        for message in messages:
            known_at_ms = message.timestamp()[1]
            payload = message.value()
            if quick and 0 <= known_at_ms <= LAST_MS:
                found = usual_record(topic, payload)
                if found is not None:
                    account_id, raw = found
                    observation = usual_frame(raw, account_id, topic, partition, message.offset() or 0, known_at_ms)
                    if observation is not None:
                        accounts.add(account_id)
                        observe(observation)
                        continue
            place = Place(topic, partition, message.offset() or 0)
            record = self.decode(place, topic_id, message.key(), payload, known_at_ms, into)
            if record is not None:
                into.fold.add(record.parsed, record.known_at_ms)

    def records(self, runs: Iterable[tuple[str, int, str, list[Message]]]) -> list[Record]:
        """All records of runs (topic, partition, topic id, messages) that say anything, by the long way.

        The one call that may come from another thread: it parses by itself.
        """
        decoder = Decoder(self._codec, self._topics)
        found = [
            decoder.decode(
                Place(topic, partition, message.offset() or 0),
                topic_id,
                message.key(),
                message.value(),
                message.timestamp()[1],
                Decoded(),
            )
            for topic, partition, topic_id, messages in runs
            for message in messages
        ]
        return [record for record in found if record is not None]

    def decode(
        self, place: Place, topic_id: str, key: bytes | None, payload: bytes | None, known_at_ms: int, into: Decoded
    ) -> Record | None:
        """The record, if it says anything of an order.

        Counts, dead letters and what is held go to `into`; its fold is left alone.
        """
        topic = place.topic
        known_at_ms = plausible_ms(known_at_ms)
        try:
            account_id, raw, received_at_ns = self._unpack(topic, payload)
            seen = Seen(account_id, self._sources[topic], received_at_ns, *place, known_at_ms)
            if topic == self._holdings:
                into.holdings.append(parse_holding(raw, seen, plausible_ms(received_at_ns // 1_000_000)))
                parsed = Parsed("account", "", (), (), ())  # no statement about an order
            else:
                parsed = self._parse[topic](raw, seen)
        except (DecodeError, WireError) as error:
            into.dead_letters.append(_dead_letter(place, topic_id, key, payload, known_at_ms, error))
            return None
        into.accounts.add(account_id)
        if not parsed.observations and not parsed.evidence:
            into.no_statement[parsed.kind] += 1
            return None
        if parsed.kind == "update" and parsed.event not in EVENTS:
            into.unknown_events[parsed.event] += 1
        if parsed.unknown_fields:
            into.unknown_fields.update(parsed.unknown_fields)
        if parsed.observations:
            status = parsed.observations[0].status
            if status is not None and status not in STATUSES:
                into.unknown_statuses[status] += 1
        return Record(place, parsed, known_at_ms, key, payload or b"", account_id, topic_id)

    def _unpack(self, topic: str, payload: bytes | None) -> tuple[str, bytes, int]:
        """Account id, raw bytes and ns of receipt, which means something for snapshots only. Raises DecodeError."""
        found = self._codec.usual(topic, payload) if topic == self._frames else None
        if found is not None:
            return (*found, 0)
        envelope = self._codec.decode(topic, payload)
        return envelope.account_id, envelope.raw, envelope.received_at_ns


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
