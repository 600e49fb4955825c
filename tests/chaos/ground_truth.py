"""The ground truth, kept in a schema of its own beside our tables, so that neither side has to fit into memory.

It has two parts: the broker's books at the end, as the generator tells them, and each frame as it was put into the log,
with its place there. Frames are read here by a plain JSON decoder and the names of their fields: none of the program's
own parsing, merging or fill accounting is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
from psycopg import sql

from stream_reconcile.core.observation import ORDER_COLUMNS
from stream_reconcile.simulator.truth import Truth
from stream_reconcile.simulator.values import parse_time
from stream_reconcile.store.batch import Place
from stream_reconcile.store.queries import parse

QUERIES: Final = parse((Path(__file__).parent / "ground_truth.sql").read_text(encoding="utf-8"), "ground_truth.sql")

EVENT_COLUMNS: Final = (
    "source", "event", "event_at", "execution_id", "event_qty", "event_price", "position_qty", *ORDER_COLUMNS,
    "parent_order_id", "ratio_qty", "extra", "updated_at_ns",
)  # fmt: skip
"""What an observation says, by the names of the columns of `order_events`."""

_PLACE_COLUMNS: Final = ("account_id", "topic", "partition", "offset", "known_at")
_ORDER_COLUMNS: Final = ("position", "alpaca_order_id", "qty", "filled_qty", "body")
_EXECUTION_COLUMNS: Final = ("order_position", "number", "body")
_STATED_COLUMNS: Final = (
    "kind", "alpaca_order_id", "evidence_id", "previous_id", "at", "account_id", "topic", "partition", "offset",
)  # fmt: skip
_ROWS_AT_ONCE: Final = 2_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FILLS: Final = frozenset({"fill", "partial_fill"})

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


class GroundTruth:
    """Takes the truth while the log is written: `add` for the end of each order, `told` for each record of the log.

    The schema `ground_truth` must not be there yet; `connection` (autocommit) sees our tables first. Call `finish`
    when all is told.
    """

    def __init__(self, connection: psycopg.Connection[Any], account_id: str) -> None:
        self._connection = connection
        self._account_id = account_id
        self._orders = 0
        connection.execute(QUERIES["create"])
        columns = sql.SQL(", ").join(map(sql.Identifier, ("alpaca_order_id", *EVENT_COLUMNS, *_PLACE_COLUMNS)))
        connection.execute(
            sql.SQL(
                "CREATE UNLOGGED TABLE ground_truth.said AS SELECT {}, NULL::bytea AS identity FROM order_events"
                " WHERE false"
            ).format(columns)
        )
        said = ("alpaca_order_id", *EVENT_COLUMNS, *_PLACE_COLUMNS, "identity")
        self._said = _Bulk(connection, "said", said)
        self._stated = _Bulk(connection, "stated", _STATED_COLUMNS)
        self._books = _Bulk(connection, "orders", _ORDER_COLUMNS)
        self._executions = _Bulk(connection, "executions", _EXECUTION_COLUMNS)

    def add(self, truth: Truth) -> None:
        """The end of one order (`TruthSink`)."""
        order = truth.order_object() | {"parent_order_id": truth.parent_id}
        body = _encode(order).decode()
        self._books.add((self._orders, truth.order_id, order["qty"], order["filled_qty"], body))
        for number, execution in enumerate(_executions_of(truth)):
            self._executions.add((self._orders, number, _encode(execution).decode()))
        self._orders += 1

    def told(self, raw: bytes, place: Place, known_at_ms: int) -> None:
        """A frame stands in the log, at this place, under this Kafka timestamp; a repeated one is told again."""
        data = _decode(raw)["data"]
        known_at = _EPOCH + timedelta(milliseconds=known_at_ms)
        for order_id, said in _observations(data):
            identity = hashlib.blake2b(_encode(said), digest_size=16).digest()
            self._said.add((order_id, *said, self._account_id, *place, known_at, identity))
        for statement in _statements(data):
            self._stated.add((*statement, self._account_id, *place))

    def finish(self) -> None:
        """All is told."""
        for bulk in (self._said, self._stated, self._books, self._executions):
            bulk.flush()
        self._connection.execute(QUERIES["finish"])


class Counts(NamedTuple):
    """How much the broker has told."""

    orders: int
    frames: int
    """Distinct ones."""
    events: int
    """The frames, and what some of them say of each leg."""


class StoredTruth:
    """The books as `verdict.compare` reads them, a page at a time. `connection` has to be in a transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._numbers = count()

    def counts(self) -> Counts:
        row = self._connection.execute(QUERIES["counts"]).fetchone()
        assert row is not None
        return Counts(*row)

    def orders(self) -> Iterator[dict[str, Any]]:
        """Every order as REST gives it, with `parent_order_id`."""
        return self._bodies("orders")

    def executions(self) -> Iterator[dict[str, Any]]:
        """Every execution of every order, in the order of the orders."""
        return self._bodies("executions")

    def _bodies(self, query: str) -> Iterator[dict[str, Any]]:
        with self._connection.cursor(f"true_{query}_{next(self._numbers)}") as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            for (body,) in cursor.execute(QUERIES[query]):
                yield _decode(body)


class _Bulk:
    """Rows of one table, copied many at once."""

    def __init__(self, connection: psycopg.Connection[Any], table: str, columns: Sequence[str]) -> None:
        self._connection = connection
        self._copy = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier("ground_truth", table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        self._rows: list[tuple[Any, ...]] = []

    def add(self, row: tuple[Any, ...]) -> None:
        self._rows.append(row)
        if len(self._rows) >= _ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        with self._connection.cursor() as cursor, cursor.copy(self._copy) as copy:
            for row in self._rows:
                copy.write_row(row)
        self._rows.clear()


def _observations(data: dict[str, Any]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """What a frame says of its order, and of each leg within: order id, and values of `EVENT_COLUMNS`."""
    order, at = data["order"], data["timestamp"]
    happened = (data.get("execution_id"), data.get("qty"), data.get("price"), data.get("position_qty"))
    yield (
        order["id"],
        ("stream", data["event"], at, *happened, *_order_values(order), None, None, None, _version(order)),
    )
    for leg in order["legs"] or ():
        within = (order["id"], leg["ratio_qty"], None, _version(leg))
        yield leg["id"], ("stream", "leg", at, None, None, None, None, *_order_values(leg), *within)


def _order_values(order: dict[str, Any]) -> list[Any]:
    return [order.get(name) for name in ORDER_COLUMNS]


def _version(order: dict[str, Any]) -> int:
    return parse_time(order["updated_at"])


def _statements(data: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Executions that a frame tells of or takes back: kind, order, its id, the execution it is about, time."""
    event, order_id, at = data["event"], data["order"]["id"], data["timestamp"]
    previous = data.get("previous_execution_id")
    if event == "trade_bust":
        yield "bust", order_id, previous, previous, at
    elif event == "trade_correct":
        yield "correction", order_id, data["execution_id"], previous, at
    elif event in _FILLS and "legs" in data:
        for leg in data["legs"]:
            yield "leg", leg["order_id"], leg["execution_id"], None, leg["timestamp"]
    elif event in _FILLS:
        yield "frame", order_id, data["execution_id"], None, at


def _executions_of(truth: Truth) -> Iterator[dict[str, Any]]:
    """Executions of an order as the simulator's own API tells them."""
    corrected = {each.reversed_by: each.fill.execution_id for each in truth.reversals if each.state == "corrected"}
    states = [(fill, "real") for fill in truth.fills] + [(each.fill, each.state) for each in truth.reversals]
    for fill, state in states:
        corrects = corrected.get(fill.execution_id)
        entry = "trade" if corrects is None else "correction"
        yield fill._asdict() | {"state": state, "corrects": corrects, "entry": entry}
