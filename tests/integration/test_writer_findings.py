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
from support.writer_bench import Bench

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
