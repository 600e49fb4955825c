"""Two streams of rows in the order of one key, side by side: what stands in one only, and what differs.

Holds one row of each side at a time, so that memory is flat however long they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Row(NamedTuple):
    """`key` values can be compared with those of the other side; `values` are equal or not."""

    key: tuple[Any, ...]
    values: tuple[Any, ...]


class Pair(NamedTuple):
    """What differs at one key; None where that side has no such row."""

    left: Row | None
    right: Row | None


def differing(left: Iterable[Row], right: Iterable[Row]) -> Iterator[Pair]:
    """Pairs that are not equal, in the order of their keys.

    Both sides have to ascend strictly; raises ValueError where one does not, since then nothing said would be true.
    """
    ours, theirs = _ascending(left), _ascending(right)
    a, b = next(ours, None), next(theirs, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a.key < b.key):
            yield Pair(a, None)
            a = next(ours, None)
        elif a is None or b.key < a.key:
            yield Pair(None, b)
            b = next(theirs, None)
        else:
            if a.values != b.values:
                yield Pair(a, b)
            a, b = next(ours, None), next(theirs, None)


def _ascending(rows: Iterable[Row]) -> Iterator[Row]:
    before: Row | None = None
    for row in rows:
        if before is not None and not before.key < row.key:
            raise ValueError(f"rows are not in order: {row.key} comes after {before.key}")
        before = row
        yield row
