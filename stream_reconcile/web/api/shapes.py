"""What answers look like, as pydantic models: from them come both the JSON and the OpenAPI document.

Rows of the database keep their names; numbers of the broker become texts, since a float would not be exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema, create_model

from stream_reconcile.core.lag_state import LagState
from stream_reconcile.store import browse_rows, readers
from stream_reconcile.store.discrepancies_by_hand import ClosableDiscrepancy

Exact = Annotated[
    Decimal,
    PlainSerializer(lambda number: format(number, "f"), return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}),
]
"""A number to its last digit, as text."""

_Item = TypeVar("_Item")


class Shape(BaseModel):
    """Base of all."""

    # What checks and writes a shape is made when it is first asked for: not for the start of a program.
    model_config = ConfigDict(extra="forbid", defer_build=True)


class Told(Shape):
    """Base of those that are written out here, with a text below a field.

    Not of those that are made at run time: they have no source, and pydantic would look for it through all modules.
    """

    model_config = ConfigDict(use_attribute_docstrings=True)


def row_shape(row: type, name: str | None = None, **more: Any) -> type[Shape]:
    """The shape of a row's dataclass; `more`: fields that are added, each as pydantic's create_model takes it."""
    hints = get_type_hints(row)
    declared: dict[str, Any] = {one.name: (_shown(hints[one.name]), ...) for one in fields(row)} | more
    return create_model(name or row.__name__, __base__=Shape, __doc__=row.__doc__, **declared)


def _shown(hint: Any) -> Any:
    if hint is Decimal:
        return Exact
    if get_origin(hint) in (Union, UnionType):
        return Union[tuple(_shown(one) for one in get_args(hint))]  # noqa: UP007 - of a tuple that is made here
    return dict[str, Any] if get_origin(hint) is Mapping else hint


class Page(Shape, Generic[_Item]):
    """Part of a list."""

    items: list[_Item]
    next: str | None = Field(description="The parameter `cursor` of the part that follows; null: this is the last.")


class Problem(Told):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


class Lease(Told):
    """Who may run a job of the account."""

    job: Literal["ingest", "sweep"]
    owner: str
    held: bool
    """Not expired, by the database's clock."""
    expires_at: datetime


class Session(Told):
    """The newest websocket session."""

    session_id: str
    opened_at: datetime
    listening_at: datetime | None
    closed_at: datetime | None
    """null: open, or its process died."""
    close_reason: str | None
    good_until: datetime | None
    """Broker time of the newest frame that is in Kafka with all before it."""
    frames: int


class Gap(Told):
    """A time in which frames may be missing, and that no sweep has covered yet."""

    window_start: datetime
    window_end: datetime | None
    reason: str


class Agreement(Told):
    """Until when the rows are proven equal to the broker."""

    scope: Literal["hot", "deep", "full"]
    proven_equal_at: datetime | None
    blocked_by: list[str]
    """Type and subject of what is open and blocks a newer proof."""


class AccountStatus(Told):
    """One account."""

    account_id: str
    pinned_at: datetime
    leases: list[Lease]
    session: Session | None
    open_gaps: list[Gap]
    agreement: list[Agreement]


class LagSummary(Told):
    """How far apply is behind, over all partitions."""

    group: str
    records: int
    seconds: float | None
    """Age of the oldest record that is not applied; null: not known."""
    partitions: dict[str, int]
    """How many are in which state."""


class ServerNames(Told):
    """Where data are kept, without secrets."""

    embedded: bool
    kafka: str
    kafka_error: str | None
    postgres: str
    schema_: str = Field(alias="schema")


class OpenCount(Told):
    """How many discrepancies of a type are open in an account."""

    account_id: str
    type: str
    count: int
    blocks_proof: bool


class Status(Told):
    """What `stream-reconcile status --json` says (docs/json/status.schema.json)."""

    bad_news: list[str]
    """What somebody should look at, a sentence each; empty: all is well."""
    servers: ServerNames
    accounts: list[AccountStatus]
    lag: LagSummary | None
    open_discrepancies: list[OpenCount]
    open_dead_letters: int


class PartitionLag(Told):
    """One partition. Offsets are -1 where there is none."""

    topic: str
    partition: int
    next_offset: int
    end_offset: int
    lag: int
    lag_seconds: float | None
    state: LagState


class Lag(Told):
    """What `stream-reconcile lag --json` says (docs/json/lag.schema.json)."""

    group: str
    partitions: list[PartitionLag]


Discrepancy = row_shape(
    ClosableDiscrepancy,
    "Discrepancy",
    blocks_proof=(bool, Field(description="It is open, and while it is nothing it touches is proved.")),
    means=(str | None, Field(description="What it means; null: a newer version wrote it.")),
    advice=(str | None, Field(description="What to do about it.")),
    closes=(str | None, Field(description="What closes it: self, person, or either.")),
)
DeadLetter = row_shape(
    readers.DeadLetter, letter=(str, Field(description="Its name for commands: topic:partition:offset."))
)
Cursor = row_shape(
    readers.Cursor,
    end_offset=(int | None, Field(description="Where the log ends; null: not read lately.")),
    oldest_offset=(int | None, Field(description="Where the log begins.")),
    lag=(int | None, Field(description="Records that are not applied yet.")),
    lag_seconds=(float | None, Field(description="Age of the oldest of them.")),
    state=(LagState | None, Field(description="As `stream-reconcile lag` says it.")),
    rewound=(int | None, Field(description="Records that a rewind has set to be applied again, and that are not yet.")),
)
Execution = row_shape(browse_rows.Execution)
Fill = row_shape(browse_rows.Fill)
Position = row_shape(browse_rows.Position)
Sweep = row_shape(browse_rows.Sweep)
Action = row_shape(browse_rows.Action)
ExecutionRow = row_shape(browse_rows.ExecutionRow)
OrderEvent = row_shape(browse_rows.OrderEvent)
Intent = row_shape(browse_rows.Intent)


CURSORS = Page[Cursor]  # type: ignore[valid-type]  # made at run time, as the others
ExecutionStory = create_model(
    "ExecutionStory",
    __base__=Shape,
    __doc__="One order, and all that is known of it.",
    execution=(ExecutionRow, ...),
    events=(list[OrderEvent], Field(description="What was said of it, in the order of the broker's versions.")),  # type: ignore[valid-type]
    more_events=(bool, Field(description="There are more than are given.")),
    fills=(list[Fill], Field(description="Its executions, the newest first.")),  # type: ignore[valid-type]
    more_fills=(bool, Field(description="There are more than are given.")),
    intent=(Intent | None, Field(description="The decision that it comes from.")),  # type: ignore[arg-type]
    why=(dict[str, Any] | None, Field(description="What made the row: the function why (docs/database.md).")),
    discrepancies=(list[Discrepancy], Field(description="What is or was found about it.")),  # type: ignore[valid-type]
)
