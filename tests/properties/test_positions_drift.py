"""Baselines and readings: however the broker lags within the window, no reading of the truth is ever a misfit."""

from __future__ import annotations

from decimal import Decimal
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.sweep.positions import (
    Judged,
    Known,
    Move,
    Movement,
    Reading,
    Verdict,
    counted,
    explaining,
    fits,
    held_at,
    judged,
    nets,
    settled,
    taken,
)

SECOND = 1_000_000_000
AT = 1_780_000_000 * SECOND
WINDOW = 15 * SECOND
LOTS = st.sampled_from([Decimal(n) for n in ("1", "-1", "2", "-2", "5", "-5", "0.5", "100")])
FILLS = st.lists(st.tuples(st.integers(-60, 400), LOTS), max_size=25).map(
    lambda pairs: sorted(Move(AT + second * SECOND, qty, abs(qty)) for second, qty in pairs)
)
STARTS = st.sampled_from([Decimal(n) for n in ("0", "7", "-3", "0.25")])
# When the broker is read, in seconds, and by how much what it shows lags.
READINGS = st.lists(st.tuples(st.integers(1, 60), st.floats(0, 15, allow_nan=False)), min_size=2, max_size=8).map(
    lambda steps: list(zip(accumulate(step for step, _ in steps), (lag for _, lag in steps), strict=True))
)


def truth(start: Decimal, fills: list[Move], at_ns: int) -> Decimal:
    return start + sum((move.qty for move in fills if move.at_ns <= at_ns), Decimal(0))


def reading(start: Decimal, fills: list[Move], second: int, lag: float) -> Reading:
    at_ns = AT + second * SECOND
    return Reading(truth(start, fills, at_ns - round(lag * SECOND)), at_ns)


def follow(known: Known, readings: list[Reading], fills: list[Move]) -> list[Judged]:
    judgements: list[Judged] = []
    for one in readings:
        judgements.append(judged(known, one, [move for move in fills if move.at_ns <= one.at_ns]))
        known = judgements[-1].known
    return judgements


@given(FILLS, STARTS, READINGS)
def test_what_follows_from_the_fills_is_never_a_misfit_and_the_baseline_is_the_truth(
    fills: list[Move], start: Decimal, readings: list[tuple[int, float]]
) -> None:
    shown = [reading(start, fills, second, lag) for second, lag in readings]
    for judgement in follow(Known("S"), shown, fills):
        known = judgement.known
        assert judgement.verdict in (Verdict.WAITS, Verdict.FITS)
        assert known.since_ns is not None
        assert known.misfit is None
        if known.baseline is not None:
            assert known.baseline == truth(start, fills, known.since_ns)
        assert truth(start, fills, known.since_ns) in known.possible


@given(FILLS, STARTS, READINGS, st.lists(st.integers(0, 15), min_size=25, max_size=25))
def test_fills_that_are_known_a_window_late_make_no_misfit_and_no_wrong_baseline(
    fills: list[Move], start: Decimal, readings: list[tuple[int, float]], delays: list[int]
) -> None:
    known_at = [move.at_ns + delay * SECOND for move, delay in zip(fills, delays, strict=False)]
    known = Known("S")
    for second, lag in readings:
        known = taken(known, reading(start, fills, second, lag))
        now_ns = AT + second * SECOND
        heard = [move for move, at_ns in zip(fills, known_at, strict=True) if at_ns <= now_ns]
        judgement = settled(known, now_ns - WINDOW, heard)
        if judgement is None:
            continue
        known = judgement.known
        assert judgement.verdict in (Verdict.WAITS, Verdict.FITS)
        assert known.misfit is None
        if known.baseline is not None and known.since_ns is not None:
            assert known.baseline == truth(start, fills, known.since_ns)


@given(FILLS, STARTS, st.integers(0, 400), st.floats(0, 15, allow_nan=False))
def test_a_reading_of_the_truth_fits_its_baseline(fills: list[Move], start: Decimal, second: int, lag: float) -> None:
    one = reading(start, fills, second, lag)
    for since in (AT, one.at_ns, one.at_ns - 5 * SECOND):
        assert fits(one, Reading(truth(start, fills, since), since), fills)


@given(FILLS, STARTS, st.integers(0, 400), st.integers(0, 400))
def test_nets_are_differences_of_the_truth(fills: list[Move], start: Decimal, since: int, end: int) -> None:
    since_ns, end_ns = AT + since * SECOND, AT + end * SECOND
    moments = [end_ns - WINDOW, *(move.at_ns for move in fills if end_ns - WINDOW < move.at_ns <= end_ns)]
    expected = [truth(start, fills, at) - truth(start, fills, since_ns) for at in dict.fromkeys(moments)]
    assert list(nets(reversed(fills), since_ns, end_ns - WINDOW, end_ns)) == expected


@given(FILLS, st.integers(20, 400))
def test_older_fills_may_come_as_one_sum(fills: list[Move], second: int) -> None:
    one = Reading(Decimal(1), AT + second * SECOND)
    cut = one.at_ns - WINDOW
    old = [move for move in fills if AT < move.at_ns <= cut]
    summed = [move for move in fills if move.at_ns > max(cut, AT)]
    if old:
        summed.append(Move(cut, sum((m.qty for m in old), Decimal(0)), sum((m.traded for m in old), Decimal(0))))
    assert held_at(one, summed, AT) == held_at(one, fills, AT)


@given(FILLS, STARTS, LOTS)
def test_what_nothing_explains_is_a_drift_at_the_second_reading_until_it_is_told(
    fills: list[Move], start: Decimal, secret: Decimal
) -> None:
    quiet = [move for move in fills if move.at_ns <= AT]
    told = Move(AT + 30 * SECOND, secret, abs(secret))
    held = truth(start, quiet, AT)
    shown = [Reading(held, AT + second * SECOND) for second in (0, 20)]
    shown += [Reading(held + secret, AT + second * SECOND) for second in (60, 70, 75)]
    judgements = follow(Known("S"), shown, quiet)
    if judgements[1].known.agreed:
        assert [one.verdict for one in judgements[2:]] == [Verdict.MISFIT, Verdict.MISFIT, Verdict.DRIFT]
        last = judged(judgements[-1].known, Reading(held + secret, AT + 90 * SECOND), [*quiet, told])
        assert last.verdict is Verdict.FITS
        assert last.known.misfit is None


@given(st.lists(LOTS, max_size=4), st.lists(LOTS, min_size=1, max_size=3))
def test_what_activities_explain_fits_and_counts_once(older: list[Decimal], newer: list[Decimal]) -> None:
    total = sum(newer, Decimal(0))
    known = Known("S", AT, (Decimal(4),), agreed=True, misfit=Reading(4 + total, AT + 20 * SECOND))
    drift = judged(known, Reading(4 + total, AT + 40 * SECOND), [])
    movements = [Movement(f"{number:03d}", "SPLIT", "S", qty) for number, qty in enumerate([*older, *newer])]
    found = explaining(drift, movements)
    if total == 0:
        assert drift.verdict is Verdict.FITS
        return
    assert drift.verdict is Verdict.DRIFT
    assert sum((movement.qty for movement in found), Decimal(0)) == total
    assert len(found) <= len(newer)
    after = counted(drift.known, found)
    assert judged(after, Reading(4 + total, AT + 60 * SECOND), []).verdict is Verdict.FITS
    assert explaining(drift, []) == []
