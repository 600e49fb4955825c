"""Walks over a broker's orders: every order once, or an error; whatever cursors the broker takes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.broker.http import Answer
from stream_reconcile.broker.rest_answers import Listing, read_list
from stream_reconcile.broker.rest_paging import OrderWalk, activity_pages, rfc3339
from stream_reconcile.core.errors import IncompleteRead
from stream_reconcile.core.timestamps import parse_ns

START = 1_800_000_000_000_000_000


class Books:
    """Orders by submission, as GET /v2/orders lists them, while new ones come. `cursors`: take, refuse or ignore."""

    def __init__(self, times: list[int], cursors: str, coming: int, cut_to_us: bool) -> None:
        self.times = sorted(times)
        self.cursors = cursors
        self.coming = coming
        self.cut_to_us = cut_to_us
        self.asked = 0

    def __call__(self, query: dict[str, str]) -> Listing | None:
        self.asked += 1
        assert self.asked < 1000, "a walk without end"
        ids = [number for number in range(len(self.times)) if self._matches(number, query)]
        if self.cursors == "refuse" and query.keys() & {"before_order_id", "after_order_id"}:
            return None
        if query["direction"] == "desc":
            ids.reverse()
        page = [
            {"id": str(number), "submitted_at": rfc3339(self.times[number])} for number in ids[: int(query["limit"])]
        ]
        if self.coming:
            self.coming -= 1
            self.times.append(self.times[-1] + 5 if self.times else START)
        return read_list(Answer(200, {}, json.dumps(page).encode(), 1))

    def _matches(self, number: int, query: dict[str, str]) -> bool:
        if self.cursors == "take" and not number < int(query.get("before_order_id", "1000000")):
            return False
        if self.cursors == "take" and not number > int(query.get("after_order_id", "-1")):
            return False
        at = self.times[number]
        for name, sign in (("after", 1), ("until", -1)):
            bound = parse_ns(query[name]) if name in query else None
            if bound is not None and self.cut_to_us:
                bound -= bound % 1000
            if bound is not None and (at - bound) * sign <= 0:
                return False
        return True


TIMES = st.lists(st.one_of(st.integers(0, 6), st.integers(0, 60_000)).map(lambda offset: START + offset), max_size=40)
BOUND = st.none() | st.integers(-10, 60_010).map(lambda offset: START + offset)


@given(
    TIMES,
    st.sampled_from(["take", "refuse", "ignore"]),
    st.booleans(),
    st.integers(1, 9),
    BOUND,
    BOUND,
    st.integers(0, 5),
    st.booleans(),
)
def test_every_order_once_or_an_error(
    times: list[int],
    cursors: str,
    descending: bool,
    limit: int,
    after: int | None,
    until: int | None,
    coming: int,
    cut_to_us: bool,
) -> None:
    books = Books(times, cursors, coming, cut_to_us)
    wanted = {
        str(number)
        for number, at in enumerate(books.times)
        if (after is None or at > after) and (until is None or at < until)
    }
    walk = OrderWalk(books, {}, after_ns=after, until_ns=until, descending=descending, limit=limit)
    given_ids: list[str] = []
    try:
        for page in walk.pages():
            given_ids += page.ids
    except IncompleteRead:
        near = max((sum(0 <= other - at <= 2_000 for other in books.times) for at in books.times), default=0)
        assert cursors != "take"
        assert near >= limit, "an error where windows of a microsecond would have done"
        return
    assert len(given_ids) == len(set(given_ids))
    assert wanted <= set(given_ids)
    extra = set(given_ids) - wanted
    assert all(int(number) >= len(times) for number in extra), "what came meanwhile, and nothing else"
    seen = [int(number) for number in given_ids]
    assert cursors != "take" or seen == sorted(seen, reverse=descending)


@given(st.lists(st.integers(0, 999), unique=True, max_size=40), st.integers(1, 7), st.booleans())
def test_activities_by_their_token(ids: list[int], size: int, ignored: bool) -> None:
    ids.sort()

    def ask(query: dict[str, str]) -> Listing:
        token = -1 if ignored else int(query.get("page_token", "-1"))
        page = [{"id": str(number)} for number in ids if number > token][:size]
        return read_list(Answer(200, {}, json.dumps(page).encode(), 1))

    seen: list[str] = []
    pages = activity_pages(ask, {}, page_size=size)
    if ignored and len(ids) >= size:
        with pytest.raises(IncompleteRead, match="page_token"):
            list(pages)
        return
    for page in pages:
        seen += page.ids
    assert seen == [str(number) for number in ids]
