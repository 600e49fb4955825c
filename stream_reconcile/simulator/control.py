"""The control endpoints under /sim: faults, ground truth, order flow, and orders worked by hand.

They need no token and answer on loopback only: whoever can reach them may do everything here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.simulator.fault_catalogue import CATALOGUE, COMMON
from stream_reconcile.simulator.history import generate_history
from stream_reconcile.simulator.instruments import find_instrument
from stream_reconcile.simulator.live import Simulator
from stream_reconcile.simulator.orders import OrderStateError, rest_order
from stream_reconcile.simulator.refusals import RefusalError, malformed, not_found, unprocessable
from stream_reconcile.simulator.rest import Endpoint, answer, answering, positions_view
from stream_reconcile.simulator.submission import read_body
from stream_reconcile.simulator.values import decimal_text, parse_decimal

_MOST = 5000


class ControlApi:
    """The endpoints over one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._sim = simulator

    def app(self) -> Starlette:
        """All of /sim."""
        table: list[tuple[str, str, Endpoint]] = [
            ("GET", "/sim", self.overview),
            ("GET", "/sim/faults", self.list_faults),
            ("POST", "/sim/faults", self.arm),
            ("DELETE", "/sim/faults", self.disarm),
            ("DELETE", "/sim/faults/{fault_id:int}", self.disarm),
            ("GET", "/sim/faults/log", self.fault_log),
            ("GET", "/sim/truth/orders", self.true_orders),
            ("GET", "/sim/truth/fills", self.true_fills),
            ("GET", "/sim/truth/executions", self.true_executions),
            ("GET", "/sim/truth/activities", self.true_activities),
            ("GET", "/sim/truth/positions", self.true_positions),
            ("POST", "/sim/flow", self.flow),
            ("POST", "/sim/pause", self.pause),
            ("POST", "/sim/resume", self.resume),
            ("POST", "/sim/settle", self.settle),
            ("POST", "/sim/forget", self.forget),
            ("POST", "/sim/price", self.price),
            ("POST", "/sim/orders/{order_id}/{operation}", self.operate),
            ("POST", "/sim/activities", self.add_activity),
            ("POST", "/sim/send", self.send),
            ("POST", "/sim/play", self.play),
        ]
        return Starlette(routes=[Route(path, _guarded(endpoint), methods=[method]) for method, path, endpoint in table])

    # -- state and truth -----------------------------------------------------------------------------------------

    async def overview(self, request: Request) -> Response:
        sim = self._sim
        return answer(
            {
                "account_id": sim.settings.account_id,
                "seed": sim.settings.seed,
                "counters": {
                    "orders": len(sim.book),
                    "unfinished_orders": len(sim.book.unfinished()),
                    "activities": len(sim.activities),
                    "frames_published": sim.delivery.published,
                    "frames_dropped": sim.delivery.lost,
                    "frames_unheard": sim.sessions.unheard,
                    "messages_sent": sim.sessions.sent,
                    "most_unsent_bytes": sim.sessions.most_unsent,
                    "requests": sim.requests,
                    "connections_accepted": sim.sessions.accepted,
                    "connections_refused": sim.sessions.refused,
                    "most_connections_at_once": sim.sessions.most_at_once,
                    "scripts_under_way": sim.under_way,
                    "faults": dict(sim.faults.struck),
                },
                "windows": sim.windows.view(),
                "sessions": [session.view() for session in sim.sessions.open],
            }
        )

    async def true_orders(self, request: Request) -> Response:
        """Each order as REST gives it, with its parent's id where it is a leg."""
        return self._page(
            request,
            "orders",
            self._sim.book.forgotten,
            self._sim.book.listed,
            lambda order: {**rest_order(order), "parent_order_id": order.parent.id if order.parent else None},
        )

    async def true_fills(self, request: Request) -> Response:
        """The executions that count, in the order in which their orders came."""
        return self._executions(request, "fills", only_real=True)

    async def true_executions(self, request: Request) -> Response:
        """All executions: real, busted and corrected ones."""
        return self._executions(request, "executions", only_real=False)

    async def true_activities(self, request: Request) -> Response:
        """All activities, listed yet or not."""
        return self._page(
            request,
            "activities",
            self._sim.activities.forgotten,
            self._sim.activities.entries,
            lambda entry: entry.view(),
        )

    async def true_positions(self, request: Request) -> Response:
        held = self._sim.brokerage.positions.held()
        quantities = {symbol: decimal_text(position.qty) for symbol, position in sorted(held.items())}
        return answer({"quantities": quantities, "positions": positions_view(self._sim, self._sim.brokerage.positions)})

    def _executions(self, request: Request, name: str, *, only_real: bool) -> Response:
        """Pages by order: `after` and `next` count orders, so that a page holds all executions of each of its."""
        after, limit = _paging(request, self._sim.book.forgotten)
        orders = list(islice(self._sim.book.listed(after), limit))
        found = [
            execution.record()
            for order in orders
            for execution in order.executions
            if not only_real or execution.state == "real"
        ]
        return answer({name: found, "next": after + limit if len(orders) == limit else None})

    def _page(
        self,
        request: Request,
        name: str,
        forgotten: int,
        entries: Callable[[int], Iterable[Any]],
        view: Callable[[Any], dict[str, Any]],
    ) -> Response:
        after, limit = _paging(request, forgotten)
        found = [view(entry) for entry in islice(entries(after), limit)]
        return answer({name: found, "next": after + limit if len(found) == limit else None})

    # -- faults --------------------------------------------------------------------------------------------------

    async def list_faults(self, request: Request) -> Response:
        catalogue = [
            {
                "fault": kind.name,
                "chance": kind.place.value,
                "summary": kind.summary,
                "parameters": {**COMMON, **kind.parameters},
            }
            for kind in CATALOGUE
        ]
        return answer({"armed": [fault.view() for fault in self._sim.faults.armed()], "catalogue": catalogue})

    async def arm(self, request: Request) -> Response:
        given: dict[str, object] = dict(read_body(await request.body()))
        name = str(given.pop("fault", ""))
        return answer(self._sim.arm(name, given).view())

    async def disarm(self, request: Request) -> Response:
        return answer({"cleared": self._sim.disarm(request.path_params.get("fault_id"))})

    async def fault_log(self, request: Request) -> Response:
        return self._page(request, "log", 0, lambda start: islice(self._sim.faults.log, start, None), lambda line: line)

    # -- the order flow, and orders by hand ----------------------------------------------------------------------

    async def flow(self, request: Request) -> Response:
        body = read_body(await request.body())
        rate, orders, reversals = float(body.get("rate", 0)), int(body.get("orders", 0)), body.get("reversals")
        if reversals is not None and not isinstance(reversals, bool):
            raise malformed("reversals is true or false")
        self._sim.set_flow(rate, orders, reversals=reversals)
        return answer({"rate": rate, "orders": orders})

    async def pause(self, request: Request) -> Response:
        self._sim.pause()
        return answer({"scripts_under_way": self._sim.under_way})

    async def resume(self, request: Request) -> Response:
        self._sim.resume()
        return answer({"scripts_under_way": self._sim.under_way})

    async def settle(self, request: Request) -> Response:
        return answer({"steps": self._sim.settle()})

    async def forget(self, request: Request) -> Response:
        """The oldest orders leave the books, with their activities: a long run needs memory for what is new only."""
        body = read_body(await request.body())
        return answer({"forgotten": self._sim.forget(int(body.get("orders", 0)))})

    async def price(self, request: Request) -> Response:
        body = read_body(await request.body())
        instrument = find_instrument(str(body.get("symbol", "")))
        price = _nanos(body, "price")
        if instrument is None or price is None:
            raise malformed("symbol and price are required")
        self._sim.now()
        self._sim.market.set_quote(instrument, price)
        self._sim.matcher.quote_moved(instrument, self._sim.book.unfinished())
        return answer({"symbol": instrument.symbol, "price": decimal_text(price)})

    async def operate(self, request: Request) -> Response:
        order = self._sim.book.by_id(request.path_params["order_id"])
        if order is None:
            raise not_found()
        body = read_body(await request.body() or b"{}")
        execution_id = str(body.get("execution_id", ""))
        self._sim.operate(
            order, request.path_params["operation"], _nanos(body, "qty"), _nanos(body, "price"), execution_id
        )
        return answer(rest_order(order, nested=True))

    async def add_activity(self, request: Request) -> Response:
        """An activity that is no trade; with `position` and `symbol` it moves what is held by that signed quantity.

        A coin's symbol may be written either way, as at the broker.
        """
        body = {key: str(value) for key, value in read_body(await request.body()).items()}
        move = body.pop("position", None)
        if "activity_type" not in body:
            raise malformed("activity_type is required")
        now = self._sim.now()
        if move is not None:
            symbol = body.get("symbol", "")
            instrument = find_instrument(symbol)
            self._sim.brokerage.positions.adjust(instrument.symbol if instrument else symbol, parse_decimal(move))
            self._sim.lists.moved()
        return answer(self._sim.activities.add(now, self._sim.brokerage.ids.uuid(), body))

    # -- raw messages --------------------------------------------------------------------------------------------

    async def send(self, request: Request) -> Response:
        """The body, as it is, as one message to all who listen; `?text=1` as a text frame."""
        text = request.query_params.get("text")
        raw = await request.body()
        self._sim.sessions.broadcast(raw, text=None if text is None else text == "1")
        return answer({"bytes": len(raw)})

    async def play(self, request: Request) -> Response:
        """A generated history, past the books, at a given rate or as fast as it is taken."""
        body = read_body(await request.body())
        seed, orders, rate = (body.get(name, default) for name, default in (("seed", 1), ("orders", 1000), ("rate", 0)))
        history = generate_history(int(seed), int(orders), start=self._sim.now())
        return answer(await self._sim.play(history, float(rate)))


def _guarded(endpoint: Endpoint) -> Endpoint:
    """The endpoint, for loopback only, with this program's own errors turned into answers."""

    async def guarded(request: Request) -> Response:
        host = request.client.host if request.client else ""
        try:
            local = ipaddress.ip_address(host).is_loopback
        except ValueError:
            local = False
        if not local:
            raise RefusalError(403, None, "the control endpoints answer on loopback only")
        try:
            return await endpoint(request)
        except ConfigError as error:
            raise malformed(str(error)) from error
        except OrderStateError as error:
            raise unprocessable(str(error)) from error
        except (ValueError, TypeError) as error:
            raise malformed(f"unreadable request: {error}") from error

    return answering(guarded)


def _paging(request: Request, forgotten: int) -> tuple[int, int]:
    query = request.query_params
    return max(int(query.get("after", "0")), forgotten), min(int(query.get("limit", "1000")), _MOST)


def _nanos(body: dict[str, Any], name: str) -> int | None:
    value = body.get(name)
    return None if value is None else parse_decimal(value)
