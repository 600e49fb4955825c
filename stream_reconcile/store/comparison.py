"""The broker's words against the rows, in SQL: decimals and times are compared as what they are, not as they look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from stream_reconcile.core.lifecycle import STATUSES
from stream_reconcile.core.observation import Observation
from stream_reconcile.core.sweep.activities import Standing
from stream_reconcile.core.sweep.adjustments import Fill, Reversal
from stream_reconcile.core.sweep.compared import STUCK, Compared
from stream_reconcile.core.sweep.reversals import TooMuch
from stream_reconcile.core.sweep.sums import Sum
from stream_reconcile.store.queries import load

_STUCK: Final = sorted(STUCK)
TERMINAL: Final = [name for name, status in STATUSES.items() if status.terminal]


class OpenDecision(NamedTuple):
    """A decision that has no order yet."""

    decision_id: UUID
    client_order_id: str
    state: str
    submit_result: str | None
    submitted: bool
    due: bool
    """Past the absence grace."""


class OpenRow(NamedTuple):
    """An order that is open by our row."""

    order_id: str
    client_order_id: str | None
    due: bool
    """Past the absence grace."""


class Letter(NamedTuple):
    """A record that could not be read, and whose discrepancy (F2) is open."""

    account_id: str
    subject: str
    order_id: str | None
    """Order that it names, where that could be read."""
    known_at: datetime
    """Its Kafka timestamp."""
    recorded_at: datetime


class Short(NamedTuple):
    """An order of which executions are missing, as the broker states it."""

    order_id: str
    symbol: str
    side: str
    filled_qty: Decimal
    filled_avg_price: Decimal | None


class Comparer:
    """Reads on one connection in autocommit, whose temporary tables it uses. Raises psycopg.Error as it comes."""

    def __init__(self, connection: psycopg.Connection[Any], account_id: str) -> None:
        self._connection, self._account_id = connection, account_id
        self._sql = load("compare.sql")
        self._sums = load("apply.sql")["sums_of"]
        connection.execute(load("apply.sql")["create_observed"])

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Within it, several `ask_quiet` are under way at once."""
        with self._connection.pipeline():
            yield

    def ask_quiet(self, orders: Iterable[str], *, with_origins: bool) -> Callable[[], dict[str, tuple[Any, ...]]]:
        """Ask for those rows of these orders of which nothing is to be said but whether they are as the broker has
        them; what is given waits for the answer: `core.wire.unchanged.ROW_COLUMNS` by order id.

        `with_origins`: where an order comes from that no decision accounts for is to be said as well.
        """
        values = {
            "account_id": self._account_id,
            "orders": _array(orders),
            "with_origins": with_origins,
            "stuck": _STUCK,
        }
        cursor = self._connection.cursor(binary=True)
        cursor.execute(self._sql["quiet_rows"], values, prepare=True)

        def rows() -> dict[str, tuple[Any, ...]]:
            try:
                return {row[0]: row for row in cursor.fetchall()}
            except psycopg.DataError:
                return {}  # a time that Python does not know, such as infinity: nothing that the broker says

        return rows

    def compare(self, observations: Sequence[Observation]) -> list[Compared]:
        """One for each, in their order."""
        if not observations:
            return []
        with self._connection.transaction(), self._connection.cursor() as cursor:
            with cursor.copy(self._sql["copy_seen"]) as copy:
                copy.write("".join(map(_numbered, range(len(observations)), observations)).encode())
            rows = cursor.execute(self._sql["compare"], prepare=True).fetchall()
        return [
            Compared(observation.order_id, observation.parent_order_id, *row)
            for observation, row in zip(observations, rows, strict=True)
        ]

    def open_rows(self, grace_s: float) -> list[OpenRow]:
        """Orders that are open by our rows, oldest check first."""
        return [OpenRow(*row) for row in self._rows("open_rows", terminal=TERMINAL, grace_s=grace_s)]

    def origins(self, orders: Iterable[str]) -> dict[str, str]:
        """By now, of those that no decision accounts for or that only sweeps know; none waits to be bound."""
        wanted = sorted(set(orders))
        return dict(self._rows("origins", orders=wanted)) if wanted else {}

    def unknown(self, orders: Iterable[str]) -> list[str]:
        """Those without a row, in order."""
        wanted = sorted(set(orders))
        known = set(self._column("known_orders", orders=wanted)) if wanted else set()
        return [order for order in wanted if order not in known]

    def standing_fills(self, orders: Iterable[str]) -> dict[str, list[Standing]]:
        """The trades that we have, by order."""
        found: dict[str, list[Standing]] = {}
        rows = self._rows("standing_fills", orders=sorted(set(orders)))
        for order_id, _key, activity_id, qty, price, at in rows:
            found.setdefault(order_id, []).append(Standing(activity_id, qty, price, at))
        return found

    def known_activities(self, orders: Iterable[str]) -> set[str]:
        """Ids of the activities that apply has of these orders."""
        return set(self._column("known_activities", orders=sorted(set(orders))))

    def missing_fills(self, limit: int) -> list[str]:
        """Orders whose fills do not add up, longest known first."""
        return self._column("missing_fills", limit=limit)

    def letters(self, accounts: Iterable[str], limit: int) -> list[Letter]:
        """Records of these accounts that could not be read and that nothing has made up for yet, oldest first."""
        return [Letter(*row) for row in self._rows("letters", accounts=list(accounts), limit=limit)]

    def unresolved_decisions(self, grace_s: float, limit: int) -> list[OpenDecision]:
        """Decisions that have no order yet, oldest first."""
        return [OpenDecision(*row) for row in self._rows("unresolved_decisions", grace_s=grace_s, limit=limit)]

    def answered_decisions(self, client_ids: Iterable[str]) -> list[str]:
        """Of these client order ids, those whose decision has its order, or is known to have none."""
        return self._column("answered_decisions", client_ids=sorted(client_ids))

    def too_much_filled(self, grace_s: float, limit: int) -> list[TooMuch]:
        """Those whose fills have been more for longer than the grace."""
        return [TooMuch(*row) for row in self._rows("too_much_filled", grace_s=grace_s, limit=limit)]

    def too_little_filled(self, grace_s: float, orders: Iterable[str]) -> list[Short]:
        """Of these orders, those whose fills have been less."""
        return [Short(*row) for row in self._rows("too_little_filled", grace_s=grace_s, orders=list(orders))]

    def sums(self, orders: Iterable[str]) -> list[Sum]:
        """What I9 compares: of these orders and of their legs."""
        wanted = sorted(set(orders))
        if not wanted:
            return []
        values = {"orders": wanted, "accounts": [self._account_id] * len(wanted)}
        with self._connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(self._sums, values).fetchall()
        return [
            Sum(
                row["alpaca_order_id"],
                row["parent_order_id"],
                row["order_class"],
                row["ratio_qty"],
                row["qty"],
                row["filled_qty"],
                row["net"],
                row["fills"],
                f"{row['last_topic']}:{row['last_partition']}:{row['last_offset']}",
            )
            for row in rows
        ]

    def standing_residuals(self, orders: Iterable[str]) -> set[str]:
        """Which of these have a residual that the real executions have not reversed."""
        wanted = sorted(set(orders))
        return set(self._column("standing_residuals", orders=wanted)) if wanted else set()

    def fills_of(self, orders: Iterable[str]) -> dict[str, list[Fill]]:
        """All rows of fills, by order."""
        found: dict[str, list[Fill]] = {}
        for order_id, *values in self._rows("fills_of", orders=sorted(set(orders))):
            found.setdefault(order_id, []).append(Fill(*values))
        return found

    def waiting_reversals(self, orders: Iterable[str]) -> dict[str, list[Reversal]]:
        """Busts and corrections whose original has no row, by order."""
        found: dict[str, list[Reversal]] = {}
        for order_id, previous, qty in self._rows("waiting_reversals", orders=sorted(set(orders))):
            found.setdefault(order_id, []).append(Reversal(previous, qty))
        return found

    def _column(self, name: str, **values: Any) -> list[str]:
        return [value for (value,) in self._rows(name, **values)]

    def _rows(self, name: str, **values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(self._sql[name], {"account_id": self._account_id, **values}).fetchall()


def _array(texts: Iterable[str]) -> str:
    """As Postgres writes an array of texts: much quicker than one by one, where nothing needs escaping."""
    joined = '","'.join(texts)
    if "\\" in joined or joined.count('"') != 2 * joined.count('","'):
        raise ValueError("an order id with a quote or a backslash")
    return f'{{"{joined}"}}' if joined else "{}"


def _numbered(index: int, observation: Observation) -> str:
    """Its line with the index in place of the offset, which it does not have yet: a table keeps no order."""
    line, _offset, known_at = observation.line.rsplit("\t", 2)
    return f"{line}\t{index}\t{known_at}\tt\n"
