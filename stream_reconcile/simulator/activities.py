"""Account activities: one FILL for each execution, and whatever else moved the account, in REST's shape and paging.

The id begins with the US/Eastern wall time in milliseconds (so it is not monotonic when daylight saving ends), and
within one millisecond the order is that of the random part (Alpaca-API#170: same-millisecond partials come unordered).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from stream_reconcile.simulator.orders import Execution
from stream_reconcile.simulator.values import MILLISECOND, SECOND, decimal_text, rfc3339

_EASTERN = ZoneInfo("America/New_York")


@lru_cache(maxsize=4096)
def _eastern_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone(_EASTERN).strftime("%Y%m%d%H%M%S")


def activity_id(ns: int, uuid: str) -> str:
    """`YYYYMMDDHHMMSSmmm::uuid`, the time in US/Eastern."""
    return f"{_eastern_second(ns // SECOND)}{ns // MILLISECOND % 1000:03d}::{uuid}"


def fill_activity(execution: Execution) -> dict[str, Any]:
    """The FILL activity of an execution. Its id's UUID is not the stream's execution id (whether it is: unknown)."""
    wire = execution.order.wire
    return {
        "id": activity_id(execution.ns, execution.activity_uuid),
        "activity_type": "FILL",
        "transaction_time": rfc3339(execution.ns),
        "type": execution.kind,
        "price": decimal_text(execution.price),
        "qty": decimal_text(execution.qty),
        "side": wire["side"],
        "symbol": wire["symbol"],
        "leaves_qty": decimal_text(execution.leaves_qty),
        "order_id": wire["id"],
        "cum_qty": decimal_text(execution.cum_qty),
        "order_status": execution.order_status,
    }


@dataclass(slots=True, order=True)
class Activity:
    """One entry of the log, sorted as the list sorts: by millisecond, then by the random part of its id."""

    millisecond: int
    uuid: str
    id: str = field(compare=False)
    created_ns: int = field(compare=False)
    execution: Execution | None = field(compare=False, default=None)
    other: dict[str, Any] | None = field(compare=False, default=None)
    withheld: bool = field(compare=False, default=False)

    @property
    def type(self) -> str:
        return "FILL" if self.other is None else str(self.other["activity_type"])

    def view(self) -> dict[str, Any]:
        """As REST gives it."""
        if self.execution is not None:
            return fill_activity(self.execution)
        return dict(self.other or {})


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """The query of GET /v2/account/activities. Times in nanoseconds, exclusive, on the time of listing."""

    types: frozenset[str] = frozenset()
    category: str | None = None
    order_id: str | None = None
    after: int | None = None
    until: int | None = None
    descending: bool = True
    page_size: int = 100
    page_token: str | None = None


class ActivityLog:
    """All activities of the account, each listed some time after it happened."""

    def __init__(self, delay_ns: int, *, withdraw_busted: bool) -> None:
        self._delay = delay_ns
        self._withdraw_busted = withdraw_busted
        self._entries: list[Activity] = []
        self._by_id: dict[str, Activity] = {}
        self._by_order: dict[str, list[Activity]] = {}
        self.withholding = False
        self.late_ns = 0
        """So much later than they say all activities are listed: `after` and `until` know nothing of it."""
        self.forgotten = 0
        """How many of the oldest are not known any more."""

    def __len__(self) -> int:
        return self.forgotten + len(self._entries)

    def executed(self, execution: Execution) -> None:
        """An execution becomes a FILL."""
        ns = execution.ns
        self._add(ns, Activity(ns // MILLISECOND, execution.activity_uuid, "", ns + self._delay, execution))

    def add(self, ns: int, uuid: str, other: dict[str, Any]) -> dict[str, Any]:
        """Any other activity (a fee, a split, a transfer), listed at once; returns it with its id."""
        other = {"id": activity_id(ns, uuid), **other}
        self._add(ns, Activity(ns // MILLISECOND, uuid, "", ns, other=other))
        return other

    def release(self) -> int:
        """List all that was withheld; returns how many."""
        released = 0
        for entry in self._entries:
            released += entry.withheld
            entry.withheld = False
        return released

    def entries(self, start: int = 0) -> Iterator[Activity]:
        """All that are known from the `start`-th on, listed yet or not, oldest first."""
        return islice(self._entries, max(start - self.forgotten, 0), None)

    def forget(self, orders: int) -> None:
        """Let go of the oldest, up to the first of an order that came after the `orders`-th."""
        gone = 0
        for entry in self._entries:
            if entry.execution is not None:
                if entry.execution.order.seq > orders:
                    break
                self._by_order.pop(entry.execution.order.id, None)
            del self._by_id[entry.id]
            gone += 1
        del self._entries[:gone]
        self.forgotten += gone

    def page(self, wanted: ActivityFilter, now: int) -> list[dict[str, Any]]:
        """One page as REST gives it; what is not listed yet at `now` is not there."""
        page: list[dict[str, Any]] = []
        for entry in self._candidates(wanted):
            if self._is_listed(entry, now - self.late_ns) and _matches(entry, wanted):
                page.append(entry.view())
                if len(page) == wanted.page_size:
                    break
        return page

    def _add(self, ns: int, entry: Activity) -> None:
        entry.id = activity_id(ns, entry.uuid)
        entry.withheld = self.withholding
        insort(self._entries, entry)
        self._by_id[entry.id] = entry
        if entry.execution is not None:
            insort(self._by_order.setdefault(entry.execution.order.id, []), entry)

    def _candidates(self, wanted: ActivityFilter) -> Iterable[Activity]:
        entries = self._entries if wanted.order_id is None else self._by_order.get(wanted.order_id, [])
        token = self._by_id.get(wanted.page_token) if wanted.page_token else None
        # An entry is listed at its own time or `delay` later: outside of these places none has a time that is wanted.
        low, high = 0, len(entries)
        if wanted.after is not None:
            low = bisect_left(entries, (wanted.after - self._delay) // MILLISECOND, key=_millisecond)
        if wanted.until is not None:
            high = bisect_right(entries, wanted.until // MILLISECOND, key=_millisecond)
        if token is not None and wanted.descending:
            high = min(high, bisect_left(entries, token))
        elif token is not None:
            low = max(low, bisect_right(entries, token))
        places = range(high - 1, low - 1, -1) if wanted.descending else range(low, high)
        return (entries[place] for place in places)

    def _is_listed(self, entry: Activity, now: int) -> bool:
        if entry.withheld or entry.created_ns > now:
            return False
        execution = entry.execution
        return execution is None or execution.state == "real" or not self._withdraw_busted


def _millisecond(entry: Activity) -> int:
    return entry.millisecond


def _matches(entry: Activity, wanted: ActivityFilter) -> bool:
    if wanted.types and entry.type not in wanted.types:
        return False
    if wanted.category is not None and (entry.type == "FILL") != (wanted.category == "trade_activity"):
        return False
    if wanted.after is not None and entry.created_ns <= wanted.after:
        return False
    return wanted.until is None or entry.created_ns < wanted.until
