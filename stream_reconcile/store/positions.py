"""What sweeps know of positions, and the fills they are held against. Writes come inside `SweepStore.holding`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from stream_reconcile.core.sweep.positions import UNSEEN, Known, Move, Movement, Reading, normal
from stream_reconcile.store.queries import load

_SQL = load("positions.sql")
_MS = 1_000_000


class Moves(NamedTuple):
    """Fills of one symbol. `order_symbol`: its name in orders, `BTC/USD`."""

    order_symbol: str
    moves: list[Move]


class Stored(NamedTuple):
    """`fitted_ns`: when a reading last followed from the baseline exactly; None for never. `last`: the last reading."""

    known: Known
    fitted_ns: int | None
    last: Reading


class PositionStore:
    """Of one account, on one connection in autocommit. psycopg.Error comes as it is.

    Times are nanoseconds since the epoch, whole milliseconds.
    """

    def __init__(self, connection: psycopg.Connection[Any], account_id: str) -> None:
        self._connection, self._account = connection, {"account_id": account_id}

    def known(self) -> dict[str, Stored]:
        """By symbol; UNSEEN stands for all that are not in it."""
        found: dict[str, Stored] = {}
        with self._connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(_SQL["known"], self._account).fetchall()
        for row in rows:
            known = Known(
                symbol=row["symbol"],
                since_ns=None if row["since"] is None else _ns(row["since"]),
                possible=tuple(row["possible"]),
                agreed=row["agreed"],
                misfit=None if row["misfit_qty"] is None else Reading(row["misfit_qty"], _ns(row["misfit_since"])),
                adjusted=row["adjusted_qty"],
                traded=row["traded_qty"],
                fees=row["fee_qty"],
                crypto=row["crypto"],
                pending=tuple(
                    Reading(qty, _ns(at)) for qty, at in zip(row["pending_qty"], row["pending_at"], strict=True)
                ),
                order_symbol=row["order_symbol"],
            )
            fitted_ns = None if row["fitted_at"] is None else _ns(row["fitted_at"])
            found[row["symbol"]] = Stored(known, fitted_ns, Reading(row["last_qty"], _ns(row["last_at"])))
        return found

    def moves(self, since_ns: Mapping[str, int | None], cut_ns: int) -> dict[str, Moves]:
        """Fills of each symbol since its time (of one that is not named: UNSEEN's) or since `cut_ns`, the earlier one.

        Those up to `cut_ns` in one sum. Reads the account's fills since the earliest of these times.
        """
        times = {symbol: ns for symbol, ns in since_ns.items() if ns is not None}
        unseen = times.pop(UNSEEN, None)
        values = {
            "symbols": list(times),
            "since": [_moment(ns) for ns in times.values()],
            "unseen": _moment(unseen),
            "cut": _moment(cut_ns),
            "earliest": _moment(min([*times.values(), cut_ns, *([] if unseen is None else [unseen])])),
        }
        found: dict[str, Moves] = {}
        for symbol, order_symbol, at_ns, qty, traded in self._rows("moves", **values):
            of_symbol = found.setdefault(symbol, Moves(order_symbol, []))
            of_symbol.moves.append(Move(at_ns, qty, traded))
        return found

    def counted(self, activity_ids: Iterable[str]) -> set[str]:
        """Which of these are in an expectation already."""
        return {row[0] for row in self._rows("counted", ids=list(activity_ids))}

    def open_drifts(self) -> list[str]:
        """Subjects of open drifts. Until the transaction ends nobody else closes or accepts one of them."""
        return [row[0] for row in self._rows("open_drifts")]

    def accepted(self) -> dict[str, int]:
        """When a person last accepted a drift, by symbol."""
        found: dict[str, int] = {}
        for subject, at in self._rows("accepted"):
            symbol = normal(subject)
            found[symbol] = max(found.get(symbol, 0), _ns(at))
        return found

    def symbols_of(self, orders: Iterable[str]) -> set[str]:
        """What these orders trade."""
        listed = list(orders)
        return {row[0] for row in self._rows("symbols_of", orders=listed)} if listed else set()

    def save(self, known: Known, last: Reading, *, fitted_ns: int | None) -> None:
        """What is known, and the last reading. `fitted_ns`: when one followed from the baseline exactly, if one did."""
        values = {
            "symbol": known.symbol,
            "crypto": known.crypto,
            "order_symbol": known.order_symbol,
            "since": _moment(known.since_ns),
            "possible": list(known.possible),
            "baseline_qty": known.baseline,
            "misfit_since": _moment(None if known.misfit is None else known.misfit.at_ns),
            "misfit_qty": None if known.misfit is None else known.misfit.qty,
            "adjusted_qty": known.adjusted,
            "traded_qty": known.traded,
            "fee_qty": known.fees,
            "pending_qty": [reading.qty for reading in known.pending],
            "pending_at": [_moment(reading.at_ns) for reading in known.pending],
            "fitted_at": _moment(fitted_ns),
            "last_qty": last.qty,
            "last_at": _moment(last.at_ns),
        }
        self._connection.execute(_SQL["save"], self._account | values)

    def count(self, movements: Iterable[Movement], sweep_id: UUID) -> None:
        """These are in the expectation from now on. Raises UniqueViolation for one that was already."""
        for movement in movements:
            self._connection.execute(_SQL["count"], self._account | movement._asdict() | {"sweep_id": sweep_id})

    def _rows(self, name: str, **values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(_SQL[name], self._account | values).fetchall()


def _moment(ns: int | None) -> datetime | None:
    return None if ns is None else datetime.fromtimestamp(ns // _MS / 1000, UTC)


def _ns(moment: datetime) -> int:
    return round(moment.timestamp() * 1000) * _MS
