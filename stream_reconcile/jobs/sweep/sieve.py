"""Sorts out, page by page, the orders that their rows have already: nearly all, and nothing is to be done about them.

As strict as the long way: every column that the broker states is held against the row in the database, now, and the
fills, the successor, the decision's terms are looked at. Only what is certain passes; the rest goes the long way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from stream_reconcile.core.wire.unchanged import Unchanged, decode, family
from stream_reconcile.store.comparison import Comparer

_AT_ONCE: Final = 250  # while Postgres looks for so many, those before are compared and the next decoded


class _Asked(NamedTuple):
    """Orders whose rows are asked for."""

    raws: Sequence[bytes]
    orders: list[Any]
    answer: Callable[[], dict[str, tuple[Any, ...]]]


class Sieve:
    """Of one sweep."""

    def __init__(self, comparer: Comparer) -> None:
        self._comparer = comparer
        self._unchanged = Unchanged()

    def sift(self, raws: Sequence[bytes], *, with_origins: bool) -> tuple[list[Any], list[bytes]]:
        """Of orders just read, each one JSON value: decoded, those that their rows have; and the bytes of the others.

        `with_origins`: not those either that no decision accounts for. Raises psycopg.Error.
        """
        told: list[Any] = []
        rest: list[bytes] = []
        before: _Asked | None = None
        with self._comparer.asking():
            for at in range(0, len(raws), _AT_ONCE):
                some = raws[at : at + _AT_ONCE]
                orders = decode(some)
                ids = [each.id for order in orders if order is not None for each in family(order)]
                # An answer is taken before the next question and looked at after it.
                rows = None if before is None else before.answer()
                asked = _Asked(some, orders, self._comparer.ask_quiet(ids, with_origins=with_origins))
                if before is not None and rows is not None:
                    self._sort(before, rows, told, rest)
                before = asked
            if before is not None:
                self._sort(before, before.answer(), told, rest)
        return told, rest

    def _sort(self, asked: _Asked, rows: dict[str, tuple[Any, ...]], told: list[Any], rest: list[bytes]) -> None:
        for raw, order in zip(asked.raws, asked.orders, strict=True):
            if order is not None and self._unchanged.is_in(rows, order, raw):
                told.append(order)
            else:
                rest.append(raw)
