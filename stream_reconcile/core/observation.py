"""What one record of the log says about one order, as a frozen value.

`line` is the observation in canonical text: its content (the fields of `CONTENT_COLUMNS`), then its identity, rank,
version and place (`LINE_COLUMNS`), joined by tabs, `\\N` for null: just what Postgres takes by COPY. The parser makes
it once, and it is used three times: to tell two observations apart, to store the history, to store the row. Times and
decimals stay the broker's own characters (I7).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from stream_reconcile.core.evidence import Evidence
from stream_reconcile.core.timestamps import ms_text

NUMBERS: Final = (
    "qty", "notional", "filled_qty", "filled_avg_price", "limit_price", "stop_price", "trail_price", "trail_percent",
    "hwm",
)  # fmt: skip
TIMES: Final = (
    "created_at", "updated_at", "submitted_at", "filled_at", "canceled_at", "expired_at", "failed_at", "replaced_at",
    "cancel_requested_at", "expires_at",
)  # fmt: skip
TEXTS: Final = (
    "client_order_id", "symbol", "asset_id", "asset_class", "side", "position_intent", "order_type", "order_class",
    "time_in_force", "status", "replaces", "replaced_by",
)  # fmt: skip
ORDER_COLUMNS: Final = (*NUMBERS, *TIMES, *TEXTS, "extended_hours")
EVENT_COLUMNS: Final = ("account_id", "alpaca_order_id", "source", "event", "execution_id")
EVENT_NUMBERS: Final = ("event_at", "event_qty", "event_price", "position_qty")
CONTENT_COLUMNS: Final = (*EVENT_COLUMNS, *EVENT_NUMBERS, *ORDER_COLUMNS, "parent_order_id", "ratio_qty", "extra")
LINE_COLUMNS: Final = (
    *CONTENT_COLUMNS, "event_key", "status_rank", "updated_at_ns", "snapshot_ns", "stated", "topic", "partition",
    "offset", "known_at",
)  # fmt: skip
_FIRST_ORDER_COLUMN: Final = len(EVENT_COLUMNS) + len(EVENT_NUMBERS)
FILL_COLUMNS: Final = (
    "account_id", "alpaca_order_id", "fill_key", "execution_id", "symbol", "side", "qty", "price", "transacted_at",
    "entry", "source", "topic", "partition", "offset",
)  # fmt: skip
_PLACED: Final = len(LINE_COLUMNS) - len(CONTENT_COLUMNS)
_SYMBOL, _SIDE = CONTENT_COLUMNS.index("symbol"), CONTENT_COLUMNS.index("side")
ALL_STATED: Final = (1 << len(ORDER_COLUMNS)) - 1
NULL: Final = "\\N"


class Seen(NamedTuple):
    """Where and when a record was seen."""

    account_id: str
    source: str
    """`stream` or `sweep`."""
    received_at_ns: int
    topic: str
    partition: int
    offset: int
    known_at_ms: int
    """Kafka timestamp of the record, milliseconds since the epoch: what the broker had said by then."""


class Observation(NamedTuple):
    """One order as one record states it."""

    order_id: str
    account_id: str
    version_ns: int
    """`updated_at`, else the event's timestamp, else `submitted_at`, else 0: nanoseconds since the epoch."""
    filled_qty: str | None
    status_rank: int
    snapshot_ns: int
    """When a snapshot was received, nanoseconds since the epoch; 0 for a frame, so that a snapshot ranks above."""
    topic: str
    partition: int
    offset: int
    known_at_ms: int
    line: str
    """The fields of `LINE_COLUMNS` in canonical text."""
    stated: int
    """Bit i set: field i of `ORDER_COLUMNS` is in the record, be it null. Absent is not null (I2)."""
    source: str
    event: str
    """The frame's event; `snapshot` for a REST read, `leg` for a leg inside its parent's frame."""
    execution_id: str | None
    fill: str | None
    """Of an execution of this very order (fill or partial_fill with id, quantity and price): the fields of
    `FILL_COLUMNS` in canonical text."""
    event_key: str
    """32 hex digits: identity of the observation: digest of `content`, with what it states."""
    status: str | None
    parent_order_id: str | None
    """Stated only where the order was read inside its parent."""
    ratio_qty: str | None

    @property
    def is_fill(self) -> bool:
        """An execution of this very order."""
        return self.fill is not None

    @property
    def content(self) -> str:
        """The fields of `CONTENT_COLUMNS` in canonical text."""
        return self.line.rsplit("\t", _PLACED)[0]

    @property
    def columns(self) -> list[str]:
        """Canonical text of each of `ORDER_COLUMNS`."""
        return self.content.split("\t")[_FIRST_ORDER_COLUMN:-3]

    @property
    def execution(self) -> list[str]:
        """Canonical text of time, quantity, price and position after (`EVENT_NUMBERS`)."""
        return self.line.split("\t", _FIRST_ORDER_COLUMN)[len(EVENT_COLUMNS) : _FIRST_ORDER_COLUMN]

    def received_again(self, snapshot_ns: int) -> Observation:
        """The same, a snapshot that was received at another time too."""
        event_key, version_ns, known_at_ms = self.event_key, self.version_ns, self.known_at_ms
        place = (self.topic, self.partition, self.offset)
        line = line_of(
            self.content, event_key, self.status_rank, version_ns, snapshot_ns, self.stated, *place, known_at_ms
        )
        return self._replace(snapshot_ns=snapshot_ns, line=line)


def fill_of(content: str, topic: str, partition: int, offset: int) -> str:
    """The fields of `FILL_COLUMNS` of an execution, from its content."""
    fields = content.split("\t", _SIDE + 1)
    account_id, order_id, _source, _event, execution_id, at, qty, price = fields[:8]
    symbol, side = ("" if text == NULL else text for text in (fields[_SYMBOL], fields[_SIDE]))
    return (
        f"{account_id}\t{order_id}\tx:{execution_id}\t{execution_id}\t{symbol}\t{side}\t{qty.lstrip('-')}\t{price}\t{at}"
        f"\ttrade\tstream\t{topic}\t{partition}\t{offset}"
    )


def line_of(
    content: str,
    event_key: str,
    status_rank: int,
    version_ns: int,
    snapshot_ns: int,
    stated: int,
    topic: str,
    partition: int,
    offset: int,
    known_at_ms: int,
) -> str:
    """The fields of `LINE_COLUMNS` in canonical text."""
    return (
        f"{content}\t{event_key}\t{status_rank}\t{version_ns}\t{snapshot_ns}\t{stated}\t{topic}\t{partition}\t{offset}"
        f"\t{ms_text(known_at_ms)}"
    )


class Parsed(NamedTuple):
    """What one record says."""

    kind: str
    """`update`, `snapshot`, `activity`, `adjustment`; or what is no statement about an order: `ack`, `error`,
    `heartbeat`, `null_data`, `other_stream`."""
    event: str
    observations: tuple[Observation, ...]
    evidence: tuple[Evidence, ...]
    """Statements about executions beyond plain fill frames: values of `core.evidence`."""
    unknown_fields: tuple[str, ...]
