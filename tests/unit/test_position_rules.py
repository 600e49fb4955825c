"""Baseline, drift, fees in coins, and what is read of positions and activities."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.sweep.positions import (
    Known,
    Move,
    Movement,
    Reading,
    Verdict,
    counted,
    explaining,
    fits,
    judged,
    normal,
    settled,
    taken,
)
from stream_reconcile.core.wire.holdings import parse_movement, parse_position

SECOND = 1_000_000_000
AT = 1_780_000_000 * SECOND


def at(second: float) -> int:
    return AT + round(second * SECOND)


def move(second: float, qty: str) -> Move:
    return Move(at(second), Decimal(qty), abs(Decimal(qty)))


def read(second: float, qty: str) -> Reading:
    return Reading(Decimal(qty), at(second))


def agreed(qty: str, *, crypto: bool = False) -> Known:
    return Known("S", AT, (Decimal(qty),), agreed=True, crypto=crypto)


@pytest.mark.parametrize(("second", "expected"), [(14.9, False), (15.0, True)])
def test_two_readings_that_agree_are_a_baseline_when_they_are_apart(second: float, expected: bool) -> None:
    first = judged(Known("S"), read(0, "3"), [])
    assert (first.verdict, first.known.baseline) == (Verdict.WAITS, None)
    assert judged(first.known, read(second, "3.0"), []).known.agreed is expected


def test_readings_that_contradict_each_other_begin_anew() -> None:
    first = judged(Known("S"), read(0, "3"), []).known
    second = judged(first, read(20, "5"), []).known
    assert (second.since_ns, second.possible, second.agreed) == (at(20), (Decimal(5),), False)
    third = judged(second, read(40, "6"), [move(30, "1")])
    assert (third.verdict, third.known.baseline, third.known.since_ns) == (Verdict.FITS, Decimal(5), at(20))


def test_a_baseline_waits_while_several_quantities_may_have_been_held() -> None:
    # The first reading may show the time before either fill, between them, or after.
    fills = [move(-3, "1"), move(-2, "1")]
    first = judged(Known("S"), read(0, "7"), fills).known
    assert first.possible == (Decimal(7), Decimal(8), Decimal(9))
    fills += [move(18, "1")]
    second = judged(first, read(20, "9"), fills)
    assert (second.verdict, second.known.possible) == (Verdict.WAITS, (Decimal(8), Decimal(9)))
    third = judged(second.known, read(40, "9"), fills)
    assert (third.verdict, third.known.baseline) == (Verdict.FITS, Decimal(8))


@pytest.mark.parametrize(
    ("fill_s", "qty", "expected"),
    [(-14, "3", True), (-16, "3", False), (-16, "5", True), (1, "5", True), (3, "5", False), (1, "3", True)],
)
def test_a_reading_shows_some_moment_of_its_last_window(fill_s: float, qty: str, expected: bool) -> None:
    assert fits(read(100, qty), read(0, "3"), [move(100 + fill_s, "2")]) is expected


def test_a_baseline_moves_on_with_a_reading_that_fits() -> None:
    fills = [move(10, "2"), move(90, "1")]
    moved = judged(counted(agreed("3", crypto=True), []), read(100, "6"), fills).known
    assert (moved.since_ns, moved.baseline, moved.traded) == (at(85), Decimal(5), Decimal(2))
    # Known late: of the window, it counts; and what fees may have taken is reckoned from the first reading on.
    after = judged(moved, read(200, "7"), [*fills, move(99, "1")])
    assert (after.verdict, after.allowed) == (Verdict.FITS, Decimal("0.020"))
    assert judged(moved, read(100, "6"), fills).known == moved


def test_a_misfit_is_a_drift_when_it_lasts_and_over_when_one_reading_fits() -> None:
    first = judged(agreed("3"), read(100, "5"), [])
    assert (first.verdict, first.known.misfit) == (Verdict.MISFIT, read(100, "5"))
    assert judged(first.known, read(114, "5"), []).verdict is Verdict.MISFIT
    drift = judged(first.known, read(115, "5"), [])
    assert (drift.verdict, drift.beyond) == (Verdict.DRIFT, (Decimal(2),))
    assert judged(drift.known, read(130, "3"), []).known.misfit is None


def test_readings_that_differ_by_other_quantities_do_not_agree_on_a_drift() -> None:
    first = judged(agreed("3"), read(100, "5"), []).known
    second = judged(first, read(120, "6"), [])
    assert (second.verdict, second.known.misfit) == (Verdict.MISFIT, read(120, "6"))
    assert judged(second.known, read(140, "6"), []).verdict is Verdict.DRIFT


def test_a_fill_that_was_known_late_makes_no_misfit_of_the_reading_before_it() -> None:
    first = judged(agreed("3"), read(100, "5"), []).known
    late = [move(90, "2")]
    fits_now = judged(first, read(120, "5"), late)
    assert (fits_now.verdict, fits_now.known.misfit) == (Verdict.FITS, None)
    # And another one is missing by then: that is a first misfit, not a second.
    again = judged(first, read(120, "9"), late)
    assert (again.verdict, again.known.misfit, again.known.since_ns) == (Verdict.MISFIT, read(120, "9"), at(85))


def test_a_reading_waits_until_activities_were_read_after_it() -> None:
    known = taken(taken(agreed("3"), read(100, "5")), read(120, "6"))
    assert settled(known, at(99), []) is None
    one = settled(known, at(100), [move(95, "2")])
    assert one is not None
    assert (one.verdict, one.reading, one.known.pending) == (Verdict.FITS, read(100, "5"), (read(120, "6"),))
    both = settled(known, at(120), [])
    assert both is not None
    assert (both.verdict, both.known.misfit, both.known.pending) == (Verdict.MISFIT, read(120, "6"), ())


def test_of_readings_that_wait_long_the_newest_are_kept() -> None:
    known = agreed("3")
    for second in range(6):
        known = taken(known, read(second, "3"))
    assert [reading.at_ns for reading in known.pending] == [at(second) for second in (2, 3, 4, 5)]


@pytest.mark.parametrize(
    ("qty", "crypto", "expected"),
    [
        ("5.99", True, Verdict.FEE),  # half a percent of the two that were traded
        ("5.9899", True, Verdict.MISFIT),
        ("6.001", True, Verdict.MISFIT),  # a fee takes, it does not give
        ("5.999", False, Verdict.MISFIT),
        ("6", True, Verdict.FITS),
    ],
)
def test_coins_may_lack_a_fee(qty: str, crypto: bool, expected: Verdict) -> None:
    fills = [move(10, "2"), move(-10, "100")]
    assert judged(agreed("4", crypto=crypto), read(100, qty), fills).verdict is expected


def test_a_fee_counts_once_and_lowers_what_fees_may_still_take() -> None:
    fills = [move(10, "2")]
    lacking = judged(agreed("4", crypto=True), read(100, "5.994"), fills)
    fee, other = (Movement(name, "CFEE", "S", Decimal(qty)) for name, qty in (("a", "-0.006"), ("b", "-0.008")))
    assert explaining(lacking, [other]) == []
    assert explaining(lacking, [other, fee]) == [fee]
    known = counted(lacking.known, [fee])
    after = judged(known, read(120, "5.994"), fills)
    assert (after.verdict, after.allowed) == (Verdict.FITS, Decimal("0.004"))


def test_a_transfer_is_told_apart_from_the_fees() -> None:
    known = Known("S", AT, (Decimal(4),), agreed=True, misfit=read(60, "4.494"), crypto=True)
    drift = judged(known, read(100, "4.494"), [move(10, "2")])
    assert drift.verdict is Verdict.DRIFT
    fee, transfer = Movement("a", "CFEE", "S", Decimal("-0.006")), Movement("b", "TRANS", "S", Decimal("-1.5"))
    assert explaining(drift, [transfer]) == [transfer]
    assert explaining(drift, [transfer, fee]) == [fee, transfer]
    assert explaining(drift, [fee]) == []


def test_of_activities_the_newest_that_do_are_taken() -> None:
    drift = judged(Known("S", AT, (Decimal(0),), agreed=True, misfit=read(20, "30")), read(100, "30"), [])
    split = [Movement(name, "SPLIT", "S", Decimal(qty)) for name, qty in (("1", "30"), ("2", "-10"), ("3", "40"))]
    assert explaining(drift, split) == [split[0]]
    assert explaining(drift, split[1:]) == split[1:]
    assert explaining(drift, split[2:]) == []
    assert explaining(drift, [split[0], split[0]._replace(activity_id="4")]) == [split[0]._replace(activity_id="4")]


def test_names_of_coins() -> None:
    assert normal("BTC/USD") == normal("btcusd") == "BTCUSD"


def test_what_is_read_of_a_position() -> None:
    held = parse_position(b'{"symbol":"BTCUSD","qty":"0.123456789","side":"long","asset_class":"crypto"}')
    assert held == ("BTCUSD", Decimal("0.123456789"), True)
    assert parse_position(b'{"symbol":"F","qty":-3,"side":"short"}') == ("F", Decimal(-3), False)
    assert parse_position(b'{"symbol":"F","qty":"3","side":"short"}').qty == -3


@pytest.mark.parametrize("raw", [b"[]", b'{"qty":"1"}', b'{"symbol":"F"}', b'{"symbol":"F","qty":"many"}', b"{"])
def test_a_position_that_can_not_be_read(raw: bytes) -> None:
    with pytest.raises(WireError):
        parse_position(raw)


def test_what_is_read_of_an_activity() -> None:
    fee = parse_movement(b'{"id":"1","activity_type":"CFEE","symbol":"ETH/USD","qty":"-0.000195","price":"1884.5"}')
    assert fee == ("1", "CFEE", "ETHUSD", Decimal("-0.000195"))
    for raw in (
        b'{"id":"1","activity_type":"DIV","symbol":"T","net_amount":"3"}',
        b'{"id":"1","activity_type":"CSD","net_amount":"3"}',
        b'{"id":"1","activity_type":"FILL","symbol":"T","qty":"3"}',
        b'{"id":"1","activity_type":"SPLIT","symbol":"T","qty":"0"}',
        b'{"id":"1","activity_type":"SPLIT","symbol":"T","qty":"3","status":"canceled"}',
    ):
        assert parse_movement(raw) is None
    with pytest.raises(WireError):
        parse_movement(b'{"activity_type":"SPLIT","symbol":"T","qty":"3"}')
