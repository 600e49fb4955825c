"""I9 in the writer: what does not add up is found at the event that shows it, and closes itself."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from stream_reconcile.store.batch import Record
from support.log_records import LogRecords
from support.wire_data import activity_json, frame, order_json
from support.writer_bench import WAYS, Bench

pytestmark = pytest.mark.rows_only

AT = "2026-09-18T13:24:5{}Z"


class Story:
    """One order, told step by step; each step is a batch of its own."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.log = LogRecords()
        self.version = 0

    def order(self, filled_qty: str, **changes: Any) -> dict[str, Any]:
        self.version += 1
        updated_at = f"2026-09-18T13:25:{self.version:02d}Z"
        return order_json(filled_qty=filled_qty, updated_at=updated_at, status="partially_filled") | changes

    def fill(self, number: int, filled_qty: str, qty: str = "1", **changes: Any) -> Record:
        execution = {"execution_id": f"x{number}", "qty": qty, "price": "10", "timestamp": AT.format(number)}
        return self.log.frame(frame("partial_fill", self.order(filled_qty, **changes), **execution))

    def bust(self, number: int, filled_qty: str) -> Record:
        return self.log.frame(
            frame("trade_bust", self.order(filled_qty), previous_execution_id=f"x{number}", qty="-1", price="10")
        )

    def correct(self, number: int, by: int, filled_qty: str, qty: str) -> Record:
        execution = {"execution_id": f"x{by}", "previous_execution_id": f"x{number}", "qty": qty, "price": "10"}
        return self.log.frame(frame("trade_correct", self.order(filled_qty), **execution))

    def state(self, filled_qty: str, **changes: Any) -> Record:
        return self.log.frame(frame("pending_cancel", self.order(filled_qty, **changes)))

    def activity(self, number: int, **changes: Any) -> Record:
        said = {"id": f"a{number}", "qty": "1", "price": "10", "cum_qty": str(number), "symbol": "DOGE/USD"}
        said |= {"transaction_time": AT.format(number)}
        return self.log.activity(json.dumps(activity_json(**(said | changes))).encode())

    def tell(self, *records: Record) -> set[str]:
        """Write one batch; gives the types of what is open then."""
        self.bench.write(records)
        return {kind for _subject, kind in self.bench.open()}

    def net(self) -> str:
        ((net,),) = self.bench.rows("SELECT coalesce(sum(qty), 0) FROM fills")
        return str(net)


@pytest.fixture
def story(database: str) -> Iterator[Story]:
    with contextlib.closing(Bench(database)) as bench:
        yield Story(bench)


def test_i9_a_dropped_fill_is_noticed_at_the_next_event_and_closes_when_it_comes(story: Story) -> None:
    first, lost, third = story.fill(1, "1"), story.fill(2, "2"), story.fill(3, "3")
    assert story.tell(first) == set()
    assert story.tell(third) == {"missing_fill"}
    ((evidence,),) = story.bench.rows("SELECT evidence FROM discrepancies")
    assert evidence["broker"]["filled_qty"] == "3"
    assert evidence["ours"]["net_fills"] == "2"
    assert story.tell(lost) == set()
    ((state, resolution, who),) = story.bench.rows("SELECT state, resolution, resolved_by FROM discrepancies")
    assert (state, resolution, who) == ("resolved", "the sums agree", "apply")


def test_i9_any_next_event_of_the_order_will_do(story: Story) -> None:
    story.fill(1, "1")
    assert story.tell(story.state("1")) == {"missing_fill"}


def test_i9_an_activity_tells_of_what_was_dropped(story: Story) -> None:
    assert story.tell(story.fill(1, "1"), story.fill(3, "3")) == {"missing_fill"}
    assert story.tell(story.activity(2)) == set()
    assert story.net() == "3"
    assert story.bench.rows("SELECT fill_key FROM fills ORDER BY 1") == [("a:a2",), ("x:x1",), ("x:x3",)]


def test_i9_a_shortfall_that_comes_back_by_the_same_numbers_is_found_again(story: Story) -> None:
    one, two = story.fill(1, "1"), story.fill(2, "2")
    assert story.tell(two) == {"missing_fill"}
    assert story.tell(one) == set()
    # Busted, and the broker still says 2: the sum is short by the same numbers as before.
    assert story.tell(story.bust(1, "2")) == {"missing_fill", "trade_bust"}
    assert story.tell(story.state("1")) == set()


def test_i9_more_fills_than_the_broker_says(story: Story) -> None:
    assert story.tell(story.fill(1, "1"), story.fill(2, "1")) == {"excess_fill"}
    assert story.tell(story.state("2")) == set()


def test_i9_too_few_becomes_too_many(story: Story) -> None:
    assert story.tell(story.fill(1, "3")) == {"missing_fill"}
    assert story.tell(story.fill(2, "1", qty="4")) == {"excess_fill"}


def test_an_overfill_stays_for_a_person(story: Story) -> None:
    assert story.tell(story.fill(1, "11", qty="11")) == {"overfill"}
    assert story.tell(story.state("11", qty="11")) == {"overfill"}


def test_a_bust_is_recorded_and_closes_when_the_sums_agree(story: Story) -> None:
    story.tell(story.fill(1, "1"), story.fill(2, "2"))
    assert story.tell(story.bust(2, "1")) == set()
    assert story.net() == "1"
    rows = story.bench.rows("SELECT type, state FROM discrepancies")
    assert rows == [("trade_bust", "resolved")]
    assert story.bench.rows("SELECT fill_key, qty::text, reverses FROM fills WHERE entry = 'reversal'") == [
        ("r:x2", "-1", "x:x2")
    ]


def test_a_bust_that_overtakes_its_trade(story: Story) -> None:
    trade, bust = story.fill(1, "1"), story.bust(1, "0")
    assert story.tell(bust) == set()  # the broker says 0 and there is nothing: they agree
    assert story.tell(trade) == set()
    assert story.net() == "0"
    assert story.bench.rows("SELECT fill_key FROM fills ORDER BY 1") == [("r:x1",), ("x:x1",)]


def test_a_correction_reverses_and_stands_in_place(story: Story) -> None:
    story.tell(story.fill(1, "1"))
    assert story.tell(story.correct(1, 2, "3", qty="3")) == set()
    assert story.net() == "3"
    assert story.bench.rows("SELECT type, state FROM discrepancies") == [("trade_correct", "resolved")]
    found = story.bench.rows("SELECT fill_key, entry, reverses FROM fills ORDER BY 1")
    assert found == [("r:x1", "reversal", "x:x1"), ("x:x1", "trade", None), ("x:x2", "correction", "x:x1")]


def test_one_execution_with_two_contents_is_a_conflict(story: Story) -> None:
    first = story.fill(1, "1")
    second = story.fill(1, "1", qty="2")
    assert story.tell(second) == {"excess_fill"}
    assert story.tell(first) == {"conflicting_fill"}
    assert story.net() == "1"  # the first in the log counts, whichever came first to us
    assert story.tell(story.state("1")) == {"conflicting_fill"}  # until the broker has been asked


def test_two_orders_that_claim_one_execution(story: Story) -> None:
    mine = story.fill(1, "1")
    theirs = story.fill(1, "1", id="order-2")
    story.tell(theirs)
    story.tell(mine)
    assert story.bench.rows("SELECT alpaca_order_id FROM fills") == [("order-1",)]  # the first in the log
    assert ("order-2", "missing_fill") in story.bench.open()
    assert ("order-1", "missing_fill") not in story.bench.open()


def test_a_snapshot_runs_ahead_of_the_stream_without_a_finding(story: Story) -> None:
    first, second = story.fill(1, "1"), story.fill(2, "2")
    snapshot = story.log.snapshot(json.dumps(story.order("2")).encode(), received_at_ns=5)
    assert story.tell(first) == set()
    assert story.tell(snapshot) == set()  # the sweep judges it, past its grace
    assert story.tell(second) == set()


def test_evidence_before_its_order_has_a_row(story: Story) -> None:
    activity, fill = story.activity(1), story.fill(1, "1")
    assert story.tell(activity) == set()
    assert story.bench.rows("SELECT fill_key FROM fills") == [("a:a1",)]
    assert story.bench.rows("SELECT FROM executions") == []
    assert story.tell(fill) == set()
    assert story.bench.rows("SELECT fill_key, activity_id FROM fills") == [("x:x1", "a1")]
    assert story.bench.rows("SELECT has_evidence FROM executions") == [(True,)]


@pytest.mark.parametrize("alone", [True, False])
def test_a_fill_without_any_time_beside_evidence(story: Story, alone: bool) -> None:
    timeless = story.log.frame(
        frame("fill", order_json(updated_at=None, filled_qty="1"), execution_id="x", qty="1", price="10", timestamp=...)
    )
    steps = [[timeless], [story.activity(1)]] if alone else [[timeless, story.activity(1)]]
    for step in steps:
        found = story.tell(*step)
    assert found == set()
    assert story.bench.rows("SELECT fill_key FROM fills") == [("a:a1",)]


def test_a_fill_frame_with_a_signed_quantity(story: Story) -> None:
    fill = story.fill(1, "1", qty="-1", side="sell")
    assert story.tell(fill) == set()
    assert story.net() == "1"
    assert story.tell(story.activity(1, side="sell")) == set()
    assert story.net() == "1"


# -- what lives tell (C3, C6, D2, D3) ----------------------------------------------------------------------------------


def told(story: Story, kind: str) -> list[tuple[str, str]]:
    """Subject and state of the rows of a type."""
    return story.bench.rows("SELECT subject, state FROM discrepancies WHERE type = %s ORDER BY 1, discrepancy_id", kind)


def lives(story: Story) -> dict[str, list[Record]]:
    """Orders by what their lives have to tell: each a log of its own steps, oldest first."""
    asked = "2026-09-18T13:25:00Z"
    over = {"status": "canceled", "canceled_at": asked}
    new = {"replaced_at": AT.format(4), "replaced_by": "order-9", "status": "replaced"}

    def order(order_id: str, filled_qty: str, **changes: Any) -> dict[str, Any]:
        terms = story.order(filled_qty, id=order_id, **changes)
        return {name: value for name, value in terms.items() if value is not ...}

    def step(event: str, order_id: str, filled_qty: str = "0", **changes: Any) -> Record:
        return story.log.frame(frame(event, order(order_id, filled_qty, **changes)))

    def fill(number: int, order_id: str, filled_qty: str, **changes: Any) -> Record:
        execution = {"execution_id": f"x{number}", "qty": filled_qty, "price": "10", "timestamp": AT.format(number)}
        return story.log.frame(frame("fill", order(order_id, filled_qty, **changes), **execution))

    return {
        "cancel_fill_race": [
            step("pending_cancel", "race", status="pending_cancel", cancel_requested_at=asked),
            fill(1, "race", "10", status="filled", cancel_requested_at=asked, filled_at="2026-09-18T13:25:01Z"),
            step("pending_cancel", "unstated", status="pending_cancel", cancel_requested_at=...),
            fill(2, "unstated", "10", status="filled", cancel_requested_at=...),
        ],
        "impossible_regression": [step("canceled", "again", **over), step("new", "again", status="new")],
        "fill_on_predecessor": [step("replaced", "old", **new), fill(5, "old", "1", **new)],
        "replace_rejected": [
            step("order_replace_rejected", "refused", status="new"),
            step("order_replace_rejected", "refused", status="new", filled_qty="0.0"),
        ],
        "nothing": [
            step("pending_cancel", "asked", status="pending_cancel", cancel_requested_at=asked),
            step("order_cancel_rejected", "asked", status="new"),
            step("canceled", "asked", **over),
            fill(3, "filled", "1", status="filled", qty="1"),
            step("pending_replace", "replaced", status="pending_replace"),
            fill(4, "replaced", "1", **(new | {"replaced_at": AT.format(5)})),
            step("pending_cancel", "too late", status="pending_cancel", cancel_requested_at=asked),
            fill(6, "too late", "1", status="filled", cancel_requested_at=asked, filled_at=AT.format(6)),
        ],
    }  # fmt: skip


EXPECTED = {
    "cancel_fill_race": [("race", "resolved"), ("unstated", "resolved")],
    "impossible_regression": [("again", "open")],
    "fill_on_predecessor": [("old", "resolved")],
    "replace_rejected": [("refused", "resolved")],
}


@pytest.mark.parametrize("order", ["as it happened", "backwards", "at once"])
@pytest.mark.parametrize("way", WAYS)
def test_lives_are_told_in_any_order_by_every_way_and_once(database: str, order: str, way: str) -> None:
    with contextlib.closing(Bench(database, **WAYS[way])) as bench:
        story = Story(bench)
        records = [record for each in lives(story).values() for record in each]
        batches = [[record] for record in (records if order == "as it happened" else reversed(records))]
        for batch in [records] if order == "at once" else batches:
            bench.write(batch)
        assert {kind: told(story, kind) for kind in EXPECTED} == EXPECTED
        before = bench.rows("SELECT discrepancy_id, type, subject, state, evidence FROM discrepancies ORDER BY 1")
        assert len(before) == 5
        # Replayed, one by one and at once, and once more when nothing is open.
        for batch in [*([record] for record in records), records]:
            bench.write(batch)
        assert before == bench.rows(
            "SELECT discrepancy_id, type, subject, state, evidence FROM discrepancies ORDER BY 1"
        )
        bench.connection.execute("UPDATE discrepancies SET state = 'resolved', resolved_at = now()")
        bench.write(records)
        assert bench.open() == set()
        assert len(bench.rows("SELECT FROM discrepancies")) == 5


def test_an_order_that_a_bust_opened_again_is_no_impossible_one(story: Story) -> None:
    filled = {"status": "filled", "qty": "1"}
    story.tell(story.fill(1, "1", **filled))
    assert story.tell(story.bust(1, "0")) == set()
    assert story.tell(story.fill(2, "1")) == set()  # as much as before is filled, and it is open
    assert told(story, "impossible_regression") == []
    # Of which the frame was lost: less is filled than when it was over.
    lost = {"id": "order-2", "qty": "1"}
    story.tell(story.fill(3, "1", status="filled", **lost))
    less = json.dumps(story.order("0", status="new", **lost)).encode()
    story.bench.write([story.log.snapshot(less, received_at_ns=9)])
    assert told(story, "impossible_regression") == []


def test_a_fill_of_a_replaced_order_that_an_activity_tells(story: Story) -> None:
    new = {"replaced_at": AT.format(4), "replaced_by": "order-9", "status": "replaced"}
    story.tell(story.log.frame(frame("replaced", story.order("0", **new))))
    story.tell(story.activity(3), story.log.frame(frame("replaced", story.order("1", **new))))
    assert told(story, "fill_on_predecessor") == []  # it was told late, and happened before
    late = {"transaction_time": AT.format(5), "cum_qty": "2"}
    assert story.tell(story.activity(5, **late)) == {"fill_on_predecessor", "excess_fill"}
    assert story.tell(story.log.frame(frame("replaced", story.order("2", **new)))) == set()
    assert told(story, "fill_on_predecessor") == [("order-1", "resolved")]
