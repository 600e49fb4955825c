"""The pure parts of a replay: places as people write them, two ordered streams side by side, how long to rest."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.core.replay.merged import Pair, Row, differing
from stream_reconcile.core.replay.until import Moment, Now, Offsets, parse_moment, parse_offsets, parse_until
from stream_reconcile.jobs.replay.share import LONGEST_REST_S, rest_for

SIDES = st.dictionaries(st.tuples(st.text("aé𝄞z", max_size=2), st.integers(0, 3)), st.integers(0, 1), max_size=12)


def rows(side: dict[tuple[str, int], int]) -> list[Row]:
    return [Row(key, (value,)) for key, value in sorted(side.items())]


@given(SIDES, SIDES)
def test_what_differs_is_what_two_dictionaries_say(
    left: dict[tuple[str, int], int], right: dict[tuple[str, int], int]
) -> None:
    found = list(differing(rows(left), rows(right)))
    keys = sorted(key for key in left.keys() | right.keys() if left.get(key) != right.get(key))
    assert [(pair.left or pair.right).key for pair in found if pair.left or pair.right] == keys  # type: ignore[union-attr]
    for pair, key in zip(found, keys, strict=True):
        assert pair == Pair(
            Row(key, (left[key],)) if key in left else None, Row(key, (right[key],)) if key in right else None
        )


def test_it_holds_one_row_of_each_side() -> None:
    """Endless streams: what is asked for is all that is read."""
    read: list[int] = []

    def endless(step: int) -> Iterator[Row]:
        for number in itertools.count(step=step):
            read.append(number)
            yield Row((number,), ())

    found = list(itertools.islice(differing(endless(1), endless(2)), 3))
    assert [pair.left.key for pair in found if pair.left] == [(1,), (3,), (5,)]
    assert len(read) < 12


@pytest.mark.parametrize("keys", [[1, 1], [2, 1]])
def test_streams_out_of_order_are_refused(keys: list[int]) -> None:
    with pytest.raises(ValueError, match="not in order"):
        list(differing([Row((key,), ()) for key in keys], []))


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("now", Now()),
        (" now ", Now()),
        ("a.b.v1:0:17", Offsets({("a.b.v1", 0): 17})),
        ("a:0:17, b:3:0,", Offsets({("a", 0): 17, ("b", 3): 0})),
        ("2026-01-31", Moment(1_769_817_600_000)),
        ("2026-01-31T00:00:00.5Z", Moment(1_769_817_600_500)),
        ("2026-01-31T01:00:00+01:00", Moment(1_769_817_600_000)),
    ],
)
def test_places_in_the_log(text: str, until: object) -> None:
    assert parse_until(text) == until


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "neither `now`"),
        ("later", "neither `now`"),
        ("a:0", "neither `now`"),
        ("a:0:x", "'a:0:x' is no place"),
        ("a:0:-1", "is no place"),
        ("a:0:1,b", "'b' is no place"),
        ("a:0:1,a:0:2", "names a:0 twice"),
        ("2026-02-30T00:00:00", "is no time"),
    ],
)
def test_what_is_no_place_says_what_to_write(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse_until(text)


def test_other_options_name_themselves() -> None:
    with pytest.raises(ConfigError, match="--from-offsets names no place"):
        parse_offsets(" , ", option="--from-offsets")
    with pytest.raises(ConfigError, match="--from-datetime: 'x' is no time"):
        parse_moment("x", option="--from-datetime")


@given(st.floats(0, 10), st.floats(0, 0.99))
def test_work_is_no_more_than_what_the_share_leaves(worked: float, share: float) -> None:
    rest = rest_for(worked, share)
    assert share == 0 or rest == LONGEST_REST_S or 2 * worked <= (1 - share) * (worked + rest) + 1e-9


def test_no_share_is_no_rest() -> None:
    assert rest_for(5, 0) == 0
    assert rest_for(3, 0.7) == pytest.approx(17)
