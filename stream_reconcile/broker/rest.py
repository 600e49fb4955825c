"""What the sweep asks Alpaca's REST of one account: GETs only, bytes as the broker sent them, nothing guessed.

An answer is used only where it is one: 200 and JSON of the right shape. Everything else is an error of the tree, never
an empty list and never "not there" (I6); the one exception is the broker's own word that it has no such order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote

from stream_reconcile.broker.http import Answer, Http
from stream_reconcile.broker.rest_answers import (
    Found,
    Listing,
    Page,
    is_not_found,
    is_refused_id,
    is_refused_parameter,
    page_of,
    read_list,
    read_object,
)
from stream_reconcile.broker.rest_calls import Calls, RestTiming
from stream_reconcile.broker.rest_paging import OVERLAP_NS, OrderWalk, Query, activity_pages, rfc3339
from stream_reconcile.core.budget import RateBudget
from stream_reconcile.core.errors import BrokerUnreachable, NotAskable

__all__ = ["Found", "Page", "RestClient", "RestTiming"]

ACTIVITIES_PAGE: Final = 100  # the most, since 2026
ORDERS_PAGE: Final = 500
_MAX_ID: Final = 128
_USUAL: Final = RestTiming()

T = TypeVar("T")


def _unheard(route: str, outcome: str, seconds: float) -> None:
    """Nobody counts requests."""


class RestClient:
    """One account's REST; a context manager, blocking, for one thread at a time.

    Every method raises BrokerUnreachable (RateLimited among it), CredentialsRefused, and Stopped once `stop` is set:
    waits end at once, requests under way are cut. `on_request`: see `rest_calls.Calls`; a route is named as its method.
    """

    def __init__(
        self,
        base_url: str,
        key_id: str,
        secret_key: str,
        *,
        budget: RateBudget,
        timing: RestTiming = _USUAL,
        stop: threading.Event,
        on_request: Callable[[str, str, float], None] = _unheard,
        allow_plain: bool = False,
    ) -> None:
        """Raises ConfigError for an address that must not see the secret."""
        self._http = Http(base_url, key_id, secret_key, limits=timing.limits, stop=stop, allow_plain=allow_plain)
        self._calls = Calls(self._http, budget, timing, stop, on_request)
        self._takes_id_cursor = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    @property
    def requests(self) -> int:
        """Sent so far, retries included."""
        return self._calls.requests

    def account(self) -> Found:
        """`GET /v2/account`."""
        return _answered(self._calls.ask("account", "/account", {}, read_object))

    def positions(self) -> Page:
        """`GET /v2/positions`: all of them; flat ones are not there."""
        return page_of(_answered(self._calls.ask("positions", "/positions", {}, read_list)))

    def order(self, order_id: str, *, nested: bool = True) -> Found | None:
        """The order; None only where the broker itself says that it has none of this id.

        Raises NotAskable for an id that can't stand in an address, or that the broker does not take for one.
        """
        if order_id in (".", ".."):
            raise NotAskable("the id can't stand in an address")
        path = f"/orders/{quote(_id(order_id), safe='')}"
        read = partial(read_object, order_id=order_id)
        return self._calls.ask("order", path, {"nested": _flag(nested)}, read, is_no=_has_none)

    def order_by_client_id(self, client_order_id: str) -> Found | None:
        """The order, its legs within; None only where the broker itself says that it has none.

        Raises NotAskable for an id that can't be one, or that the broker does not take for one.
        """
        query = {"client_order_id": _id(client_order_id), "nested": "true"}
        path = "/orders:by_client_order_id"
        read = partial(read_object, client_order_id=client_order_id)
        return self._calls.ask("order_by_client_id", path, query, read, is_no=_has_none)

    def orders(
        self,
        *,
        status: str = "all",
        nested: bool = True,
        after_ns: int | None = None,
        until_ns: int | None = None,
        descending: bool = True,
        limit: int = ORDERS_PAGE,
    ) -> Iterator[Page]:
        """All pages, one for each answer (so it may be empty), of orders submitted between the times, both exclusive.

        Raises IncompleteRead rather than leave any out.
        """
        walk = OrderWalk(
            self._ask_orders,
            {"status": status, "nested": _flag(nested)},
            after_ns=after_ns,
            until_ns=until_ns,
            descending=descending,
            limit=limit,
            by_id=self._takes_id_cursor,
        )
        for page in walk.pages():
            self._takes_id_cursor = walk.by_id
            yield page

    def activities(
        self, *, types: Sequence[str] = ("FILL",), after_ns: int | None = None, order_id: str | None = None
    ) -> Iterator[Page]:
        """All pages of activities of these types (none: of all), oldest first; `after_ns` on the time of listing.

        Raises IncompleteRead rather than leave any out.
        """
        query: Query = {}
        if len(types) > 1:
            query["activity_types"] = ",".join(types)
        if after_ns is not None:
            query["after"] = rfc3339(after_ns - OVERLAP_NS)
        if order_id is not None:
            query["order_id"] = order_id
        path = f"/account/activities/{quote(types[0], safe='')}" if len(types) == 1 else "/account/activities"
        return activity_pages(partial(self._ask_activities, path), query, page_size=ACTIVITIES_PAGE)

    def _ask_orders(self, query: Query) -> Listing | None:
        by_id = "before_order_id" in query or "after_order_id" in query
        is_no = is_refused_parameter if by_id else None
        return self._calls.ask("orders", "/orders", query, read_list, is_no=is_no)

    def _ask_activities(self, path: str, query: Query) -> Listing:
        return _answered(self._calls.ask("activities", path, query, read_list))


def _answered(found: T | None) -> T:
    if found is None:
        raise BrokerUnreachable("the broker gave no answer")  # not reached: nothing was allowed to be a no
    return found


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _id(text: str) -> str:
    if not 0 < len(text) <= _MAX_ID:
        raise NotAskable(f"the id is empty, or longer than {_MAX_ID} characters")
    if not text.isprintable():
        raise NotAskable("the id has characters that can't be printed")
    return text


def _has_none(answer: Answer) -> bool:
    if is_refused_id(answer):
        raise NotAskable(f"the broker does not take the id (HTTP {answer.status})")
    return is_not_found(answer)
