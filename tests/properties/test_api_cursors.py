"""A cursor gives back the key that it was made of, for its own list and filters, and for nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.web.api import paging
from stream_reconcile.web.live import Sample
from stream_reconcile.web.page.chart import HEIGHT, WIDTH, lag_chart

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=60)
filters = st.dictionaries(st.sampled_from(["symbol", "side", "account_id"]), texts)


@given(number=st.integers(-(2**63), 2**63 - 1), text=texts, given_filters=filters)
def test_a_cursor_leads_back(number: int, text: str, given_filters: dict[str, str]) -> None:
    cursor = paging.write("/a", given_filters, [number, text])
    assert paging.read(cursor, "/a", dict(reversed(given_filters.items())), (int, str)) == [number, text]
    with pytest.raises(ConfigError):
        paging.read(cursor, "/b", given_filters, (int, str))
    with pytest.raises(ConfigError):
        paging.read(cursor, "/a", given_filters | {"more": "x"}, (int, str))
    with pytest.raises(ConfigError):
        paging.read(cursor, "/a", given_filters, (int, str, str))


@given(rubbish=st.text(max_size=200))
def test_what_is_no_cursor_is_refused(rubbish: str) -> None:
    with pytest.raises(ConfigError):
        paging.read(rubbish, "/a", {}, (int, str))


@given(
    records=st.lists(st.integers(0, 10**7), min_size=2, max_size=1800),
    every=st.floats(0.5, 10),
)
def test_the_chart_loses_no_peak_and_leaves_no_edge(records: list[int], every: float) -> None:
    samples = [Sample(1e9 + n * every, count, None, 0, 0, 0) for n, count in enumerate(records)]
    chart = lag_chart(samples)
    assert chart is not None
    points = [tuple(map(float, one.split(","))) for one in chart.line.split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert len(points) <= 320
    assert (chart.most, min(y for _, y in points)) == (max(records), round(HEIGHT * (1 - max(records) / chart.top), 1))
    assert chart.top >= chart.most
