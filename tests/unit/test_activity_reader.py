"""An activity that can't be read is told once, as a record that apply keeps as a dead letter; it is not passed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from stream_reconcile.broker.rest import Page
from stream_reconcile.jobs.sweep.activities import ActivityReader
from stream_reconcile.jobs.sweep.publish import Finding
from stream_reconcile.log.topics import Topics

BAD = b'{"id": "a1", "activity_type": "FILL", "order_id": "o1", "qty": "many", "price": "1", "symbol": "AAPL"}'
CASH = b'{"id": "d1", "activity_type": "DIV", "net_amount": "1.02"}'


class NoRows:
    """Tables that have no order yet."""

    @staticmethod
    def unknown(orders: Iterable[str]) -> list[str]:
        return sorted(set(orders))


def test_an_unreadable_activity_is_published_once_and_by_itself() -> None:
    def activities(**_: Any) -> Iterator[Page]:
        yield Page((BAD, CASH), ("a1", "d1"), 17, "request")

    topics, told = Topics("t."), set[bytes]()
    tools = SimpleNamespace(
        account_id="acc",
        config=SimpleNamespace(topics=topics),
        client=SimpleNamespace(activities=activities),
        told_unreadable=told,
    )
    published: list[Finding] = []
    for _sweep in range(2):
        reader = ActivityReader(cast("Any", tools), cast("Any", NoRows), lambda: None, published.extend)
        reader.read(datetime(2026, 11, 25, tzinfo=UTC))
        assert reader.count == 2
        assert list(reader.without_row) == ["o1"], "the order that it names is read instead"
    assert published == [Finding(topics.fill_activities, "FILL", "o1", 17, BAD)]
