"""REST: the routes under /v2 as Alpaca answers them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stream_reconcile.simulator.account import (
    account_view,
    asset_view,
    clock_view,
    committed_quantities,
    position_view,
)
from stream_reconcile.simulator.activities import ActivityFilter
from stream_reconcile.simulator.activity_types import ACTIVITY_TYPES
from stream_reconcile.simulator.book import OrderFilter
from stream_reconcile.simulator.instruments import COINS, SHARES, find_instrument
from stream_reconcile.simulator.live import Simulator
from stream_reconcile.simulator.orders import CLOSED, Order, Ticket, rest_order
from stream_reconcile.simulator.positions import Positions
from stream_reconcile.simulator.refusals import RefusalError, forbidden, malformed, not_found, unprocessable
from stream_reconcile.simulator.submission import read_body, read_order, read_replacement
from stream_reconcile.simulator.values import DAY, NANO, decimal_text, parse_time

_CATEGORIES = {"trade_activity", "non_trade_activity"}
# Statuses in which an order takes no cancel and no replace (alpaca-java trading spec, PATCH /v2/orders/{id}).
_NOT_REPLACEABLE = frozenset({"accepted", "pending_new", "pending_cancel", "pending_replace", "held"})
_encode = msgspec.json.Encoder().encode

Endpoint = Callable[[Request], Awaitable[Response]]


class RestApi:
    """The endpoints over one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._sim = simulator

    def routes(self) -> list[Route]:
        """All of /v2, the literal paths before the ones with an id."""
        table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("GET", "/v2/account", self.account),
            ("GET", "/v2/account/activities", self.list_activities),
            ("GET", "/v2/account/activities/{activity_type}", self.list_activities),
            ("GET", "/v2/orders", self.list_orders),
            ("POST", "/v2/orders", self.submit),
            ("DELETE", "/v2/orders", self.cancel_all),
            ("GET", "/v2/orders:by_client_order_id", self.by_client_order_id),
            ("GET", "/v2/orders/{order_id}", self.by_id),
            ("PATCH", "/v2/orders/{order_id}", self.replace),
            ("DELETE", "/v2/orders/{order_id}", self.cancel),
            ("GET", "/v2/positions", self.list_positions),
            ("GET", "/v2/positions/{symbol:path}", self.position),
            ("GET", "/v2/clock", self.clock),
            ("GET", "/v2/assets", self.list_assets),
            ("GET", "/v2/assets/{symbol:path}", self.asset),
        ]
        return [Route(path, answering(endpoint), methods=[method]) for method, path, endpoint in table]

    # -- orders --------------------------------------------------------------------------------------------------

    async def submit(self, request: Request) -> Response:
        sim = self._sim
        ticket, legs = read_order(read_body(await request.body()))
        if ticket.client_order_id is not None and sim.book.by_client_id(ticket.client_order_id) is not None:
            raise malformed("client_order_id must be unique")
        self._check_means(ticket)
        sim.now()
        return answer(rest_order(sim.matcher.submit(ticket, legs), nested=True))

    async def list_orders(self, request: Request) -> Response:
        wanted = self._order_filter(request.query_params)
        lists = self._sim.lists
        page = self._sim.book.query(wanted, lists.order if lists.are_bent else None)
        return answer([rest_order(order, nested=wanted.nested) for order in page])

    async def by_id(self, request: Request) -> Response:
        return answer(rest_order(self._order(request), nested=_flag(request.query_params, "nested")))

    async def by_client_order_id(self, request: Request) -> Response:
        client_order_id = request.query_params.get("client_order_id", "")
        if not client_order_id:
            raise malformed("client_order_id is required")
        order = self._sim.book.by_client_id(client_order_id)
        if order is None or self._sim.lists.forgets(order):
            raise not_found()
        return answer(rest_order(order, nested=_flag(request.query_params, "nested")))

    async def replace(self, request: Request) -> Response:
        sim = self._sim
        order = self._order(request)
        if order.status in CLOSED | _NOT_REPLACEABLE:
            raise unprocessable(f"cannot replace order in {order.status} status")
        ticket = read_replacement(read_body(await request.body()), order)
        if ticket.client_order_id is not None and sim.book.by_client_id(ticket.client_order_id) is not None:
            raise malformed("client_order_id must be unique")
        sim.now()
        return answer(rest_order(sim.matcher.replace(order, ticket)))

    async def cancel(self, request: Request) -> Response:
        order = self._order(request)
        self._cancel(order)
        return Response(status_code=204)

    async def cancel_all(self, request: Request) -> Response:
        results = []
        for order in self._sim.book.unfinished():
            # Legs go with their parent, where that is open.
            if order.parent is not None and order.parent.status not in CLOSED:
                continue
            try:
                self._cancel(order)
            except RefusalError as refusal:
                results.append({"id": order.id, "status": refusal.status, "body": refusal.body()})
            else:
                results.append({"id": order.id, "status": 200})
        return answer(results, 207)

    def _cancel(self, order: Order) -> None:
        if order.status in CLOSED:
            raise unprocessable(f'order is already in "{order.status}" state')
        if order.status in {"pending_cancel", "pending_replace"} or order.ratio is not None:
            raise unprocessable("order is not cancelable")
        self._sim.now()
        self._sim.matcher.cancel(order)

    def _order(self, request: Request) -> Order:
        order = self._sim.book.by_id(request.path_params["order_id"])
        if order is None or self._sim.lists.forgets(order):
            raise not_found()
        return order

    def _check_means(self, ticket: Ticket) -> None:
        """Coins can't be sold short; money is not without end."""
        instrument = ticket.instrument
        if instrument is None:
            return
        price = ticket.limit_price or self._sim.market.quote(instrument)
        cost = ticket.notional if ticket.notional is not None else (ticket.qty or 0) * price // NANO
        if cost > round(self._sim.settings.buying_power * NANO):
            raise forbidden("insufficient buying power")
        if ticket.side == "sell" and not instrument.shortable:
            positions = self._sim.brokerage.positions
            committed = committed_quantities(self._sim.book.unfinished(), positions).get(instrument.symbol, 0)
            available = positions.qty(instrument.symbol) - committed
            wanted = ticket.qty if ticket.qty is not None else cost * NANO // price
            if wanted > available:
                raise forbidden(
                    f"insufficient balance for {instrument.symbol.split('/')[0]} "
                    f"(requested: {decimal_text(wanted)}, available: {decimal_text(max(available, 0))})"
                )

    def _order_filter(self, query: Mapping[str, str]) -> OrderFilter:
        before, after = query.get("before_order_id"), query.get("after_order_id")
        cursors = self._sim.settings.order_cursors
        if cursors == "refuse" and (before or after):
            raise malformed("unknown parameter: before_order_id, after_order_id")
        if cursors == "ignore":
            before = after = None
        if before and after:
            raise malformed("before_order_id and after_order_id are mutually exclusive")
        if (before or after) and (query.get("after") or query.get("until")):
            raise malformed("order id cursors can't be combined with after or until")
        symbols = [symbol.replace("/", "") for symbol in _words(query, "symbols")]
        classes = frozenset(_words(query, "asset_class"))
        return OrderFilter(
            status=_choice(query, "status", ("open", "closed", "all")),
            limit=_whole(query, "limit", 50, 500),
            after=_time(query, "after"),
            until=_time(query, "until"),
            descending=_choice(query, "direction", ("desc", "asc")) == "desc",
            nested=_flag(query, "nested"),
            symbols=frozenset(symbols),
            side=query.get("side") or None,
            asset_classes=frozenset() if "all" in classes else classes,
            before_order=self._known(before),
            after_order=self._known(after),
        )

    def _known(self, order_id: str | None) -> Order | None:
        if not order_id:
            return None
        order = self._sim.book.by_id(order_id)
        if order is None:
            raise not_found()
        return order

    # -- account -------------------------------------------------------------------------------------------------

    async def account(self, request: Request) -> Response:
        sim = self._sim
        account_id = sim.settings.account_id
        wrong = sim.faults.state("wrong_account")
        if wrong is not None:
            account_id = str(wrong.parameters["account_id"])
        return answer(account_view(account_id, sim.brokerage.positions, sim.market, sim.settings.buying_power))

    async def list_activities(self, request: Request) -> Response:
        query = request.query_params
        types = frozenset(_words(query, "activity_types"))
        path_type = request.path_params.get("activity_type")
        if path_type is not None:
            types = frozenset({path_type})
        for name in types - ACTIVITY_TYPES:
            raise malformed(f"invalid activity type: {name[:32]}")
        category = query.get("category") or None
        if category is not None and (types or category not in _CATEGORIES):
            raise malformed("category is trade_activity or non_trade_activity, and excludes activity_types")
        after, until = _time(query, "after"), _time(query, "until")
        day = _time(query, "date")
        if day is not None:
            if after is not None or until is not None:
                raise malformed("date can't be combined with after or until")
            after, until = day - day % DAY - 1, day - day % DAY + DAY
        wanted = ActivityFilter(
            types=types,
            category=category,
            order_id=query.get("order_id") or None,
            after=after,
            until=until,
            descending=_choice(query, "direction", ("desc", "asc")) == "desc",
            page_size=_whole(query, "page_size", 100, 100),
            page_token=query.get("page_token") or None,
        )
        return answer(self._sim.activities.page(wanted, self._sim.now()))

    async def list_positions(self, request: Request) -> Response:
        return answer(positions_view(self._sim, self._sim.lists.positions()))

    async def position(self, request: Request) -> Response:
        wanted = request.path_params["symbol"]
        for view in positions_view(self._sim, self._sim.lists.positions()):
            if wanted.replace("/", "") == view["symbol"] or wanted == view["asset_id"]:
                return answer(view)
        raise not_found("position")

    async def clock(self, request: Request) -> Response:
        return answer(clock_view(self._sim.now()))

    async def list_assets(self, request: Request) -> Response:
        wanted = request.query_params.get("asset_class")
        listed = [each for each in (*SHARES, *COINS) if wanted in {None, each.asset_class}]
        return answer([asset_view(instrument) for instrument in listed])

    async def asset(self, request: Request) -> Response:
        wanted = request.path_params["symbol"]
        instrument = find_instrument(wanted)
        by_id = [each for each in (*SHARES, *COINS) if each.asset_id == wanted]
        if instrument is None and not by_id:
            raise not_found(f"asset for {wanted[:32]}")
        return answer(asset_view(instrument or by_id[0]))


def positions_view(simulator: Simulator, positions: Positions) -> list[dict[str, Any]]:
    """All positions as REST gives them; flat ones vanish."""
    committed = committed_quantities(simulator.book.unfinished(), positions)
    return [
        position_view(symbol, position, simulator.market, committed.get(symbol, 0))
        for symbol, position in sorted(positions.held().items())
    ]


def answer(body: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(_encode(body), status, media_type="application/json")


def answering(endpoint: Endpoint) -> Endpoint:
    """The endpoint with refusals turned into the answers that they are."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except RefusalError as refusal:
            return answer(refusal.body(), refusal.status)

    return answered


def _words(query: Mapping[str, str], name: str) -> list[str]:
    return [word.strip() for word in query.get(name, "").split(",") if word.strip()]


def _choice(query: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """One of the choices, the first if none is given."""
    value = query.get(name) or choices[0]
    if value not in choices:
        raise malformed(f"invalid {name}: {value[:32]}")
    return value


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() in {"true", "1"}


def _whole(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name)
    if not text:
        return default
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise malformed(f"{name} must be from 1 to {most}")
    return int(text)


def _time(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise malformed(f"invalid {name}: not an RFC 3339 time or date") from error
