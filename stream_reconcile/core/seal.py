"""Sealed checkpoints: what the rows were at a place of the log, vouched for by hash, each by the next.

A checkpoint says: applying the log up to `offsets` gave these rows (a digest of each derived table), out of these
records (a digest of each stretch of the log since the checkpoint before), when the broker had said this. Its hash
covers all of that and the hash before, so that a checkpoint that is altered, left out or put in later shows.

Pure. Digests are SHA-256 in hex.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple

FIRST: Final = "0" * 64
"""What stands for the hash before the first checkpoint."""
FORMAT: Final = 1
_MODULUS: Final = 1 << 256


class TableSeal(NamedTuple):
    """Rows of one table. `columns`: those that count, in order; a later version of the program may have more."""

    columns: list[str]
    rows: int
    digest: str


class StretchSeal(NamedTuple):
    """Records of one partition from `first` up to, and not including, `next`. `topic_id`: Kafka's id of the topic."""

    first: int
    next: int
    topic_id: str
    digest: str


class BrokerSeal(NamedTuple):
    """What a sweep read: how many orders, and the sum of the digests of their bytes as they came."""

    orders: int
    digest: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint of one account. `seq` counts from 1. Times are RFC 3339 text, UTC."""

    account_id: str
    seq: int
    previous: str
    sweep_id: str
    kind: str
    proven_equal_at: str
    sealed_at: str
    program: str
    """Version of the program, and of the schema."""
    tables: dict[str, TableSeal]
    log: dict[str, StretchSeal]
    """By `topic:partition`."""
    broker: BrokerSeal
    open_dead_letters: int

    def content(self) -> str:
        """The text that the hash covers: JSON, keys sorted, no spaces."""
        return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True, separators=(",", ":"))

    @property
    def hash(self) -> str:
        """What the next one holds as `previous`."""
        return sha256(self.content().encode()).hexdigest()

    @property
    def offsets(self) -> dict[str, int]:
        """How far the log had been applied, by `topic:partition`."""
        return {place: stretch.next for place, stretch in self.log.items()}


def from_content(content: str) -> Checkpoint:
    """A checkpoint from its text. Raises ValueError where it is none of ours."""
    try:
        value = json.loads(content)
        if value.pop("format") != FORMAT:
            raise ValueError
        value["tables"] = {name: TableSeal(*_listed(seal, TableSeal)) for name, seal in value["tables"].items()}
        value["log"] = {place: StretchSeal(*_listed(seal, StretchSeal)) for place, seal in value["log"].items()}
        value["broker"] = BrokerSeal(*_listed(value["broker"], BrokerSeal))
        return Checkpoint(**value)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError("it is no checkpoint of a format that this version knows") from None


def _listed(value: Any, kind: Any) -> Sequence[Any]:
    """JSON has the values of a tuple as a list."""
    if not isinstance(value, list) or len(value) != len(kind._fields):
        raise ValueError
    return value


class BrokerSum:
    """Adds up what a sweep reads, in any order; memory is flat."""

    def __init__(self) -> None:
        self._orders = self._sum = 0

    def add(self, raw: bytes) -> None:
        """One order, as it came."""
        self._orders += 1
        self._sum = (self._sum + int.from_bytes(sha256(raw).digest(), "big")) % _MODULUS

    def seal(self) -> BrokerSeal:
        """What was added."""
        return BrokerSeal(self._orders, f"{self._sum:064x}")


class LogSum:
    """The digest of consecutive records of a partition: all that Kafka keeps of each."""

    def __init__(self) -> None:
        self._hash = sha256()

    def add(self, offset: int, timestamp_ms: int, key: bytes | None, value: bytes | None) -> None:
        """The next record. Absent differs from empty."""
        self._hash.update(b"%d %d %d %d\n" % (offset, timestamp_ms, _length(key), _length(value)))
        self._hash.update(key or b"")
        self._hash.update(value or b"")

    def digest(self) -> str:
        """Of what was added."""
        return self._hash.hexdigest()


def _length(data: bytes | None) -> int:
    return -1 if data is None else len(data)


def table_digest(buckets: Mapping[int, bytes]) -> str:
    """A table's digest from those of its buckets of keys."""
    summed = sha256()
    for bucket, digest in sorted(buckets.items()):
        summed.update(b"%d " % bucket + digest)
    return summed.hexdigest()


class Break(NamedTuple):
    """Where a chain does not hold."""

    seq: int
    why: str


def breaks(chain: Iterable[tuple[Checkpoint, str]], *, first: int | None = None) -> list[Break]:
    """What is wrong with checkpoints of one account, given in order with the hash that was stored of each.

    `first`: number of the first, where those before are not at hand.
    """
    found: list[Break] = []
    before: Checkpoint | None = None
    stored_before = FIRST
    for checkpoint, stored in chain:
        expected = (first or 1) if before is None else before.seq + 1
        if checkpoint.seq != expected:
            found.append(Break(expected, f"it is missing: {checkpoint.seq} comes next"))
        elif before is None and expected > 1:
            pass  # what it follows on is not at hand
        elif checkpoint.previous != stored_before:
            found.append(Break(checkpoint.seq, "it does not follow on the one before: one of the two was altered"))
        if checkpoint.hash != stored:
            found.append(Break(checkpoint.seq, "it was altered: its hash is not that of its content"))
        if before is not None and checkpoint.seq == before.seq + 1:
            found += [Break(checkpoint.seq, why) for why in _gaps(before, checkpoint)]
        before, stored_before = checkpoint, stored
    return found


def _gaps(before: Checkpoint, checkpoint: Checkpoint) -> list[str]:
    """Stretches must follow on each other, unless the topic was made anew."""
    return [
        f"its stretch of {place} begins at {stretch.first}, and the one before ends at {known.next}"
        for place, stretch in checkpoint.log.items()
        if (known := before.log.get(place)) and known.topic_id == stretch.topic_id and known.next != stretch.first
    ]
