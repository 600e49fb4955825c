"""What a sweep concludes at its end is so then, and not only when it read what it concludes from."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from stream_reconcile.core.timestamps import parse_ns
from stream_reconcile.jobs.sweep.activities import ActivityReader
from stream_reconcile.jobs.sweep.adjust import adjust
from stream_reconcile.jobs.sweep.closing import close_what_agrees
from stream_reconcile.jobs.sweep.publish import Finding
from stream_reconcile.store.batch import batch_of
from stream_reconcile.store.discrepancies import Findings
from support.sweep_parts import SECOND, Parts, sweep_parts
from support.wire_data import ACCOUNT, activity_json, order_json

pytestmark = pytest.mark.rows_only

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
ORDER = order_json(id="order-1", client_order_id="client-1")
DECIDE = "INSERT INTO trade_decisions (account_id, client_order_id) VALUES (%s, %s)"
READ_NS = parse_ns(ORDER["updated_at"]) + 600 * SECOND


@pytest.fixture
def parts(database: str) -> Iterator[Parts]:
    with sweep_parts(database) as made:
        yield made


def test_what_another_sweep_has_found_since_is_not_closed(parts: Parts) -> None:
    """A hot sweep runs between two pages of a deep one, and finds that an order is gone that the deep one has read."""
    evidence = {"broker": {"absent": True}, "ours": {"order_id": "order-1"}}

    def concluded(*, found_meanwhile: bool) -> set[tuple[str, str, str]]:
        began, examiner, findings = parts.store.now(), parts.examiner(), Findings()
        examiner.take([json.dumps(ORDER).encode()], READ_NS)
        examiner.settle()
        if found_meanwhile:
            parts.found("missing_at_broker", "order-1", evidence)
        close_what_agrees(parts.tools, examiner, findings, began=began, now_s=READ_NS / SECOND)
        return set(findings.closed)

    assert concluded(found_meanwhile=True) == set()
    # It was open before this one began; and then the hot sweep has found it again.
    assert concluded(found_meanwhile=True) == set()
    assert concluded(found_meanwhile=False) == {(ACCOUNT, "missing_at_broker", "order-1")}


def test_an_order_without_a_row_is_asked_for_though_its_activity_is_known(parts: Parts) -> None:
    """The sweep that published the activity was broken off, or got a 404, before the order was here."""
    parts.broker.activities_of = [activity_json(order_id="order-9", qty="10", cum_qty="10", type="fill")]
    reader = ActivityReader(parts.tools, parts.comparer, lambda: None, parts.publish)
    reader.read(BEGINNING)
    reader.settle()
    assert [finding.order_id for finding in parts.published] == ["order-9"]
    parts.swept()  # it is not to be had yet
    parts.broker.by_id = {"order-9": order_json(id="order-9", filled_qty="10", status="filled")}
    for _ in range(2):
        assert parts.swept().proven_at
    assert parts.comparer.unknown(["order-9"]) == []
    assert parts.broker.asked == ["order-9"] * 2
    assert [finding.event for finding in parts.published] == ["FILL", "snapshot"]


def test_nothing_stands_for_fills_whose_activities_were_not_asked_for(parts: Parts) -> None:
    """More orders than a sweep asks for have been off for long, and some of them for good."""
    orders = [f"order-{number:02}" for number in range(50)]
    for order_id in orders:
        filled = order_json(
            id=order_id, client_order_id=order_id, filled_qty="10", filled_avg_price="2.5", status="filled"
        )
        parts.log.snapshot(json.dumps(filled).encode(), received_at_ns=READ_NS)
    parts.writer.write(batch_of(parts.log.records))
    for order_id in orders:
        parts.found("missing_fill", order_id, {"order_id": order_id})
    parts.connection.execute("UPDATE discrepancies SET first_seen_at = now() - interval '1 hour'")
    # The last of them has its execution, by an activity that no window of time reaches.
    parts.broker.activities_of = [activity_json(order_id=orders[-1], qty="10", cum_qty="10", type="fill")]
    for _ in range(3):
        run, asked_before, made_before = parts.run(), len(parts.broker.asked), len(parts.published)
        reader = ActivityReader(parts.tools, parts.comparer, lambda: None, parts.publish)
        before_ns = time.time_ns()
        reader.read_suspects()
        reader.settle()
        adjust(parts.tools, parts.comparer, run, parts.publish, reader)
        asked = parts.broker.asked[asked_before:]
        assert len(asked) == 20
        made = [json.loads(each.raw) for each in parts.published[made_before:] if each.event == "residual"]
        assert {one["order_id"] for one in made} <= set(asked)
        assert all(parse_ns(one["as_of"]) >= before_ns for one in made)
    assert set(parts.broker.asked) == set(orders), "those that stay as they are leave the others their turn"
    assert set(parts.states("unexplained_fill")) == set(orders[:-1])
    fills = "SELECT alpaca_order_id, entry, qty FROM fills WHERE alpaca_order_id = %s"
    assert parts.connection.execute(fills, [orders[-1]]).fetchall() == [(orders[-1], "trade", 10)]


@pytest.mark.parametrize("bound", [False, True])
def test_an_order_whose_decision_came_while_the_sweep_went_on_is_not_external(parts: Parts, bound: bool) -> None:
    raw = json.dumps(ORDER).encode()
    topic = parts.tools.config.topics.order_snapshots
    parts.publish([Finding(topic, "snapshot", "order-1", READ_NS, raw)])
    sweep = parts.sweep()

    def told() -> dict[str, str]:
        sweep._examiner = parts.examiner(with_origins=True)
        sweep._examiner.take([raw], READ_NS + SECOND)
        if bound:
            parts.connection.execute(DECIDE, [ACCOUNT, "client-1"])
            parts.publish([Finding(topic, "snapshot", "order-1", READ_NS + 2 * SECOND, raw)])
        sweep._write_origins(READ_NS / SECOND + 60)
        return parts.states("external_order")

    assert told() == ({} if bound else {"order-1": "open"})


def test_absences_in_a_row_are_counted_anew_after_an_order_was_read_whose_fills_do_not_add_up(parts: Parts) -> None:
    short = order_json(filled_qty="4", filled_avg_price="2.5", status="partially_filled")
    parts.broker.listed = [short]
    parts.swept()
    checks = "SELECT absences, absent_since IS NULL FROM order_checks WHERE id = 'order-1'"
    parts.broker.listed = []
    assert parts.swept().proven_at is None
    assert parts.connection.execute(checks).fetchall() == [(1, False)]
    parts.broker.by_id = {"order-1": short}
    assert parts.swept().proven_at is None
    assert parts.connection.execute(checks).fetchall() == [(0, True)]


def test_a_decision_that_was_not_placed_is_never_so_without_a_finding(parts: Parts) -> None:
    """The sweep ends between the two, as where its connection breaks."""
    refuse = "ALTER TABLE discrepancies ADD CONSTRAINT not_now CHECK (type <> 'not_placed') NOT VALID"
    parts.connection.execute(DECIDE, [ACCOUNT, "nobody"])
    parts.connection.execute("UPDATE trade_decisions SET inserted_at = now() - interval '1 hour'")
    state = "SELECT state FROM trade_decisions"
    parts.swept()
    assert parts.connection.execute(state).fetchall() == [("unknown",)]
    parts.connection.execute("UPDATE order_checks SET absent_since = absent_since - interval '1 minute'")
    parts.connection.execute(refuse)
    try:
        with pytest.raises(psycopg.errors.CheckViolation):
            parts.swept()
    finally:
        parts.connection.execute("ALTER TABLE discrepancies DROP CONSTRAINT not_now")
    assert parts.connection.execute(state).fetchall() == [("unknown",)]
    parts.swept()
    assert parts.connection.execute(state).fetchall() == [("not_placed",)]
    assert parts.states("not_placed") == {"nobody": "open"}


def test_an_activity_that_can_not_be_read_covers_nothing(parts: Parts) -> None:
    """Its dead letter was answered by the very sweep that could not read it again, which then proved."""
    parts.connection.execute(
        """INSERT INTO dead_letters (topic_id, topic, partition, "offset", payload, kafka_timestamp, account_id, reason,
                                     error)
           VALUES ('id', 't', 0, 7, '', now(), %s, 'no_id', 'none')""", [ACCOUNT],
    )  # fmt: skip
    parts.found("undecodable", "t:0:7", {"topic_id": "id"})
    parts.broker.activities_of = [activity_json(order_id=...)]
    assert parts.swept().proven_at is None
    assert parts.states("undecodable") == {"t:0:7": "open"}
    # One that names its order says where to look instead.
    parts.broker.activities_of = [activity_json(order_id="order-9", qty="a lot")]
    parts.broker.by_id = {"order-9": order_json(id="order-9")}
    assert parts.swept().proven_at
    assert parts.states("undecodable") == {"t:0:7": "resolved"}
    assert parts.comparer.unknown(["order-9"]) == []
    assert [finding.order_id for finding in parts.published] == ["", "order-9", "order-9"]
