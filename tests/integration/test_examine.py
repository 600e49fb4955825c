"""What a sweep says of an order is said of the moment at which it was read, however long the sweep goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
import pytest
from broker_orders import page

from stream_reconcile.core.errors import SweepIncomplete
from stream_reconcile.core.sweep.compared import Graces, origin_of
from stream_reconcile.core.timestamps import parse_ns
from stream_reconcile.jobs.sweep.examine import Examiner
from stream_reconcile.jobs.sweep.publish import Finding
from stream_reconcile.store.batch import batch_of
from stream_reconcile.store.comparison import Comparer
from stream_reconcile.store.connect import connect
from stream_reconcile.store.writer import Writer
from support.log_records import LogRecords
from support.servers import SCHEMA
from support.sweep_parts import SECOND, NoLog

ACCOUNT = "5d1f6f0e-6f7a-4e0e-9a3c-2f4f6c1c7b11"


def an_examiner(
    connection: psycopg.Connection[Any], publish: Callable[[Iterable[Finding]], None], *, with_origins: bool = False
) -> Examiner:
    return Examiner(
        ACCOUNT, "topic", Comparer(connection, ACCOUNT), NoLog(), publish, Graces(), [],
        watched=set(), told_unreadable=set(), with_origins=with_origins,
    )  # fmt: skip


@pytest.mark.rows_only
@pytest.mark.parametrize(("read_after_s", "found"), [(1, []), (119, []), (121, ["stuck_pending"])])
def test_an_order_is_stuck_by_the_time_at_which_it_was_read(database: str, read_after_s: int, found: list[str]) -> None:
    pending, later = (json.loads(raw) for raw in page(1, 2))
    pending |= {"status": "pending_cancel", "filled_qty": "0", "filled_avg_price": None, "filled_at": None}
    updated_ns = parse_ns(pending["updated_at"])
    published: list[Finding] = []
    with connect(database, SCHEMA, name="test") as connection:
        examiner = an_examiner(connection, published.extend)
        examiner.take([json.dumps(pending).encode()], updated_ns + read_after_s * SECOND)
        examiner.take([json.dumps(later).encode()], updated_ns + 600 * SECOND)  # a sweep of ten minutes
        with pytest.raises(SweepIncomplete):
            examiner.settle()
    assert [finding.order_id for finding in published] == [pending["id"], later["id"]]
    assert [one.type for one in examiner.found] == found


@pytest.mark.rows_only
@pytest.mark.parametrize("with_origins", [True, False])
def test_an_order_whose_decision_came_late_is_published_once_more_and_bound(database: str, with_origins: bool) -> None:
    """Its own decision, where a chain has given it another one too; but none that says otherwise (A3)."""
    late, chained, disputed = (json.loads(raw) for raw in page(1, 3))
    chained["replaces"] = "its-predecessor"
    raws = [json.dumps(each).encode() for each in (late, chained, disputed)]
    log = LogRecords(ACCOUNT)
    published: list[str] = []
    decide = "INSERT INTO trade_decisions (account_id, client_order_id, side) VALUES (%s, %s, %s)"

    with connect(database, SCHEMA, name="test") as connection:
        writer = Writer(connection, group="g", owner="me")

        def publish(findings: Iterable[Finding]) -> None:
            written = len(log.records)
            for finding in findings:
                log.snapshot(finding.raw, received_at_ns=finding.received_at_ns)
                published.append(finding.order_id)
            writer.write(batch_of(log.records[written:]))

        def sweep(now_ns: int) -> list[str]:
            published.clear()
            examiner = an_examiner(connection, publish, with_origins=with_origins)
            examiner.take(raws, now_ns)
            examiner.settle()
            origins = (origin_of(one, now_ns / SECOND, Graces()) for one in examiner.take_foreign())
            assert {one.subject for one in origins if one and one.type == "external_order"} == external
            return sorted(published)

        ids = [each["id"] for each in (late, chained, disputed)]
        everything = set(ids) if with_origins else set()
        began = max(parse_ns(each["updated_at"]) for each in (late, chained, disputed)) + 600 * SECOND
        external = everything
        assert sweep(began) == sorted(ids)
        assert sweep(began + SECOND) == []
        connection.execute(decide, [ACCOUNT, "of the chain", None])
        connection.execute(
            "UPDATE executions SET decision_id = (SELECT decision_id FROM trade_decisions), origin = 'own'"
            " WHERE alpaca_order_id = %s", [chained["id"]],
        )  # fmt: skip
        for each in (late, chained):
            connection.execute(decide, [ACCOUNT, each["client_order_id"], each["side"]])
        connection.execute(decide, [ACCOUNT, disputed["client_order_id"], "neither"])
        external = everything - {late["id"], chained["id"]}
        assert sweep(began + 2 * SECOND) == sorted(ids)
        assert sweep(began + 3 * SECOND) == [], "nothing more is to be had from publishing them"
        connection.execute(
            "UPDATE discrepancies SET state = 'accepted', resolved_at = now(), resolution = 'seen', resolved_by = 'me'"
            " WHERE type = 'duplicate_client_id'"
        )
        assert sweep(began + 4 * SECOND) == []
        rows = connection.execute(
            "SELECT d.client_order_id, d.state, e.decision_id IS NOT NULL FROM trade_decisions d"
            " JOIN executions e USING (client_order_id)"
        ).fetchall()
    bound = {each["client_order_id"]: ("bound", True) for each in (late, chained)}
    assert {name: tuple(rest) for name, *rest in rows} == bound | {disputed["client_order_id"]: ("planned", False)}


@pytest.mark.rows_only
@pytest.mark.parametrize(
    ("field", "time"),
    [
        pytest.param("updated_at", "2300-01-01T00:00:00Z", id="a version that no table holds"),
        pytest.param("created_at", "2026-02-30T00:00:00Z", id="a day that only Postgres knows to be none"),
    ],
)
def test_an_order_with_a_time_that_is_none_is_put_aside_and_the_rest_compared(
    database: str, field: str, time: str
) -> None:
    orders = [json.loads(raw) for raw in page(1, 3)]
    orders[1][field] = time
    published: list[Finding] = []
    with connect(database, SCHEMA, name="test") as connection:
        examiner = an_examiner(connection, published.extend)
        examiner.take([json.dumps(order).encode() for order in orders], parse_ns(orders[0]["updated_at"]))
    assert (examiner.orders, examiner.unreadable) == (3, 1)
    assert [json.loads(finding.raw)["id"] for finding in published] == [orders[1]["id"]]


@pytest.mark.rows_only
def test_origins_are_told_up_to_a_limit_however_often_they_are_taken(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_reconcile.jobs.sweep.examine._MOST_FOREIGN", 3)
    log = LogRecords(ACCOUNT)
    raws = page(1, 4)
    received_ns = parse_ns(json.loads(raws[0])["updated_at"]) + 600 * SECOND
    for raw in raws:
        log.snapshot(raw, received_at_ns=received_ns)
    with connect(database, SCHEMA, name="test") as connection:
        Writer(connection, group="g", owner="me").write(batch_of(log.records))
        examiner = an_examiner(connection, lambda _findings: None, with_origins=True)
        told = []
        for raw in raws:  # page by page, as a full sweep does
            examiner.take([raw], received_ns + SECOND)
            told.append(len(examiner.take_foreign()))
    assert told == [1, 1, 1, 0]
