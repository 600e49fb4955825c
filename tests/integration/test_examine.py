"""What a sweep says of an order is said of the moment at which it was read, however long the sweep goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from broker_orders import page

from stream_reconcile.core.errors import SweepIncomplete
from stream_reconcile.core.sweep.compared import Graces
from stream_reconcile.core.timestamps import parse_ns
from stream_reconcile.jobs.sweep.barrier import Barrier
from stream_reconcile.jobs.sweep.examine import Examiner
from stream_reconcile.jobs.sweep.publish import Finding
from stream_reconcile.store.comparison import Comparer
from stream_reconcile.store.connect import connect
from support.servers import SCHEMA

ACCOUNT = "5d1f6f0e-6f7a-4e0e-9a3c-2f4f6c1c7b11"
SECOND = 1_000_000_000


class NoLog(Barrier):
    """There is no apply to wait for: the tables stay empty."""

    def __init__(self) -> None:
        pass

    def wait(self, marks: Any = None) -> Any:
        return {}


@pytest.mark.rows_only
@pytest.mark.parametrize(("read_after_s", "found"), [(1, []), (119, []), (121, ["stuck_pending"])])
def test_an_order_is_stuck_by_the_time_at_which_it_was_read(database: str, read_after_s: int, found: list[str]) -> None:
    pending, later = (json.loads(raw) for raw in page(1, 2))
    pending |= {"status": "pending_cancel", "filled_qty": "0", "filled_avg_price": None, "filled_at": None}
    updated_ns = parse_ns(pending["updated_at"])
    published: list[Finding] = []
    with connect(database, SCHEMA, name="test") as connection:
        examiner = Examiner(
            ACCOUNT, "topic", Comparer(connection, ACCOUNT), NoLog(), published.extend, Graces(), [],
            watched=set(), told_unreadable=set(), with_origins=False,
        )  # fmt: skip
        examiner.take([json.dumps(pending).encode()], updated_ns + read_after_s * SECOND)
        examiner.take([json.dumps(later).encode()], updated_ns + 600 * SECOND)  # a sweep of ten minutes
        with pytest.raises(SweepIncomplete):
            examiner.settle()
    assert [finding.order_id for finding in published] == [pending["id"], later["id"]]
    assert [one.type for one in examiner.found] == found


@pytest.mark.rows_only
def test_an_order_of_a_version_that_no_table_holds_is_put_aside_and_the_rest_compared(database: str) -> None:
    orders = [json.loads(raw) for raw in page(1, 3)]
    orders[1]["updated_at"] = "2300-01-01T00:00:00Z"
    published: list[Finding] = []
    with connect(database, SCHEMA, name="test") as connection:
        examiner = Examiner(
            ACCOUNT, "topic", Comparer(connection, ACCOUNT), NoLog(), published.extend, Graces(), [],
            watched=set(), told_unreadable=set(), with_origins=False,
        )  # fmt: skip
        examiner.take([json.dumps(order).encode() for order in orders], parse_ns(orders[0]["updated_at"]))
    assert (examiner.orders, examiner.unreadable) == (3, 1)
    assert [json.loads(finding.raw)["id"] for finding in published] == [orders[1]["id"]]
