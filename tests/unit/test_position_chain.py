"""A fill that is missing between two of its symbol is noticed; what only looks like it does not keep us busy."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.sweep.chain import GRACE_S, ChainFill, ChainWatch

NOW = 1_000.0


def chain(*quantities: int, symbol: str = "F", begin_s: float = 900.0) -> list[ChainFill]:
    fills, position = [], 0
    for number, qty in enumerate(quantities):
        position += qty
        fills.append(ChainFill(symbol, begin_s + number, Decimal(qty), Decimal(position)))
    return fills


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=12), st.randoms(use_true_random=False), st.integers(0, 12))
def test_whole_chains_never_break_in_whatever_order_and_parts_they_come(
    quantities: list[int], rng: object, cut: int
) -> None:
    fills, watch = chain(*quantities), ChainWatch()
    first, rest = fills[:cut], fills
    rng.shuffle(rest)  # type: ignore[attr-defined]  # random.Random, as hypothesis draws it
    assert watch.look(first, NOW) == set()
    assert watch.look(rest, NOW) == set()


@given(st.lists(st.integers(1, 5), min_size=3, max_size=12), st.data())
def test_a_missing_fill_is_noticed_at_the_next_one(quantities: list[int], data: st.DataObject) -> None:
    fills = chain(*quantities)
    lost = data.draw(st.integers(1, len(fills) - 2))
    assert ChainWatch().look(fills[:lost] + fills[lost + 1 :], NOW) == {"F"}


def test_a_fill_is_not_judged_before_those_of_other_partitions_are_there() -> None:
    first, lost, last = chain(1, 1, 1, begin_s=NOW - 3)
    watch = ChainWatch()
    assert watch.look([first, last], NOW) == set()
    assert watch.look([first, lost, last], NOW + GRACE_S) == set()


def test_fills_of_one_moment_have_no_order() -> None:
    first, second, third, last = chain(4, 2, -1, 3)
    same = [second, third._replace(at_s=second.at_s)]
    for pair in (same, same[::-1]):
        assert ChainWatch().look([first, *pair, last], NOW) == set()
    assert ChainWatch().look([first, second, last], NOW) == {"F"}


def test_a_chain_that_breaks_with_every_fill_counts_ever_less_often() -> None:
    watch, counted = ChainWatch(), 0
    for minute in range(120):
        at_s = NOW + 60.0 * minute
        fills = [ChainFill("BTC/USD", at_s, Decimal(1), Decimal("0.9") * (minute + 1))]
        counted += len(watch.look(fills, at_s + 10))
    assert 2 <= counted <= 8
    assert watch.look(chain(1, 1, symbol="T", begin_s=at_s), at_s + 60) == set()


def test_symbols_are_apart_and_late_fills_are_passed_over() -> None:
    watch = ChainWatch()
    assert watch.look(chain(1, 2, 3) + chain(5, -9, symbol="T"), NOW) == set()
    assert watch.look([ChainFill("F", 880.0, Decimal(7), Decimal(70))], NOW) == set()
    assert watch.look([ChainFill("F", 950.0, Decimal(1), Decimal(8))], NOW) == {"F"}
