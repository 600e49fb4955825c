"""A log in memory: broker bytes at offsets of topics, parsed as apply does, to be written in any order and batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from stream_reconcile.core.observation import Parsed, Seen
from stream_reconcile.core.wire.executions import parse_activity, parse_adjustment
from stream_reconcile.core.wire.parse import Parser
from stream_reconcile.store.batch import Place, Record
from support.wire_data import ACCOUNT, ACTIVITIES, ADJUSTMENTS, SNAPSHOTS, UPDATES

KNOWN_AT_MS = 1_789_737_900_000
"""Kafka timestamp of the record at offset 0; one millisecond later for each offset."""
TOPIC_ID = "topic-id"


class LogRecords:
    """Builds records, each at the next offset of its topic (partition 0)."""

    def __init__(self, account_id: str = ACCOUNT) -> None:
        self.account_id = account_id
        self.records: list[Record] = []
        self._next: Counter[str] = Counter()
        parser = Parser()
        self._parse: dict[str, Callable[[bytes, Seen], Parsed]] = {
            UPDATES: parser.frame,
            SNAPSHOTS: parser.snapshot,
            ACTIVITIES: parse_activity,
            ADJUSTMENTS: parse_adjustment,
        }

    def add(self, topic: str, raw: bytes, *, received_at_ns: int = 0) -> Record:
        """Append one record. Raises WireError when the bytes can't be read."""
        offset = self._next[topic]
        self._next[topic] += 1
        known_at_ms = KNOWN_AT_MS + offset
        source = "stream" if topic == UPDATES else "sweep"
        seen = Seen(self.account_id, source, received_at_ns, topic, 0, offset, known_at_ms)
        parsed = self._parse[topic](raw, seen)
        place = Place(topic, 0, offset)
        record = Record(place, parsed, known_at_ms, None, raw, self.account_id, TOPIC_ID)
        self.records.append(record)
        return record

    def frame(self, raw: bytes) -> Record:
        """Append a websocket frame."""
        return self.add(UPDATES, raw)

    def snapshot(self, raw: bytes, *, received_at_ns: int) -> Record:
        """Append an order as REST gives it."""
        return self.add(SNAPSHOTS, raw, received_at_ns=received_at_ns)

    def activity(self, raw: bytes) -> Record:
        """Append an activity."""
        return self.add(ACTIVITIES, raw)

    def adjustment(self, raw: bytes) -> Record:
        """Append one of our own adjustments."""
        return self.add(ADJUSTMENTS, raw)
