"""Which sweep is due, what a difference is, and when a stream is silent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stream_reconcile.core.discrepancy_types import BLOCKS_PROOF
from stream_reconcile.core.sweep.compared import (
    SELF_CLOSING,
    Compared,
    Graces,
    found_in,
    origin_of,
    sum_found,
    wants_a_look,
)
from stream_reconcile.core.sweep.schedule import Ages, Intervals, Kind, due
from stream_reconcile.core.sweep.silence import SilenceWatch
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
        "bound": True,
        "successor_missing": False,
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
    assert types(compared(status="replaced", our_status="replaced", successor_missing=True)) == ["broken_replace_chain"]
    assert types(compared(verdict="new", parent_order_id="p", our_status=None)) == ["missing_leg"]
    assert types(compared(status="pending_cancel", updated_s=NOW - 119)) == []
    assert types(compared(status="pending_cancel", updated_s=NOW - 120)) == ["stuck_pending"]


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


def test_what_wants_a_look() -> None:
    assert not wants_a_look(compared())
    assert wants_a_look(compared(verdict="other"))
    assert wants_a_look(compared(successor_missing=True))
    assert wants_a_look(compared(filled_qty=Decimal(3), net_qty=Decimal(2)))
    assert not wants_a_look(compared(verdict="older", filled_qty=Decimal("3.0"), net_qty=Decimal(3)))


def test_sums_of_a_snapshot_are_judged_past_the_grace() -> None:
    short = compared(filled_qty=Decimal(3), net_qty=Decimal(2))
    found = sum_found(short, NOW, GRACES)
    assert found is not None
    assert found.type == "missing_fill"
    many = sum_found(compared(filled_qty=Decimal(3), net_qty=Decimal(4)), NOW, GRACES)
    assert many is not None
    assert many.type == "excess_fill"
    assert sum_found(short._replace(updated_s=NOW - 1), NOW, GRACES) is None
    assert sum_found(short._replace(is_multi_leg=True), NOW, GRACES) is None
    assert not short.adds_up


def ages(**newest: float) -> dict[Kind, Ages]:
    return {Kind(kind): Ages(age, age) for kind, age in newest.items()}


@pytest.mark.parametrize(
    ("when", "windows", "all_time", "started", "expected"),
    [
        ({}, True, False, False, Kind.GAP),
        ({"gap": 4.0}, True, False, True, Kind.DEEP),
        ({"gap": 5.0, "hot": 1.0}, True, False, True, Kind.GAP),
        ({"gap": 4.0, "hot": 12.0}, False, False, False, Kind.DEEP),
        ({"hot": 9.0, "deep": 20.0}, False, False, True, None),
        ({"hot": 10.0, "deep": 20.0}, False, False, True, Kind.HOT),
        ({"hot": 1.0, "deep": 300.0}, False, False, True, Kind.DEEP),
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


def test_a_stream_is_silent_after_two_changes_that_no_frame_told() -> None:
    watch = SilenceWatch()
    watch.saw("a", NOW - 30)
    assert not watch.is_silent(NOW, NOW - 100, NOW - 200)
    watch.saw("a", NOW - 30)  # the same change, seen again
    assert not watch.is_silent(NOW, NOW - 100, NOW - 200)
    watch.saw("b", NOW - 19)
    assert not watch.is_silent(NOW, NOW - 100, NOW - 200), "the second is not old enough"
    assert watch.is_silent(NOW + 1, NOW - 100, NOW - 200)
    assert not watch.is_silent(NOW + 2, NOW - 100, NOW - 200), "it was asked for a moment ago"


def test_a_frame_or_a_new_socket_since_speaks_for_the_stream() -> None:
    watch = SilenceWatch()
    for order in ("a", "b"):
        watch.saw(order, NOW - 30)
    assert not watch.is_silent(NOW, NOW - 25, NOW - 200)
    for order in ("a", "b"):
        watch.saw(order, NOW - 30)
    assert not watch.is_silent(NOW, NOW - 100, NOW - 25)
    assert not watch.is_silent(NOW, NOW - 100, None), "nobody listens: that is no silence"


def test_the_types_that_close_themselves_are_written_alike_everywhere() -> None:
    assert {kind for kind in SELF_CLOSING if kind in BLOCKS_PROOF} == {*SELF_CLOSING} - {"stuck_pending"}
    assert "compare" in load("compare.sql")
