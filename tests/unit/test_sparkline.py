"""Rows of small bars."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.sparkline import sparkline


def test_bars() -> None:
    assert sparkline([0, 1, 4, 8, None, 0]) == "▁▂▅█ ▁"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([]) == sparkline([None]).strip() == ""


@given(st.lists(st.none() | st.floats(0, 1e12), max_size=80))
def test_one_character_a_value_and_nothing_looks_like_zero_but_zero(values: list[float | None]) -> None:
    drawn = sparkline(values)
    assert len(drawn) == len(values)
    assert all((char == "▁") == (value == 0) for char, value in zip(drawn, values, strict=True))
