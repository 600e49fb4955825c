"""What does not add up (I9)."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, localcontext

import pytest

from stream_reconcile.core.sums import Finding, LegSum, findings, total

D = Decimal


@pytest.mark.parametrize(
    ("net", "filled_qty", "qty", "found"),
    [
        ("3", "3", "3", []),
        ("3", "3.000", "5", []),
        ("2", "3", "5", [Finding.MISSING_FILL]),
        ("4", "3", "5", [Finding.EXCESS_FILL]),
        ("0", "0", None, []),
        ("0", None, "5", []),
        ("4", None, "3", []),
        ("6", "6", "5", [Finding.OVERFILL]),
        ("5", "6", "5", [Finding.MISSING_FILL, Finding.OVERFILL]),
        ("6", "6", None, []),
        ("0.000000001", "0.000000002", None, [Finding.MISSING_FILL]),
    ],
)
def test_findings_of_a_plain_order(net, filled_qty, qty, found):
    assert findings(D(net), filled_qty and D(filled_qty), qty and D(qty)) == tuple(found)


@pytest.mark.parametrize(
    ("legs", "own_net", "found"),
    [
        ([("2", "1"), ("4", "2")], "0", []),
        ([("2", "1"), ("3", "2")], "0", [Finding.MISSING_FILL]),
        ([("3", "1"), ("4", "2")], "0", [Finding.EXCESS_FILL]),
        ([("1", "1"), ("5", "2")], "0", [Finding.MISSING_FILL, Finding.EXCESS_FILL]),
        ([("2", "1"), ("4", "2")], "2", [Finding.EXCESS_FILL]),
        ([("2", "1"), ("0", None)], "0", []),
    ],
)
def test_findings_of_a_multi_leg_parent_filled_in_two_units(legs, own_net, found):
    sums = [LegSum(D(net), ratio and D(ratio)) for net, ratio in legs]
    assert findings(D(own_net), D(2), D(2), sums) == tuple(found)


def test_a_parent_whose_legs_are_not_known_yet_is_missing_fills():
    assert findings(D(0), D(2), D(2)) == (Finding.MISSING_FILL,)


def test_sums_are_exact_whatever_the_callers_context():
    with localcontext(Context(prec=3)):
        assert total([D("123456789.123456789"), D("0.000000001")]) == D("123456789.123456790")


def test_a_sum_that_would_be_rounded_is_refused():
    with pytest.raises(Inexact):
        total([D("1E+150"), D("1E-150")])
