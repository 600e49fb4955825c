"""What is left of activities once the fills have explained theirs: as few as can be, whatever their order."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.evidence import Activity, Coordinates
from stream_reconcile.core.statements import TOLERANCE_NS
from stream_reconcile.core.sweep.activities import Standing, unexplained

SECOND = 1_000_000_000
AT = 1_780_000_000 * SECOND
OFFSETS = st.sampled_from([0, 1, 2, 5, 6, 11, 30]).map(lambda seconds: AT + seconds * SECOND)
SIZES = st.sampled_from([Decimal(1), Decimal("1.0"), Decimal(2)])


def activity(number: int, qty: Decimal, at: int) -> Activity:
    return Activity(
        account_id="acc",
        order_id="o1",
        activity_id=f"a{number}",
        qty=qty,
        price=Decimal(10),
        transacted_at_ns=at,
        cum_qty=None,
        symbol="AAPL",
        side="buy",
        coordinates=Coordinates("t", 0, 0),
    )


ACTIVITIES = st.lists(st.tuples(SIZES, OFFSETS), max_size=5).map(
    lambda pairs: [activity(number, *pair) for number, pair in enumerate(pairs)]
)
FILLS = st.lists(
    st.tuples(SIZES, OFFSETS).map(lambda pair: Standing(None, pair[0], Decimal("10.00"), pair[1])), max_size=5
)


def fits(fill: Standing, one: Activity) -> bool:
    return (
        fill.qty == one.qty
        and fill.price == one.price
        and abs((fill.transacted_at_ns or 0) - one.transacted_at_ns) <= TOLERANCE_NS
    )


def fewest_left(activities: list[Activity], fills: list[Standing]) -> int:
    """By trying all ways."""
    best = len(activities)
    for order in permutations(activities):
        free, left = list(fills), 0
        for one in order:
            match = next((fill for fill in free if fits(fill, one)), None)
            if match is None:
                left += 1
            else:
                free.remove(match)
        best = min(best, left)
    return best


@given(ACTIVITIES, FILLS, st.randoms())
def test_as_few_as_can_be_are_left(activities: list[Activity], fills: list[Standing], chance: st.randoms) -> None:  # type: ignore[valid-type]
    left = unexplained(activities, {"o1": fills}, set())
    assert len(left) == fewest_left(activities, fills)
    shuffled = list(activities)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert {one.activity_id for one in unexplained(shuffled, {"o1": fills[::-1]}, set())} == {
        one.activity_id for one in left
    }


@given(ACTIVITIES)
def test_without_fills_all_are_left_but_those_that_are_known(activities: list[Activity]) -> None:
    assert len(unexplained(activities, {}, set())) == len(activities)
    assert unexplained(activities, {}, {one.activity_id for one in activities}) == []


@given(ACTIVITIES, FILLS)
def test_a_fill_that_is_paired_explains_no_other(activities: list[Activity], fills: list[Standing]) -> None:
    paired = [fill._replace(activity_id="another") for fill in fills]
    assert len(unexplained(activities, {"o1": paired}, set())) == len(activities)
