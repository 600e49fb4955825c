"""FILL activities: what the fills do not explain is published, and where sums are off the order's own are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import structlog

from stream_reconcile.broker.rest import Page
from stream_reconcile.core.errors import WireError
from stream_reconcile.core.evidence import Activity
from stream_reconcile.core.observation import Seen
from stream_reconcile.core.sweep.activities import unexplained
from stream_reconcile.core.wire.executions import parse_activity
from stream_reconcile.core.wire.peek import order_of_activity
from stream_reconcile.jobs.sweep.publish import Finding
from stream_reconcile.store.comparison import Comparer

if TYPE_CHECKING:
    from stream_reconcile.jobs.sweep.run import Tools

log = structlog.get_logger()

_MOST_SUSPECTS: Final = 20
_MOST_LISTED: Final = 2_000
_MOST_PENDING: Final = 2_000


class ActivityReader:
    """Of one sweep."""

    def __init__(
        self,
        tools: Tools,
        comparer: Comparer,
        page_read: Callable[[], None],
        publish: Callable[[Iterable[Finding]], None],
    ) -> None:
        self._tools, self._comparer = tools, comparer
        self._page_read, self._publish = page_read, publish
        self._pending: dict[str, tuple[Activity, bytes, int]] = {}
        self.count = 0
        self.unreadable = 0
        """How many could not be read, and name no order that could be asked for instead."""
        self.read_at_ns = 0
        """When they were last read: those published by then are known."""
        self.orders: set[str] = set()
        """Orders that an activity names which our fills do not explain."""
        self.without_row: dict[str, None] = {}
        """Orders that an activity names and that have no row. The activity may be known: since a sweep that was broken
        off, or whose question for the order came to nothing."""
        self.living: dict[str, list[Activity]] = {}
        """All activities of the orders whose sums were off and that were asked for, as the broker has them now."""
        self.living_at_ns = 0
        """When the first of these were asked for."""
        self.published: set[str] = set()
        """Orders of which activities were published: their fills are others now than when their rows were compared."""

    def read(self, after: datetime) -> None:
        """All since `after`."""
        self.read_at_ns = time.time_ns()
        after_ns = int(after.timestamp() * 1_000_000) * 1_000
        for page in self._tools.client.activities(types=("FILL",), after_ns=after_ns):
            self._page_read()
            self._take(page)

    def read_suspects(self) -> None:
        """Those of orders whose fills do not add up, whenever they were. Of an order all are seen together here, which
        pages by time do not grant: two alike, on two pages, are explained by one fill twice.

        So many at a time, those first that were not asked for for longest: some stay as they are for ever.
        """
        asked = self._tools.suspects_asked
        suspects = dict.fromkeys(self._comparer.missing_fills(_MOST_LISTED))
        for order_id in asked.keys() - suspects:
            del asked[order_id]
        self.living_at_ns = time.time_ns()
        for order_id in sorted(suspects, key=lambda each: asked.get(each, 0))[:_MOST_SUSPECTS]:
            asked[order_id] = self.living_at_ns
            living = self.living[order_id] = []
            for page in self._tools.client.activities(types=("FILL",), order_id=order_id):
                self._page_read()
                living += [each for each in self._take(page) if each.order_id == order_id]

    def settle(self) -> None:
        """Publish what is not explained even now that apply has passed what was in the log, and wait for it."""
        if not self._pending:
            return
        self._tools.barrier.wait()
        pending = list(self._pending.values())
        self._pending.clear()
        left = {activity.activity_id for activity in self._unexplained([activity for activity, _, _ in pending])}
        topic = self._tools.config.topics.fill_activities
        findings = [
            Finding(topic, "FILL", activity.order_id, received, raw)
            for activity, raw, received in pending
            if activity.activity_id in left
        ]
        if findings:
            self._publish(findings)
            self.published |= {finding.order_id for finding in findings}
            self._tools.barrier.wait()

    def _take(self, page: Page) -> list[Activity]:
        """Gives those that could be read."""
        read: dict[str, tuple[Activity, bytes, int]] = {}
        seen = Seen(
            self._tools.account_id, "sweep", page.received_at_ns, self._tools.config.topics.fill_activities, 0, 0, 0
        )
        for raw in page.items:
            self.count += 1
            try:
                evidence = parse_activity(raw, seen).evidence
            except WireError as error:
                self._tell_unreadable(raw, page.received_at_ns, error)
                continue
            for activity in evidence:
                if isinstance(activity, Activity):
                    read[activity.activity_id] = (activity, raw, page.received_at_ns)
        orders = {activity.order_id for activity in self._unexplained([activity for activity, _, _ in read.values()])}
        self.orders |= orders
        self.without_row.update(
            dict.fromkeys(self._comparer.unknown(activity.order_id for activity, _, _ in read.values()))
        )
        # All of such an order: which of two alike is left over is decided once apply has passed what was in the log.
        self._pending.update({name: one for name, one in read.items() if one[0].order_id in orders})
        if len(self._pending) >= _MOST_PENDING:
            self.settle()
        return [activity for activity, _raw, _received in read.values()]

    def _tell_unreadable(self, raw: bytes, received_at_ns: int, error: WireError) -> None:
        """Once: apply will say the same and keep it as a dead letter, which blocks the proof. The order that it names
        is read instead."""
        if order_id := order_of_activity(raw):
            self.without_row[order_id] = None
        else:
            self.unreadable += 1
        digest = sha256(raw).digest()
        if digest not in self._tools.told_unreadable:
            log.warning("activity_not_readable", account_id=self._tools.account_id, why=str(error))
            topic = self._tools.config.topics.fill_activities
            self._publish([Finding(topic, "FILL", order_id, received_at_ns, raw)])
            self._tools.told_unreadable.add(digest)

    def _unexplained(self, activities: list[Activity]) -> list[Activity]:
        orders = {activity.order_id for activity in activities}
        if not orders:
            return []
        known = self._comparer.known_activities(orders)
        return unexplained(activities, self._comparer.standing_fills(orders), known)
