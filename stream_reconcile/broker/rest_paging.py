"""All pages of a list, none of its elements lost: what is asked for next, and when the list is at its end.

Orders have no token for the next page. `before_order_id` and `after_order_id` are exact, but new and not seen in live
use: where the broker refuses or ignores them, pages follow by submission time. Those times are exclusive, and clients
have been seen to cut them to microseconds, so windows overlap by more than one, and what was given is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from stream_reconcile.broker.rest_answers import Entry, Listing, Page, page_of
from stream_reconcile.core.errors import IncompleteRead

Query = dict[str, str]
OVERLAP_NS: Final = 1_001
_SECOND: Final = 1_000_000_000
_LAST_NS: Final = 253_402_300_800 * _SECOND - 1
_PAGES_REMEMBERED: Final = 3


class _Given:
    """Ids of the last pages: an element that comes twice, comes soon."""

    def __init__(self) -> None:
        self._pages: deque[frozenset[str]] = deque(maxlen=_PAGES_REMEMBERED)

    def add(self, listing: Listing) -> None:
        self._pages.append(frozenset(entry.id for entry in listing.entries if entry.id))

    def __contains__(self, entry: Entry) -> bool:
        return any(entry.id in page for page in self._pages)


class OrderWalk:
    """The pages of one query of orders. Times are submission times, both exclusive, None: without end.

    `ask` answers None where the broker does not take the query; it may only be one with an id cursor.
    """

    def __init__(
        self,
        ask: Callable[[Query], Listing | None],
        query: Mapping[str, str],
        *,
        after_ns: int | None,
        until_ns: int | None,
        descending: bool,
        limit: int,
        by_id: bool = True,
    ) -> None:
        self._ask = ask
        self._query = {**query, "limit": str(limit), "direction": "desc" if descending else "asc"}
        self._after = after_ns
        self._until = until_ns
        self._descending = descending
        self._limit = limit
        self._given = _Given()
        self.by_id = by_id  # whether the broker has not yet shown that it takes no id as a cursor

    def pages(self) -> Iterator[Page]:
        """Each page as soon as it is there, without what is outside of the times. Raises IncompleteRead."""
        after = None if self._after is None else self._after - OVERLAP_NS
        until = None if self._until is None else self._until + OVERLAP_NS
        listing = self._window(after, until)
        while True:
            yield page_of(listing, [each for each in listing.entries if self._wanted(each)])
            # A broker may count the legs that `nested` rolls up into their parents.
            if listing.rows < self._limit or self._is_beyond(listing):
                return
            self._given.add(listing)
            last = listing.entries[-1]
            following = self._after_id(last) if self.by_id else None
            if following is None:
                edge = self._edge(listing)
                if self._is_stuck(edge, after, until):
                    if len(listing.entries) < self._limit:
                        return
                    raise IncompleteRead(
                        f"the broker has more orders at one instant than one page holds ({self._limit}), and takes no "
                        "order id as a cursor: the list can't be read to its end"
                    )
                after, until = (after, edge) if self._descending else (edge, until)
                following = self._window(after, until)
            listing = following

    def _wanted(self, entry: Entry) -> bool:
        if entry in self._given:
            return False
        at = entry.at_ns
        return at is None or ((self._after is None or at > self._after) and (self._until is None or at < self._until))

    def _is_beyond(self, listing: Listing) -> bool:
        """Whether all of a page lies past the end of the walk."""
        times = [entry.at_ns for entry in listing.entries]
        if self._descending:
            end = self._after
            return end is not None and all(at is not None and at <= end for at in times)
        end = self._until
        return end is not None and all(at is not None and at >= end for at in times)

    def _window(self, after: int | None, until: int | None) -> Listing:
        query = dict(self._query)
        if after is not None:
            query["after"] = rfc3339(after)
        if until is not None:
            query["until"] = rfc3339(until)
        listing = self._ask(query)
        assert listing is not None, "only an id cursor may be refused"  # noqa: S101 - the contract of `ask`
        return listing

    def _after_id(self, last: Entry) -> Listing | None:
        """The page behind that order; None, and never again by id, if the broker takes no id as a cursor."""
        cursor = "before_order_id" if self._descending else "after_order_id"
        listing = self._ask({**self._query, cursor: last.id}) if last.id else None
        if listing is not None and not self._follows(last, listing):
            listing = None
        self.by_id = listing is not None
        return listing

    def _follows(self, last: Entry, listing: Listing) -> bool:
        """Whether this can be the page behind `last`: a broker that ignores the cursor answers with the first one."""
        if any(entry in self._given for entry in listing.entries):
            return False
        times = [entry.at_ns for entry in listing.entries if entry.at_ns is not None]
        if last.at_ns is None or not times:
            return True
        return min(times) <= last.at_ns if self._descending else max(times) >= last.at_ns

    def _is_stuck(self, edge: int, after: int | None, until: int | None) -> bool:
        """Whether a window from `edge` on would be the one just read, or a wider one."""
        if self._descending:
            return until is not None and edge >= until
        return after is not None and edge <= after

    def _edge(self, listing: Listing) -> int:
        """Where the next window begins: at the last order of this one, with the overlap."""
        times = [entry.at_ns for entry in listing.entries if entry.at_ns is not None]
        if not times:
            raise IncompleteRead("the broker's orders have no time of submission: the list can't be read to its end")
        return times[-1] + OVERLAP_NS if self._descending else times[-1] - OVERLAP_NS


def activity_pages(ask: Callable[[Query], Listing], query: Mapping[str, str], *, page_size: int) -> Iterator[Page]:
    """All pages of activities, oldest first; the token of the next one is the last id. Raises IncompleteRead."""
    query = {**query, "direction": "asc", "page_size": str(page_size)}
    given = _Given()
    listing = ask(dict(query))
    while True:
        fresh = [entry for entry in listing.entries if entry not in given]
        yield page_of(listing, fresh)
        if len(listing.entries) < page_size:
            return
        last = listing.entries[-1].id
        if not last or not fresh:
            raise IncompleteRead(
                "the broker's activities "
                + ("come again and again: it ignores page_token" if last else "have no id to go on from")
                + "; the list can't be read to its end"
            )
        given.add(listing)
        listing = ask({**query, "page_token": last})


def rfc3339(ns: int) -> str:
    """Nanoseconds since the epoch with all nine digits; before 1970 it is 1970, past the year 9999 its last instant."""
    seconds, rest = divmod(min(max(ns, 0), _LAST_NS), _SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
