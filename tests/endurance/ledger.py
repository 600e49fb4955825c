"""Comparing with the books as they go on: what has come to rest is compared, and the broker may forget it then.

So a long run needs neither the memory for all of its orders nor a time in which nothing moves; and as REST lists only
what is not forgotten, sweeps read as many orders as they would in a day that is not compressed.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import Any, Final

from stream_reconcile.core.timestamps import parse_ns
from stream_reconcile.simulator.orders import CLOSED
from stream_reconcile.simulator.verdict import ByOrder, Comparison, Difference, Rows, Verdict
from support.whole import Whole

_PAGE: Final = 1_000
_PATIENCE_S: Final = 600.0
"""So long after its last change an order may differ before that counts: its frames may be lost, and sweeps busy."""
_MOST_LISTED: Final = 10


class Ledger:
    """What was compared so far."""

    def __init__(self, whole: Whole, rests_s: float) -> None:
        """`rests_s`: an order is compared when nothing has happened to it for so long."""
        self._whole, self._rests_s = whole, rests_s
        self.orders = self.fills = self.differing = 0
        self.rows = Rows(0, 0)
        self.differences: list[Difference] = []

    def settle(self, seconds: float) -> None:
        """Compare what has come to rest since, in the order in which it came, and have it forgotten; not for longer."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and (page := self._resting()):
            taken = self._compare(page)
            self._whole.simulator.control.forget(self.orders)
            if taken < len(page):
                return

    def close(self) -> Verdict:
        """Compare all that is left, now that the books stand still, and the number of rows."""
        control = self._whole.simulator.control
        while page := list(islice(control.orders(self.orders), _PAGE)):
            self._add(page, self._comparison(page), len(page))
        return Verdict(self.orders, self.fills, self.differing, tuple(self.differences))

    def rows_too_many(self) -> Rows:
        """Rows that belong to no order that was compared."""
        assert self._whole.looks is not None
        there = Comparison(self._whole.looks, self._whole.simulator.account_id).rows
        return Rows(there.executions - self.rows.executions, there.fills - self.rows.fills)

    def _resting(self) -> list[dict[str, Any]]:
        before_ns = time.time_ns() - round(self._rests_s * 1e9)
        page: list[dict[str, Any]] = []
        for order in islice(self._whole.simulator.control.orders(self.orders), _PAGE):
            if order["status"] not in CLOSED or parse_ns(order["updated_at"]) > before_ns:
                break
            page.append(order)
        return page

    def _compare(self, page: list[dict[str, Any]]) -> int:
        """Take the orders that agree, up to the first that does not yet; how many."""
        found = self._comparison(page)
        different = {difference.order_id for difference in found.verdict.differences}
        give_up_ns = time.time_ns() - round(_PATIENCE_S * 1e9)
        for place, order in enumerate(page):
            if order["id"] in different and parse_ns(order["updated_at"]) > give_up_ns:
                return self._add(page[:place], self._comparison(page[:place]), place)
        return self._add(page, found, len(page))

    def _comparison(self, page: list[dict[str, Any]]) -> Comparison:
        whole = self._whole
        assert whole.looks is not None
        found = Comparison(whole.looks, whole.simulator.account_id, lost_frames=True)
        if page:
            found.add(page, ByOrder(whole.simulator.control.executions(self.orders)))
        return found

    def _add(self, page: list[dict[str, Any]], found: Comparison, count: int) -> int:
        verdict, rows = found.verdict, found.rows_seen
        self.orders += len(page)
        self.fills += verdict.fills
        self.differing += verdict.differing
        self.differences += verdict.differences[: _MOST_LISTED - len(self.differences)]
        self.rows = Rows(self.rows.executions + rows.executions, self.rows.fills + rows.fills)
        return count
