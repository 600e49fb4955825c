"""Which executions a sweep holds to be taken back, and what becomes of that in an order's fills."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_reconcile.core.evidence import Activity, Bust, Coordinates, Evidence, Execution, ReversalAdjustment
from stream_reconcile.core.fills import fill_rows
from stream_reconcile.core.observation import Seen
from stream_reconcile.core.sums import total
from stream_reconcile.core.sweep.adjustments import Fill, stand_ins
from stream_reconcile.core.sweep.reversals import TooMuch, reversals, taken_back
from stream_reconcile.core.wire.executions import parse_adjustment

SECOND = 1_000_000_000
NOW_NS = 1_790_000_000 * SECOND
PLACE = Coordinates("t", 0, 1)


def fill(name: str, qty: str, price: str, **changes: object) -> Fill:
    kind = name[0]
    made = Fill(name, name[2:] if kind == "x" else None, name[2:] if kind == "a" else None, "trade", Decimal(qty),
                Decimal(price), NOW_NS, "F", "buy")  # fmt: skip
    return made._replace(**changes)


def order(filled_qty: str, average: str | None) -> TooMuch:
    return TooMuch("o", Decimal(filled_qty), None if average is None else Decimal(average), NOW_NS + 7)


def keys(*arguments: object) -> list[str]:
    return [one.fill_key for one in taken_back(*arguments)]  # type: ignore[arg-type]


TWO = [fill("x:1", "4", "10"), fill("x:2", "6", "11")]
TWINS = [fill("x:1", "5", "10"), fill("x:2", "5", "10", transacted_at_ns=NOW_NS + 60 * SECOND)]


def test_the_one_whose_loss_explains_the_order() -> None:
    assert keys(order("6", "11"), TWO) == ["x:1"]
    assert keys(order("4", "10"), TWO) == ["x:2"]
    assert keys(order("0", None), TWO) == ["x:1", "x:2"]
    assert keys(order("4", None), TWO) == ["x:2"]


@pytest.mark.parametrize(
    ("filled_qty", "average"),
    [("10", "10.6"), ("12", "10.6"), ("5", "10"), ("4", "11"), ("6", "10.9")],
    ids=["agrees", "too few", "no such quantity", "another price", "another average"],
)
def test_where_nothing_explains_it_nothing_is_judged(filled_qty: str, average: str) -> None:
    assert taken_back(order(filled_qty, average), TWO) == []


def test_a_correction_whose_activity_is_known_takes_the_other_one_back() -> None:
    corrected = [*TWO, fill("a:3", "4", "9")]
    assert keys(order("10", "10.2"), corrected) == ["x:1"]
    assert keys(order("9", "10.333333333"), [*TWO, fill("a:3", "3", "9")]) == ["x:1"]


def test_of_two_alike_the_one_without_an_activity_or_none() -> None:
    assert taken_back(order("5", "10"), TWINS) == []
    living = [Activity("acc", "o", "a2", Decimal(5), Decimal(10), NOW_NS + 60 * SECOND, None, "F", "buy", PLACE)]
    assert keys(order("5", "10"), TWINS, living) == ["x:1"]
    both = [*living, Activity("acc", "o", "a1", Decimal(5), Decimal(10), NOW_NS, None, "F", "buy", PLACE)]
    assert taken_back(order("5", "10"), TWINS, both) == []
    assert taken_back(order("5", "10"), TWINS, []) == []


def test_what_is_reversed_already_is_not_taken_back_again_and_stands_for_nothing() -> None:
    back = fill("r:a:3", "-4", "10", entry="reversal", reverses="a:3")
    fills = [fill("a:3", "4", "10"), back, fill("x:1", "4", "10")]
    assert taken_back(order("4", "10"), fills) == []
    assert keys(order("0", None), fills) == ["x:1"]
    assert stand_ins("o", Decimal(0), fills, []) == []


def test_with_a_residual_nothing_is_judged() -> None:
    assert taken_back(order("6", "11"), [*TWO, fill("s:k", "2", "1", entry="residual")]) == []


sizes = st.lists(st.tuples(st.integers(1, 4), st.sampled_from([10, 11, 13])), min_size=1, max_size=7)


@given(sizes, st.data())
@settings(max_examples=300, deadline=None)
def test_what_is_judged_makes_the_sums_agree_and_is_true_where_all_differ(
    traded: list[tuple[int, int]], data: st.DataObject
) -> None:
    fills = [fill(f"x:{n}", str(qty), str(price)) for n, (qty, price) in enumerate(traded)]
    gone = data.draw(st.sets(st.sampled_from(range(len(fills))), min_size=1, max_size=3))
    left = [one for n, one in enumerate(fills) if n not in gone]
    filled = total([one.qty for one in left])
    paid = total([one.qty * one.price for one in left])
    told = taken_back(TooMuch("o", filled, (paid / filled).quantize(Decimal("1e-9")) if filled else None, 1), fills)
    if told:
        assert len(told) <= max(len(gone), 3 if filled else len(fills))
        assert total([one.qty for one in told]) == total([one.qty for one in fills]) - filled
        if filled:
            assert total([one.qty * one.price for one in fills]) - total([o.qty * o.price for o in told]) == paid
    elif len(gone) == 1:
        (only,) = gone
        twins = [one for one in traded if one[0] == traded[only][0]]
        assert len(twins) > 1, "one of its own quantity explains it"


# -- in the fills of an order ------------------------------------------------------------------------------------------

TRADE = Execution("acc", "o", "1", Decimal(4), Decimal(10), NOW_NS, None, "F", "buy", PLACE)
ACTIVITY = Activity("acc", "o", "a1", Decimal(4), Decimal(10), NOW_NS, None, "F", "buy", PLACE)
BUST = Bust("acc", "o", "1", NOW_NS + SECOND, Coordinates("t", 0, 9), Decimal(-4))


def judged(key: str) -> ReversalAdjustment:
    (made,) = reversals(order("0", None), [fill(key, "4", "10")])
    seen = Seen("acc", "sweep", 0, "adjustments", 0, 3, 0)
    (evidence,) = parse_adjustment(json.dumps(made).encode(), seen).evidence
    assert isinstance(evidence, ReversalAdjustment)
    return evidence


def rows(*evidence: Evidence) -> dict[str, tuple[Decimal, str | None, str]]:
    book = fill_rows(evidence)
    assert book.conflicts == ()
    return {row.fill_key: (row.qty, row.reverses, row.source) for row in book.rows if row.entry == "reversal"}


def test_a_judgement_reverses_once_and_gives_way_to_the_real_bust() -> None:
    by_judgement = {"r:1": (Decimal(-4), "x:1", "adjustment")}
    assert rows(TRADE, judged("x:1")) == by_judgement
    assert rows(TRADE, ACTIVITY, judged("x:1"), judged("a:a1")) == by_judgement
    for more in ((), (ACTIVITY,), (ACTIVITY, judged("a:a1"))):
        assert rows(TRADE, judged("x:1"), BUST, *more) == {"r:1": (Decimal(-4), "x:1", "stream")}
    assert rows(judged("x:1")) == {}  # it waits for what it takes back
    assert fill_rows([judged("x:1")]).waiting == ()


def test_a_judgement_of_an_activity_follows_it() -> None:
    assert rows(ACTIVITY, judged("a:a1")) == {"r:a:a1": (Decimal(-4), "a:a1", "adjustment")}
    assert rows(ACTIVITY, TRADE, judged("a:a1")) == {"r:a:a1": (Decimal(-4), "x:1", "adjustment")}
    assert rows(ACTIVITY, TRADE, judged("a:a1"), BUST) == {"r:1": (Decimal(-4), "x:1", "stream")}
