"""Are the tables equal to the broker? `executions` and `fills` against a ground truth, order by order.

Compared are decimals by value, texts by character, the version of each row in nanoseconds, other times in the
microseconds that Postgres keeps. The truth is read in pages, each with the rows of its orders, so memory does not grow
with the books.

What only REST tells (`_TOLD_BY_REST`) may be missing in a row that was made of frames; what is there has to be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol

import psycopg
from psycopg.rows import dict_row

from stream_reconcile.core.observation import NUMBERS, TEXTS, TIMES
from stream_reconcile.core.timestamps import parse_ns
from stream_reconcile.store.queries import load

Row = Mapping[str, Any]

MOST_LISTED: Final = 100
"""Differences are all counted; so many are listed."""

_PAGE: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FILE: Final = "verdict.sql"

# REST does not have the time at which a cancel was asked for.
_ORDER_TIMES: Final = tuple(name for name in TIMES if name != "cancel_requested_at")
_TOLD_BY_REST: Final = {
    # Frames of multi-leg orders leave these out, of the order and of its legs.
    "mleg": frozenset({"position_intent", "expires_at"}),
    # Legs of these come as orders of their own, with nothing in their frames that names the parent.
    "bracket": frozenset({"parent_order_id"}),
    "oco": frozenset({"parent_order_id"}),
    "oto": frozenset({"parent_order_id"}),
}
# The asset of a multi-leg order, which has none: frames say the second, REST the first.
_NO_ASSET: Final = ("", "00000000-0000-0000-0000-000000000000")


class GroundTruth(Protocol):
    """What a broker's books hold, oldest order first; `simulator.client.Control` is one."""

    def orders(self) -> Iterator[dict[str, Any]]:
        """Every order as REST gives it, with `parent_order_id`."""

    def executions(self) -> Iterator[dict[str, Any]]:
        """Every execution of every order, in the order of the orders; `state` says whether it still counts."""


class Difference(NamedTuple):
    """One value that is not as it should be. Column `row`: a row that one side lacks, with None on that side."""

    table: str
    order_id: str
    fill_key: str
    """Empty for a row of `executions`."""
    column: str
    ours: str | None
    truth: str | None


class Verdict(NamedTuple):
    """What a comparison found. `orders` and `fills` count the truth's, reversals of busts and corrections not."""

    orders: int
    fills: int
    differing: int
    differences: tuple[Difference, ...]
    """The first `MOST_LISTED` of them."""

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differing


class Rows(NamedTuple):
    """How many rows there are in each table."""

    executions: int
    fills: int


class Agreement(NamedTuple):
    """Orders of moving books and their rows. Those `under_way` differ in version: nothing can be said of them now."""

    equal: int
    under_way: int
    different: int


def compare(
    connection: psycopg.Connection, account_id: str, truth: GroundTruth, *, lost_frames: bool = False
) -> Verdict:
    """Compare all of the account's rows with books that stand still.

    `lost_frames`: some were never seen by anybody. The row of an execution's FILL activity stands for its frame then,
    and an execution that was taken back before anything told of it may have no row at all. What stood for late ones,
    and is reversed, counts no more.
    """
    comparison = Comparison(connection, account_id, lost_frames=lost_frames)
    orders = iter(truth.orders())
    executions = ByOrder(truth.executions())
    while page := list(islice(orders, _PAGE)):
        comparison.add(page, executions)
    if comparison.rows != comparison.rows_seen:
        comparison.found.add(_of_unknown_orders(connection, account_id, truth))
    return comparison.verdict


class Comparison:
    """The same page by page, for books that go on and forget: what is compared should have come to rest."""

    def __init__(self, connection: psycopg.Connection, account_id: str, *, lost_frames: bool = False) -> None:
        self._connection, self._account_id, self._lost_frames = connection, account_id, lost_frames
        self._orders = self._real_fills = 0
        self.found = _Found()
        self.rows_seen = Rows(0, 0)
        """Rows of the orders that were compared."""

    def add(self, orders: Sequence[dict[str, Any]], executions: ByOrder) -> None:
        """Compare these orders; it is the turn of theirs among the executions."""
        ids = [order["id"] for order in orders]
        rows = _read_orders(self._connection, self._account_id, ids)
        fills = _read_fills(self._connection, self._account_id, ids)
        for order in orders:
            self.found.add(order_differences(order, rows.get(order["id"])))
            own = executions.of(order["id"])
            self._real_fills += sum(execution["state"] == "real" for execution in own)
            ours = fills.get(order["id"], {})
            self.found.add(fill_differences(order["id"], own, ours, lost_frames=self._lost_frames))
        self._orders += len(ids)
        seen = self.rows_seen
        self.rows_seen = Rows(seen.executions + len(rows), seen.fills + sum(map(len, fills.values())))

    @property
    def rows(self) -> Rows:
        """All rows that the account has by now."""
        (counts,) = _select(self._connection, "row_counts", account_id=self._account_id)
        return Rows(**counts)

    @property
    def verdict(self) -> Verdict:
        """Of all that was compared so far."""
        return Verdict(self._orders, self._real_fills, self.found.count, tuple(self.found.listed))


def agreement(connection: psycopg.Connection, account_id: str, orders: Iterable[dict[str, Any]]) -> Agreement:
    """Compare orders of moving books, fills aside, with their rows."""
    listed = list(orders)
    rows = _read_orders(connection, account_id, [order["id"] for order in listed])
    equal = under_way = different = 0
    for order in listed:
        row = rows.get(order["id"])
        if row is None or row["updated_at_ns"] != parse_ns(order["updated_at"]):
            under_way += 1
        elif next(order_differences(order, row), None) is None:
            equal += 1
        else:
            different += 1
    return Agreement(equal, under_way, different)


def _read_orders(connection: psycopg.Connection, account_id: str, order_ids: list[str]) -> dict[str, Row]:
    rows = _select(connection, "orders_by_id", account_id=account_id, order_ids=order_ids)
    return {row["alpaca_order_id"]: row for row in rows}


def order_differences(order: Row, row: Row | None) -> Iterator[Difference]:
    """Compare an order, as REST gives it, with its row."""
    order_id = order["id"]
    if row is None:
        yield Difference("executions", order_id, "", "row", None, order["status"])
        return
    multi_leg = order["order_class"] == "mleg"
    unstated = _TOLD_BY_REST.get(order["order_class"], frozenset()) if multi_leg or order["parent_order_id"] else ()
    yield from _differ("executions", order_id, "", "updated_at_ns", row, parse_ns(order["updated_at"]))
    for column in (*NUMBERS, "ratio_qty"):
        yield from _differ("executions", order_id, "", column, row, _decimal(order.get(column)))
    for column in _ORDER_TIMES:
        if not (column in unstated and row[column] is None):
            yield from _times_differ("executions", order_id, "", column, row, order.get(column))
    for column in (*TEXTS, "extended_hours", "parent_order_id"):
        if column in unstated and row[column] is None:
            continue
        if column == "asset_id" and multi_leg and row[column] in _NO_ASSET and order[column] in _NO_ASSET:
            continue
        yield from _differ("executions", order_id, "", column, row, order.get(column))


def fill_differences(
    order_id: str, executions: list[dict[str, Any]], fills: Mapping[str, Row], *, lost_frames: bool = False
) -> Iterator[Difference]:
    """Compare an order's executions with its rows in `fills`: one each, and a reversal of each that counts no more."""
    # What a sweep judged to be taken back counts no more, whatever it was.
    judged = {key for key in fills if lost_frames and key.startswith("a:") and f"r:{key}" in fills}
    activities = {key: row for key, row in fills.items() if lost_frames and key.startswith("a:") and key not in judged}
    expected: set[str] = set()
    for execution in executions:
        key, reversal, is_real = (
            f"x:{execution['execution_id']}",
            f"r:{execution['execution_id']}",
            execution["state"] == "real",
        )
        if lost_frames and key not in fills:
            if not is_real and reversal not in fills:
                continue
            if is_real and (stand_in := _activity_of(execution, activities)) is not None:
                expected.add(stand_in)
                row = activities.pop(stand_in)
                yield from _traded_differs(order_id, stand_in, row, execution, Decimal(execution["qty"]))
                continue
        expected.add(key)
        yield from _fill_differs(order_id, key, fills.get(key), execution, execution["entry"], execution["corrects"])
        if not is_real:
            expected.add(reversal)
            row_of = fills.get(reversal)
            yield from _fill_differs(order_id, reversal, row_of, execution, "reversal", execution["execution_id"])
    if lost_frames:
        for key in [key for key in fills if key.startswith("s:") and f"r:{key}" in fills]:
            expected |= {key, f"r:{key}"}
        expected |= judged | {f"r:{key}" for key in judged}
    for key, row in fills.items():
        if key not in expected:
            yield Difference("fills", order_id, key, "row", row["entry"], None)


def _activity_of(execution: dict[str, Any], activities: Mapping[str, Row]) -> str | None:
    """Key of the row that an activity of this execution may have made, nearest in time."""
    qty, price = Decimal(execution["qty"]), Decimal(execution["price"])
    at = parse_ns(execution["transacted_at"]) // 1000
    alike = [key for key, row in activities.items() if row["qty"] == qty and row["price"] == price]
    return min(alike, key=lambda key: (abs(_microseconds(activities[key]["transacted_at"]) - at), key), default=None)


def _fill_differs(
    order_id: str, key: str, row: Row | None, execution: dict[str, Any], entry: str, reverses: str | None
) -> Iterator[Difference]:
    if row is None:
        yield Difference("fills", order_id, key, "row", None, entry)
        return
    qty = Decimal(execution["qty"])
    for column, value in (
        ("entry", entry),
        ("reverses", None if reverses is None else f"x:{reverses}"),
        ("execution_id", execution["execution_id"]),
    ):
        yield from _differ("fills", order_id, key, column, row, value)
    yield from _traded_differs(order_id, key, row, execution, -qty if entry == "reversal" else qty)
    if entry != "reversal":  # the truth does not say when an execution was taken back
        yield from _times_differ("fills", order_id, key, "transacted_at", row, execution["transacted_at"])


def _traded_differs(order_id: str, key: str, row: Row, execution: dict[str, Any], qty: Decimal) -> Iterator[Difference]:
    for column, value in (
        ("symbol", execution["symbol"]),
        ("side", execution["side"]),
        ("qty", qty),
        ("price", Decimal(execution["price"])),
    ):
        yield from _differ("fills", order_id, key, column, row, value)


def _differ(table: str, order_id: str, key: str, column: str, row: Row, truth: object) -> Iterator[Difference]:
    ours = row[column]
    if ours != truth or (ours is None) != (truth is None):
        yield Difference(table, order_id, key, column, _shown(ours), _shown(truth))


def _times_differ(table: str, order_id: str, key: str, column: str, row: Row, text: str | None) -> Iterator[Difference]:
    ours = row[column]
    if ours is None and text is None:
        return
    if ours is None or text is None or _microseconds(ours) not in _kept(parse_ns(text)):
        yield Difference(table, order_id, key, column, _shown(ours), text)


def _of_unknown_orders(connection: psycopg.Connection, account_id: str, truth: GroundTruth) -> Iterator[Difference]:
    """Rows of orders that the broker does not have. Holds all order ids, so it is for when the counts say so."""
    known = {order["id"] for order in truth.orders()}
    for row in _select(connection, "order_ids", account_id=account_id):
        if row["alpaca_order_id"] not in known:
            yield Difference(row["table"], row["alpaca_order_id"], row["fill_key"], "row", row["value"], None)


def _read_fills(connection: psycopg.Connection, account_id: str, order_ids: list[str]) -> dict[str, dict[str, Row]]:
    fills: dict[str, dict[str, Row]] = {}
    for row in _select(connection, "fills_by_order", account_id=account_id, order_ids=order_ids):
        fills.setdefault(row["alpaca_order_id"], {})[row["fill_key"]] = row
    return fills


def _select(connection: psycopg.Connection, query: str, **parameters: object) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(load(_FILE)[query], parameters).fetchall()


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _kept(nanoseconds: int) -> tuple[int, int]:
    """What may become of a time in a column of microseconds: cut, or rounded."""
    return nanoseconds // 1000, (nanoseconds + 500) // 1000


def _shown(value: object) -> str | None:
    return None if value is None else value.isoformat() if isinstance(value, datetime) else str(value)


class _Found:
    """Counts all differences, keeps the first."""

    def __init__(self) -> None:
        self.count = 0
        self.listed: list[Difference] = []

    def add(self, differences: Iterable[Difference]) -> None:
        for difference in differences:
            self.count += 1
            if len(self.listed) < MOST_LISTED:
                self.listed.append(difference)


class ByOrder:
    """Executions in the order of their orders, handed out order by order."""

    def __init__(self, executions: Iterator[dict[str, Any]]) -> None:
        self._executions = executions
        self._next = next(executions, None)

    def of(self, order_id: str) -> list[dict[str, Any]]:
        """Those of the order whose turn it is."""
        taken = []
        while self._next is not None and self._next["order_id"] == order_id:
            taken.append(self._next)
            self._next = next(self._executions, None)
        return taken
