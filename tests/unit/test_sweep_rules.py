"""Which sweep is due, what a difference is, and when a stream is silent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stream_reconcile.core.discrepancy_types import BLOCKS_PROOF
from stream_reconcile.core.sweep.compared import (
    SELF_CLOSING,
    Compared,
    Graces,
    drift_of,
    found_in,
    origin_of,
    shown_id,
    wants_a_look,
)
from stream_reconcile.core.sweep.schedule import Intervals, Kind, due
from stream_reconcile.core.sweep.silence import SilenceWatch
from stream_reconcile.core.sweep.sums import Sum, off
from stream_reconcile.store.queries import load

NOW = 1_800_000_000.0
GRACES = Graces()


def compared(**changes: object) -> Compared:
    values: dict[str, object] = {
        "order_id": "o1",
        "parent_order_id": None,
        "verdict": "same",
        "status": "new",
        "filled_qty": Decimal(0),
        "our_status": "new",
        "our_filled_qty": Decimal(0),
        "net_qty": Decimal(0),
        "origin": "own",
        "to_bind": False,
        "missing_successor": None,
        "submitted_s": NOW - 100,
        "updated_s": NOW - 100,
    }
    return Compared(**(values | changes))  # type: ignore[arg-type]


def types(one: Compared) -> list[str]:
    return [found.type for found in found_in(one, NOW, GRACES)]


def test_a_difference_of_version_alone_is_no_discrepancy() -> None:
    assert types(compared(verdict="newer", status="partially_filled", filled_qty=Decimal(1))) == []
    assert types(compared(verdict="new", our_status=None)) == []


@pytest.mark.parametrize(("age_s", "expected"), [(4.9, []), (5.0, ["missed_terminal"])])
def test_a_terminal_order_that_is_open_here_is_found_past_its_grace(age_s: float, expected: list[str]) -> None:
    assert types(compared(verdict="newer", status="filled", updated_s=NOW - age_s)) == expected
    assert types(compared(verdict="same", status="filled", our_status="filled", updated_s=NOW - age_s)) == []


def test_chains_legs_and_pending_orders() -> None:
    assert types(compared(status="replaced", our_status="replaced", missing_successor="o2")) == ["broken_replace_chain"]
    assert types(compared(verdict="new", parent_order_id="p", our_status=None)) == ["missing_leg"]
    assert types(compared(status="pending_cancel", updated_s=NOW - 119)) == []
    stuck = compared(status="pending_cancel", updated_s=NOW - 120)
    assert types(stuck) == ["stuck_pending"]
    assert found_in(stuck, NOW, GRACES, read_s=NOW - 1) == [], "what became of it since it was read is not known"


def test_where_an_order_comes_from_is_told_of_the_root_past_the_grace() -> None:
    found = origin_of(compared(origin="external"), NOW, GRACES)
    assert found is not None
    assert found.type == "external_order"
    recovered = origin_of(compared(origin="recovered"), NOW, GRACES)
    assert recovered is not None
    assert recovered.type == "unrecorded_order"
    assert origin_of(compared(origin="own"), NOW, GRACES) is None
    assert origin_of(compared(origin="external", submitted_s=NOW - 1), NOW, GRACES) is None
    assert origin_of(compared(origin="external", parent_order_id="p"), NOW, GRACES) is None
    assert origin_of(compared(origin="external", to_bind=True), NOW, GRACES) is None, "its decision is there"


def test_what_wants_a_look() -> None:
    assert not wants_a_look(compared())
    assert wants_a_look(compared(verdict="other"))
    assert wants_a_look(compared(missing_successor="o2"))
    assert wants_a_look(compared(to_bind=True))
    assert wants_a_look(compared(filled_qty=Decimal(3), net_qty=Decimal(2)))
    assert not wants_a_look(compared(verdict="older", filled_qty=Decimal("3.0"), net_qty=Decimal(3)))


def test_an_id_of_whatever_characters_is_told_on_one_line() -> None:
    assert shown_id("my-order 1") == "my-order 1"
    assert shown_id("a\n\x1b[2Jé") == r"a\n\x1b[2J\xe9"
    assert shown_id("x" * 500) == "x" * 64 + "…"


def ages(**newest: float) -> dict[Kind, float]:
    return {Kind(kind): age for kind, age in newest.items()}


@pytest.mark.parametrize(
    ("when", "windows", "all_time", "started", "expected"),
    [
        ({}, True, False, False, Kind.GAP),
        ({"gap": 4.0}, True, False, True, Kind.DEEP),
        ({"gap": 5.0, "hot": 1.0, "deep": 20.0}, True, False, True, Kind.GAP),
        ({"gap": 5.0, "hot": 1.0, "deep": 300.0}, True, False, True, Kind.DEEP),
        ({"gap": 301.0, "hot": 1.0, "deep": 300.0}, True, False, True, Kind.GAP),
        ({"gap": 5.0, "hot": 1.0, "deep": 3.0}, True, True, True, Kind.FULL),
        ({"gap": 4.0, "hot": 12.0}, False, False, False, Kind.DEEP),
        ({"hot": 9.0, "deep": 20.0}, False, False, True, None),
        ({"hot": 10.0, "deep": 20.0}, False, False, True, Kind.HOT),
        ({"hot": 1.0, "deep": 300.0}, False, False, True, Kind.DEEP),
        ({"hot": 99.0, "deep": 300.0}, False, False, True, Kind.DEEP),
        ({"hot": 1.0, "deep": 20.0}, False, False, False, Kind.DEEP),
        ({"hot": 1.0, "deep": 20.0}, False, True, True, Kind.FULL),
        ({"hot": 1.0, "deep": 20.0, "full": 299.0}, False, True, True, None),
    ],
)
def test_which_sweep_is_due(
    when: dict[str, float], windows: bool, all_time: bool, started: bool, expected: Kind | None
) -> None:
    assert due(ages(**when), Intervals(), windows=windows, all_time=all_time, started=started) is expected


def test_below_a_long_sweep_only_urgent_ones_run() -> None:
    deep = frozenset({Kind.DEEP})
    quiet = ages(hot=1.0, deep=999.0)
    assert due(quiet, Intervals(), windows=False, all_time=True, started=True, stalled=deep) is None
    assert due({}, Intervals(), windows=True, all_time=False, started=True, stalled=deep) is Kind.GAP
    assert due({}, Intervals(), windows=False, all_time=False, started=True, stalled=deep) is Kind.HOT


@pytest.mark.parametrize(
    ("age", "urgent", "expected"), [(15.9, False, None), (16.0, False, Kind.HOT), (15.9, True, None)]
)
def test_hot_sweeps_that_take_long_leave_half_of_the_time_to_the_one_below(
    age: float, urgent: bool, expected: Kind | None
) -> None:
    when = ages(hot=age, deep=999.0)
    for took, stalled, wanted in ((8.0, frozenset({Kind.DEEP}), expected), (8.0, frozenset[Kind](), Kind.DEEP)):
        found = due(
            when,
            Intervals(),
            windows=False,
            all_time=False,
            started=True,
            stalled=stalled,
            urgent=urgent,
            hot_took_s=took,
        )
        assert found is wanted


def test_a_stream_is_silent_after_two_changes_that_no_frame_told() -> None:
    watch = SilenceWatch(20.0)
    watch.saw("a", NOW - 30)
    assert not watch.is_silent(NOW, NOW - 100, NOW - 200)
    watch.saw("a", NOW - 30)  # the same change, seen again
    assert not watch.is_silent(NOW, NOW - 100, NOW - 200)
    watch.saw("b", NOW - 19)
    assert not watch.is_silent(NOW, NOW - 100, NOW - 200), "the second is not old enough"
    assert watch.is_silent(NOW + 1, NOW - 100, NOW - 200)
    assert not watch.is_silent(NOW + 2, NOW - 100, NOW - 200), "it was asked for a moment ago"


def test_a_frame_or_a_new_socket_since_speaks_for_the_stream() -> None:
    watch = SilenceWatch(20.0)
    for order in ("a", "b"):
        watch.saw(order, NOW - 30)
    assert not watch.is_silent(NOW, NOW - 25, NOW - 200)
    for order in ("a", "b"):
        watch.saw(order, NOW - 30)
    assert not watch.is_silent(NOW, NOW - 100, NOW - 25)
    assert not watch.is_silent(NOW, NOW - 100, None), "nobody listens: that is no silence"


def test_changes_do_not_heap_up_while_nobody_listens_or_no_new_socket_comes() -> None:
    watch = SilenceWatch(20.0)
    for number in range(1_000):  # ingest is away, sweeps bring everything
        watch.saw(f"o{number}", NOW + number)
        assert not watch.is_silent(NOW + number, NOW - 100, None)
    assert len(watch) == 0
    asked = 0
    for number in range(1_000):  # it listens, nothing comes, and it does not do what it is asked for
        watch.saw(f"o{number}", NOW + 2_000 + number)
        asked += watch.is_silent(NOW + 2_000 + number, NOW - 100, NOW + 1_990)
    assert len(watch) == 100
    assert asked == 17, "once a minute"
    assert not watch.is_silent(NOW + 3_000, NOW + 2_995, NOW + 1_990)
    assert len(watch) == 0, "a frame came"


def test_the_types_that_close_themselves_are_written_alike_everywhere() -> None:
    told_only = {"stuck_pending", "impossible_regression"}
    assert {kind for kind in SELF_CLOSING if kind in BLOCKS_PROOF} == {*SELF_CLOSING} - told_only
    assert "compare" in load("compare.sql")


def test_terms_that_drifted_are_told_once_the_row_is_right() -> None:
    drifted = compared(drift={"limit_price": ["1.5", "1.00"]})
    found = drift_of(drifted)
    assert found is not None
    assert found.type == "parameter_drift"
    assert found.evidence == {"broker": {"limit_price": "1.5"}, "ours": {"limit_price": "1.00"}}
    assert drift_of(compared(verdict="newer", drift={"limit_price": ["1.5", "1.00"]})) is None
    assert drift_of(compared()) is None


def test_an_order_that_is_new_here_has_no_broken_chain_and_no_missing_legs_yet() -> None:
    assert types(compared(verdict="new", our_status=None, missing_successor="o2")) == []
    leg = compared(verdict="new", parent_order_id="p", our_status=None)
    assert found_in(leg, NOW, GRACES, parent_is_new=True) == []


def sums(**changes: object) -> Sum:
    values = {"order_id": "o1", "qty": Decimal(10), "filled_qty": Decimal(10), "net": Decimal(10), "fills": 1}
    values |= {"parent_order_id": None, "order_class": "", "ratio_qty": None, "said_at": "t:0:7"}
    return Sum(**(values | changes))  # type: ignore[arg-type]


def test_sums_that_a_snapshot_states() -> None:
    assert off([sums(), sums(order_id="o2", filled_qty=None, net=Decimal(3))]) == []
    (short,) = off([sums(net=Decimal(4))])
    assert short.types == ("missing_fill",)
    assert short.evidence["broker"] == {"filled_qty": "10", "qty": "10", "said_at": "t:0:7"}
    (long,) = off([sums(net=Decimal(11))])
    assert long.types == ("excess_fill",)
    parent = sums(order_class="mleg", net=Decimal(0), filled_qty=Decimal(2), qty=Decimal(2))
    leg = sums(order_id="l1", parent_order_id="o1", ratio_qty=Decimal(3), filled_qty=Decimal(6), net=Decimal(6))
    assert off([parent, leg]) == []
    assert [one.order_id for one in off([parent, leg._replace(net=Decimal(5))])] == ["o1", "l1"]
