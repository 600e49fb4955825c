"""Fill accounting, rule by rule (DESIGN §4, `fills`), by example."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stream_reconcile.core.evidence import (
    Activity,
    Bust,
    Coordinates,
    Execution,
    ExecutionAdjustment,
    Residual,
)
from stream_reconcile.core.fills import execution_row, fill_rows, gross_qty

SECOND = 1_000_000_000
NOON = 1_790_000_000 * SECOND
D = Decimal


def frame(execution_id, qty="1", *, price="10", at=0, cum=None, offset=0, **other):
    place = Coordinates("trade-updates", 0, offset)
    fields = {"symbol": "AAPL", "side": "buy", **other}
    cum_qty = None if cum is None else D(cum)
    moment = NOON + int(at * SECOND)
    return Execution("acc", "ord", execution_id, D(qty), D(price), moment, cum_qty, coordinates=place, **fields)


def activity(activity_id, qty="1", *, price="10", at=0, cum=None):
    place = Coordinates("fill-activities", 0, 0)
    cum_qty = None if cum is None else D(cum)
    moment = NOON + int(at * SECOND)
    return Activity("acc", "ord", activity_id, D(qty), D(price), moment, cum_qty, "AAPL", "buy", place)


def bust(execution_id, *, at=60, qty=None, offset=9):
    qty = None if qty is None else D(qty)
    return Bust("acc", "ord", execution_id, NOON + at * SECOND, Coordinates("trade-updates", 0, offset), qty)


def stand_in(execution_id, qty="1", *, price="10", at=0):
    place = Coordinates("adjustments", 0, 0)
    return ExecutionAdjustment("acc", "ord", execution_id, D(qty), D(price), NOON + at * SECOND, "AAPL", "buy", place)


def residual(key, qty, explained_from, *, as_of=600):
    place = Coordinates("adjustments", 0, 1)
    as_of_ns = NOON + as_of * SECOND
    return Residual("acc", "ord", key, D(qty), D("9.5"), as_of_ns, D(explained_from), "AAPL", "buy", place)


def quantities(*evidence):
    return {row.fill_key: row.qty for row in fill_rows(evidence).rows}


def pairs(*evidence):
    rows = fill_rows(evidence).rows
    return {row.fill_key: row.activity_id for row in rows if row.fill_key[0] == "x"}


class TestOnce:
    def test_a_frame_sent_three_times_is_one_row(self):
        replays = [frame("e1", offset=n) for n in range(3)]
        book = fill_rows(replays)
        assert [row.fill_key for row in book.rows] == ["x:e1"]
        assert book.rows[0].coordinates.offset == 0
        assert book.conflicts == ()

    def test_of_two_contents_the_first_in_the_log_counts_and_both_are_shown(self):
        first, second = frame("e1", "1", offset=4), frame("e1", "2", offset=5)
        book = fill_rows([second, first])
        assert book.net == 1
        (conflict,) = book.conflicts
        assert (conflict.fill_key, conflict.statements) == ("x:e1", (first, second))

    @pytest.mark.parametrize(
        "other",
        [
            {"qty": "2"}, {"price": "11"}, {"cum": "2"}, {"symbol": "MSFT"}, {"side": "sell"}, {"at": 5.1},
            {"previous_execution_id": "e0"},
        ],
    )  # fmt: skip
    def test_another_content_conflicts(self, other):
        assert fill_rows([frame("e1", cum="1"), frame("e1", offset=1, **{"cum": "1"} | other)]).conflicts

    @pytest.mark.parametrize(
        "other",
        [{"qty": "1.00"}, {"price": "1E+1"}, {"cum": None}, {"symbol": ""}, {"side": ""}, {"at": 5}],
    )
    def test_what_is_equal_as_decimals_left_empty_or_within_five_seconds_does_not(self, other):
        assert not fill_rows([frame("e1", cum="1"), frame("e1", offset=1, **{"cum": "1"} | other)]).conflicts

    def test_two_later_contents_conflict_although_each_agrees_with_the_first(self):
        book = fill_rows([frame("e1"), frame("e1", cum="1", offset=1), frame("e1", cum="2", offset=2)])
        assert [conflict.fill_key for conflict in book.conflicts] == ["x:e1"]

    def test_the_sign_of_a_busts_quantity_says_nothing(self):
        assert not fill_rows([frame("e1"), bust("e1", qty="-1"), bust("e1", qty="1", offset=10)]).conflicts
        assert fill_rows([frame("e1"), bust("e1", qty="-1"), bust("e1", qty="2", offset=10)]).conflicts

    def test_evidence_of_two_orders_is_refused(self):
        other = Execution("acc", "ord 2", "e2", D(1), D(1), NOON, None, "AAPL", "buy", Coordinates("t", 0, 0))
        with pytest.raises(ValueError, match="per order"):
            fill_rows([frame("e1"), other])


class TestPairing:
    def test_frame_and_activity_of_one_execution_are_one_row_with_the_frames_values(self):
        told = frame("e1", at=0.5, cum="1")
        (row,) = fill_rows([activity("a1", cum="1"), told]).rows
        assert row == execution_row(told, "a1")
        assert (row.source, row.transacted_at_ns) == ("stream", told.transacted_at_ns)

    @pytest.mark.parametrize(
        ("one", "other"),
        [({"qty": "2"}, {}), ({"price": "10.01"}, {}), ({"cum": "1"}, {"cum": "2"}), ({"at": 5.000_000_001}, {})],
    )
    def test_what_does_not_fit_is_two_rows(self, one, other):
        assert set(quantities(frame("e1", **one), activity("a1", **other))) == {"x:e1", "a:a1"}

    def test_five_seconds_apart_still_fit(self):
        assert set(quantities(frame("e1", at=5), activity("a1"))) == {"x:e1"}

    def test_the_same_cumulative_comes_before_the_nearest(self):
        assert pairs(frame("leg", at=0), frame("e2", at=3, cum="2"), activity("a2", at=0, cum="2")) == {
            "x:leg": None,
            "x:e2": "a2",
        }

    def test_after_a_bust_the_same_cumulative_twice_is_told_apart_by_time(self):
        twice = [frame("e1", at=0, cum="1"), bust("e1", at=1), frame("e2", at=2, cum="1")]
        assert pairs(*twice, activity("a1", at=0.1, cum="1"), activity("a2", at=2.1, cum="1")) == {
            "x:e1": "a1",
            "x:e2": "a2",
        }

    def test_an_earlier_activity_moves_on_where_that_pairs_more(self):
        """a1, which states no cumulative, took e1, the nearest; a2 fits e1 only."""
        known = [frame("e1", cum="1"), frame("e2", at=4, cum="2"), activity("a1"), activity("a2", at=1, cum="1")]
        assert pairs(*known) == {"x:e1": "a2", "x:e2": "a1"}

    def test_one_that_finds_no_partner_blocks_no_later_one(self):
        """a3 finds only e1, taken for good; then a4 needs e2, from which a2 can move on."""
        frames = [frame("e1", cum="1"), frame("e2", at=4, cum="2"), frame("e3", cum="3")]
        told = [activity("a1", cum="1"), activity("a2", at=4), activity("a3", at=4, cum="1")]
        assert pairs(*frames, *told) == {"x:e1": "a1", "x:e2": "a2", "x:e3": None}
        assert pairs(*frames, *told, activity("a4", at=8, cum="2")) == {"x:e1": "a1", "x:e2": "a4", "x:e3": "a2"}

    def test_equal_executions_in_one_millisecond_pair_one_to_one(self):
        frames = [frame(f"e{n}", cum=str(n + 1)) for n in range(3)]
        assert pairs(*frames, *[activity(f"a{n}", cum=str(n + 1)) for n in range(3)]) == {
            "x:e0": "a0",
            "x:e1": "a1",
            "x:e2": "a2",
        }

    def test_a_leg_takes_its_cumulative_from_its_own_orders_frame(self):
        leg, own = frame("e1", offset=0), frame("e1", cum="1", offset=1)
        assert set(quantities(leg, own, activity("a1", cum="2"))) == {"x:e1", "a:a1"}

    def test_hundreds_alike_without_cumulative_and_more_activities_than_frames(self):
        frames = [frame(f"e{n}", at=n / 1000) for n in range(300)]
        told = [activity(f"a{n}", at=n / 1000 + 1) for n in range(400)]
        assert len(fill_rows([*frames, *told]).rows) == 400


class TestReversals:
    def test_a_bust_takes_back_the_whole_execution_at_its_own_time(self):
        book = fill_rows([frame("e1", "3", price="7"), bust("e1", qty="-3")])
        trade, reversal = book.rows
        assert book.net == 0
        assert (reversal.fill_key, reversal.reverses, reversal.entry) == ("r:e1", "x:e1", "reversal")
        assert (reversal.qty, reversal.price, reversal.transacted_at_ns) == (-3, 7, NOON + 60 * SECOND)
        assert trade.reverses is None

    def test_a_bust_that_overtakes_its_trade_waits(self):
        book = fill_rows([bust("e1")])
        assert (book.rows, book.net, book.waiting) == ((), 0, ("e1",))

    def test_a_bust_of_what_an_activity_alone_tells_waits(self):
        book = fill_rows([activity("a1"), bust("e1")])
        assert (book.net, book.waiting) == (1, ("e1",))

    def test_a_correction_is_a_reversal_and_a_row_of_its_own(self):
        book = fill_rows([frame("e1", "3"), frame("e2", "2", at=9, previous_execution_id="e1")])
        assert {row.fill_key: (row.qty, row.entry, row.reverses) for row in book.rows} == {
            "x:e1": (3, "trade", None),
            "r:e1": (-3, "reversal", "x:e1"),
            "x:e2": (2, "correction", "x:e1"),
        }

    def test_a_correction_that_overtakes_does_not_wait_itself(self):
        book = fill_rows([frame("e2", "2", previous_execution_id="e1")])
        assert (book.net, book.waiting) == (2, ("e1",))

    def test_bust_and_correction_of_one_execution_reverse_it_once(self):
        evidence = [frame("e1", "3"), frame("e2", "2", previous_execution_id="e1", offset=4), bust("e1", offset=5)]
        assert quantities(*evidence) == {"x:e1": 3, "r:e1": -3, "x:e2": 2}

    def test_a_reversal_is_dated_by_the_first_in_the_log_that_calls_for_it(self):
        corrected = frame("e2", at=30, previous_execution_id="e1", offset=5)
        for offset, seconds in ((4, 60), (6, 30)):
            rows = {r.fill_key: r for r in fill_rows([frame("e1"), corrected, bust("e1", at=60, offset=offset)]).rows}
            assert rows["r:e1"].transacted_at_ns == NOON + seconds * SECOND
            assert rows["r:e1"].coordinates.offset == min(offset, 5)

    def test_a_busted_correction_leaves_nothing(self):
        assert fill_rows([frame("e1"), frame("e2", "2", previous_execution_id="e1"), bust("e2")]).net == 0

    def test_a_correction_that_names_no_original_is_a_row_and_reverses_nothing(self):
        (row,) = fill_rows([frame("e2", previous_execution_id="")]).rows
        assert (row.entry, row.reverses) == ("correction", None)

    def test_a_correction_under_the_id_it_corrects_does_not_cancel_itself(self):
        evidence = [frame("e1", "3", offset=1), frame("e1", "2", previous_execution_id="e1", offset=2)]
        book = fill_rows(evidence)
        assert (book.net, len(book.conflicts)) == (3, 1)
        assert fill_rows(evidence[1:]).net == 2


class TestResiduals:
    def test_it_stands_until_the_real_ones_reach_explained_from(self):
        known = [frame("e1", "2", cum="2"), residual("k", "3", "5")]
        assert quantities(*known) == {"x:e1": 2, "s:k": 3}
        assert quantities(*known, activity("a2", "2", at=1, cum="4")) == {"x:e1": 2, "s:k": 3, "a:a2": 2}
        book = fill_rows([*known, activity("a2", "3", at=1, cum="5")])
        assert book.net == 5
        assert {(row.fill_key, row.reverses) for row in book.rows if row.qty < 0} == {("r:s:k", "s:k")}

    def test_what_was_executed_after_as_of_explains_nothing(self):
        known = [frame("e1", "2", cum="2"), residual("k", "3", "5", as_of=600)]
        assert "r:s:k" not in quantities(*known, frame("e2", "3", at=601, cum="8"))
        assert "r:s:k" in quantities(*known, frame("e2", "3", at=600, cum="8"))

    def test_reversals_are_not_deducted(self):
        known = [frame("e1", "2", cum="2"), residual("k", "3", "5"), frame("e2", "3", at=1, cum="5")]
        assert "r:s:k" in quantities(*known, bust("e1"))

    def test_the_pair_of_a_frame_and_its_activity_counts_once(self):
        known = [frame("e1", "3", cum="3"), activity("a1", "3", cum="3"), residual("k", "3", "6")]
        assert "r:s:k" not in quantities(*known)

    def test_an_execution_adjustment_is_no_evidence_of_the_broker(self):
        known = [residual("k", "3", "3"), stand_in("e1", "3")]
        assert gross_qty(known, NOON + 600 * SECOND) == 0
        assert "r:s:k" not in quantities(*known)

    def test_a_frame_later_than_its_activity_does_not_take_back_what_that_explained(self):
        known = [activity("a1", "3", at=599), residual("k", "3", "3", as_of=600)]
        assert "r:s:k" in quantities(*known)
        assert "r:s:k" in quantities(*known, frame("e1", "3", at=602))


class TestExecutionAdjustments:
    def test_it_stands_for_the_lost_frame_of_a_bust(self):
        book = fill_rows([activity("a1", cum="1"), bust("e1"), stand_in("e1", at=3000)])
        assert (book.net, book.waiting) == (0, ())
        row = next(row for row in book.rows if row.fill_key == "x:e1")
        assert (row.activity_id, row.source) == ("a1", "adjustment")

    def test_the_real_frames_values_replace_it_without_conflict(self):
        book = fill_rows([stand_in("e1", "1"), frame("e1", "2", price="11")])
        (row,) = book.rows
        assert (row.qty, row.price, row.source) == (2, 11, "stream")
        assert book.conflicts == ()

    def test_it_makes_the_frame_of_its_id_fit_any_time_and_cumulative(self):
        apart = [frame("e1", at=0, cum="1"), activity("a1", at=100, cum="4")]
        assert set(quantities(*apart)) == {"x:e1", "a:a1"}
        assert pairs(*apart, stand_in("e1")) == {"x:e1": "a1"}

    def test_it_leaves_to_the_frame_that_fits_what_is_that_frames(self):
        known = [frame("e1", cum="1"), stand_in("lost", at=0), activity("a1", cum="1"), activity("a2", at=50, cum="2")]
        assert pairs(*known) == {"x:e1": "a1", "x:lost": "a2"}

    def test_two_contents_under_one_id_conflict(self):
        assert fill_rows([stand_in("e1", "1"), stand_in("e1", "2")]).conflicts
