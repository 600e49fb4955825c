"""Each fill says what is held after it: where two of a symbol do not follow on each other, one between is missing.

A break is no finding in itself (DESIGN I9): a bust, a fee in coins or a split breaks the chain too. It says where to
look.
Pure. Times are seconds since the epoch, the broker's but for `now_s`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Final, NamedTuple

from stream_reconcile.core.sums import EXACT, total

GRACE_S: Final = 5.0
"""Partitions interleave: a fill that is so old has those before it beside it."""
_LOOK_AGAIN_S: Final = 60.0
_LONGEST_S: Final = 3_600.0
_MOST_SYMBOLS: Final = 20_000


class ChainFill(NamedTuple):
    """One fill frame: signed quantity, and the signed position after it."""

    symbol: str
    at_s: float
    qty: Decimal
    position: Decimal


@dataclass(slots=True)
class _Link:
    """The newest settled fill of a symbol. `pause_s`: a break so soon after the last that counted is passed over."""

    at_s: float
    position: Decimal
    broke_s: float = -_LONGEST_S
    pause_s: float = 0.0


class ChainWatch:
    """Follows the chains of one account. Bounded: of very many symbols those that traded last."""

    def __init__(self) -> None:
        self._links: OrderedDict[str, _Link] = OrderedDict()

    def look(self, fills: Iterable[ChainFill], now_s: float) -> set[str]:
        """Symbols whose chain broke since the last look. `fills`: those of lately, seen before or not, in any order.

        A symbol that breaks again and again (coins: fees are taken from each fill) counts ever less often.
        """
        settled = sorted(set(fills), key=lambda fill: (fill.symbol, fill.at_s))
        broken: set[str] = set()
        for (symbol, at_s), same in groupby(settled, key=lambda fill: (fill.symbol, fill.at_s)):
            if at_s > now_s - GRACE_S:
                continue
            group = list(same)
            link = self._links.get(symbol)
            if link is None:
                self._links[symbol] = _Link(at_s, group[-1].position)
            elif at_s > link.at_s:
                position = _follows(link.position, group)
                if position is None:
                    position = group[-1].position
                    if self._counts(link, now_s):
                        broken.add(symbol)
                link.at_s, link.position = at_s, position
                self._links.move_to_end(symbol)
        while len(self._links) > _MOST_SYMBOLS:
            self._links.popitem(last=False)
        return broken

    @staticmethod
    def _counts(link: _Link, now_s: float) -> bool:
        since = now_s - link.broke_s
        if since < link.pause_s:
            return False
        again = since < 2 * max(link.pause_s, _LOOK_AGAIN_S)
        link.pause_s = min(_LONGEST_S, 2 * max(link.pause_s, _LOOK_AGAIN_S / 2)) if again else _LOOK_AGAIN_S
        link.broke_s = now_s
        return True


def _follows(before: Decimal, group: Sequence[ChainFill]) -> Decimal | None:
    """The position after fills of one moment, whose order nobody knows; None where they do not follow on `before`."""
    after = EXACT.add(before, total(fill.qty for fill in group))
    return after if any(fill.position == after for fill in group) else None
