"""From the body of POST and PATCH /v2/orders to tickets, or to the refusal that Alpaca would answer."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from stream_reconcile.simulator.instruments import Instrument, find_instrument
from stream_reconcile.simulator.orders import Order, Ticket
from stream_reconcile.simulator.refusals import RefusalError, forbidden, malformed, unprocessable
from stream_reconcile.simulator.values import NANO, parse_decimal

_SIDES = {"buy", "sell"}
_INTENTS = {"buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close"}
_TYPES = {
    "us_equity": {"market", "limit", "stop", "stop_limit", "trailing_stop"},
    "us_option": {"market", "limit", "stop", "stop_limit"},
    "crypto": {"market", "limit", "stop_limit"},
}
_LIVES = {
    "us_equity": {"day", "gtc", "opg", "cls", "ioc", "fok"},
    "us_option": {"day", "gtc"},
    "crypto": {"gtc", "ioc"},
}
_CLASSES = {"", "simple", "bracket", "oco", "oto", "mleg"}
_MAX_CLIENT_ID = 128

Body = dict[str, Any]


def read_body(raw: bytes) -> Body:
    """A JSON object with its numbers as decimals. Raises RefusalError (400)."""
    try:
        body = json.loads(raw, parse_float=Decimal, parse_int=Decimal)
    except ValueError as error:
        raise RefusalError(400, 40010000, "request body format is invalid") from error
    if not isinstance(body, dict):
        raise RefusalError(400, 40010000, "request body format is invalid")
    return body


def read_order(body: Body) -> tuple[Ticket, list[Ticket]]:
    """The order that is asked for, and its legs. Raises RefusalError."""
    order_class = _one_of(body, "order_class", _CLASSES, "") or ""
    client_order_id = body.get("client_order_id")
    if client_order_id is not None and not 0 < len(str(client_order_id)) <= _MAX_CLIENT_ID:
        raise malformed("client_order_id must be no more than 128 characters")
    if order_class == "mleg":
        ticket, legs = _read_multi_leg(body)
    else:
        ticket = _read_single(body, order_class)
        legs = _read_exits(body, ticket)
    ticket.client_order_id = None if client_order_id is None else str(client_order_id)
    return ticket, legs


def read_replacement(body: Body, order: Order) -> Ticket:
    """The order that takes the place of `order`: its parameters, each overridden where the body says so."""
    if order.instrument is None or order.ratio is not None:
        raise unprocessable("multi-leg orders can't be replaced here")
    if order.notional is not None:
        raise unprocessable("notional orders can't be replaced")
    wire = order.wire
    qty, limit, stop = (_number(body, name) for name in ("qty", "limit_price", "stop_price"))
    trail = _number(body, "trail")
    percent = parse_decimal(wire["trail_percent"]) if wire["trail_percent"] else None
    distance = parse_decimal(wire["trail_price"]) if wire["trail_price"] else None
    ticket = Ticket(
        order.instrument,
        wire["side"],
        wire["type"],
        str(body.get("time_in_force") or wire["time_in_force"]),
        qty=qty or order.qty,
        limit_price=limit or order.limit,
        stop_price=stop or order.stop,
        trail_percent=trail if trail and percent else percent,
        trail_price=trail if trail and distance else distance,
        hwm=parse_decimal(wire["hwm"]) if wire["hwm"] else None,
        extended_hours=wire["extended_hours"],
        order_class=wire["order_class"],
        client_order_id=None if body.get("client_order_id") is None else str(body["client_order_id"]),
        position_intent=wire["position_intent"],
    )
    before = (order.qty, order.limit, order.stop, percent, distance, wire["time_in_force"])
    after = (ticket.qty, ticket.limit_price, ticket.stop_price, ticket.trail_percent, ticket.trail_price)
    if (*after, ticket.time_in_force) == before and ticket.client_order_id is None:
        raise forbidden("order parameters are not changed")
    if ticket.qty is not None and ticket.qty <= order.filled:
        raise unprocessable("qty must be > filled_qty")
    _check_prices(ticket)
    return ticket


def _read_single(body: Body, order_class: str) -> Ticket:
    instrument = _instrument(body)
    kind = instrument.asset_class
    intent = _one_of(body, "position_intent", _INTENTS, None)
    ticket = Ticket(
        instrument,
        _one_of(body, "side", _SIDES, intent.split("_")[0] if intent else None) or "",
        _one_of(body, "type", _TYPES[kind], None) or "",
        _one_of(body, "time_in_force", _LIVES[kind], None) or "",
        qty=_number(body, "qty"),
        notional=_number(body, "notional"),
        limit_price=_number(body, "limit_price"),
        stop_price=_number(body, "stop_price"),
        trail_price=_number(body, "trail_price"),
        trail_percent=_number(body, "trail_percent"),
        extended_hours=body.get("extended_hours") is True,
        order_class="" if order_class == "simple" else order_class,
        position_intent=intent,
    )
    for name, value in (("side", ticket.side), ("type", ticket.type), ("time_in_force", ticket.time_in_force)):
        if not value:
            raise malformed(f"{name} is required")
    if order_class == "oco" and ticket.limit_price is None:
        ticket.limit_price = _number(_part(body, "take_profit"), "limit_price")
    _check_size(ticket, kind)
    _check_prices(ticket)
    return ticket


def _check_size(ticket: Ticket, kind: str) -> None:
    if (ticket.qty is None) == (ticket.notional is None):
        raise malformed("qty or notional is required" if ticket.qty is None else "only one of qty or notional")
    if ticket.notional is not None:
        if ticket.type != "market" or (kind == "us_equity" and ticket.time_in_force != "day"):
            raise unprocessable("notional orders must be market orders for the day")
        return
    if kind != "crypto" and (ticket.qty or 0) % NANO:
        if kind == "us_option" or ticket.order_class:
            raise unprocessable("qty must be a whole number")
        if ticket.time_in_force != "day":
            raise unprocessable("fractional orders must be DAY orders")


def _check_prices(ticket: Ticket) -> None:
    needs_limit = ticket.type in {"limit", "stop_limit"}
    needs_stop = ticket.type in {"stop", "stop_limit"}
    if needs_limit and ticket.limit_price is None:
        raise malformed(f"{ticket.type} orders require limit price")
    if not needs_limit and ticket.limit_price is not None:
        raise malformed(f"{ticket.type} orders require no limit price")
    if needs_stop and ticket.stop_price is None:
        raise malformed(f"{ticket.type} orders require stop price")
    if ticket.type == "trailing_stop" and (ticket.trail_price is None) == (ticket.trail_percent is None):
        raise malformed("trailing stop orders must specify one of trail_price or trail_percent")


def _read_exits(body: Body, entry: Ticket) -> list[Ticket]:
    """The legs of a bracket, OCO or OTO order, in the order take-profit, stop-loss."""
    if entry.order_class == "":
        return []
    if entry.instrument is None or entry.instrument.asset_class != "us_equity":
        raise unprocessable(f"{entry.order_class} orders are for shares only")
    profit, loss = _part(body, "take_profit"), _part(body, "stop_loss")
    needs_both = entry.order_class in {"bracket", "oco"}
    if needs_both and (not profit or not loss):
        raise malformed(f"{entry.order_class} orders require take_profit.limit_price and stop_loss.stop_price")
    if not needs_both and bool(profit) == bool(loss):
        raise malformed("oto orders require either take_profit or stop_loss")
    side = entry.side
    if entry.order_class != "oco":
        side = "sell" if entry.side == "buy" else "buy"
    legs = []
    if profit and entry.order_class != "oco":
        legs.append(_exit(entry, side, "take_profit", "limit", _required(profit, "take_profit", "limit_price"), None))
    if loss:
        limit = _number(loss, "limit_price")
        stop = _required(loss, "stop_loss", "stop_price")
        legs.append(_exit(entry, side, "stop_loss", "stop" if limit is None else "stop_limit", limit, stop))
    entry.role = "take_profit" if entry.order_class == "oco" else "entry"
    return legs


def _exit(entry: Ticket, side: str, role: str, order_type: str, limit: int | None, stop: int | None) -> Ticket:
    return Ticket(
        entry.instrument,
        side,
        order_type,
        entry.time_in_force,
        qty=entry.qty,
        limit_price=limit,
        stop_price=stop,
        order_class=entry.order_class,
        position_intent=f"{side}_to_close",
        role=role,
    )


def _read_multi_leg(body: Body) -> tuple[Ticket, list[Ticket]]:
    qty = _number(body, "qty")
    if qty is None or qty % NANO:
        raise malformed("qty is required and must be a whole number")
    order_type = _one_of(body, "type", {"market", "limit"}, None)
    if order_type is None:
        raise malformed("type is required")
    wanted = body.get("legs")
    if not isinstance(wanted, list) or not 2 <= len(wanted) <= 4:
        raise unprocessable("mleg orders require between 2 and 4 legs")
    legs = []
    for leg in wanted:
        if not isinstance(leg, dict):
            raise malformed("legs are objects")
        instrument = _instrument(leg)
        if instrument.asset_class != "us_option":
            raise unprocessable("legs must be option contracts")
        intent = _one_of(leg, "position_intent", _INTENTS, None)
        side = _one_of(leg, "side", _SIDES, intent.split("_")[0] if intent else None)
        if side is None:
            raise malformed("side or position_intent is required for each leg")
        ratio = _number(leg, "ratio_qty") or NANO
        legs.append(Ticket(instrument, side, "", "day", qty=qty * ratio // NANO, ratio_qty=ratio, order_class="mleg"))
    if len({leg.instrument for leg in legs}) != len(legs):
        raise unprocessable("legs must have unique symbols")
    # A credit is a negative limit price.
    limit = _number(body, "limit_price", signed=True)
    if (order_type == "limit") != (limit is not None):
        raise malformed("limit orders require limit price" if limit is None else "market orders require no limit price")
    side = _one_of(body, "side", _SIDES, "buy") or "buy"
    return Ticket(None, side, order_type, "day", qty=qty, limit_price=limit, order_class="mleg"), legs


def _instrument(body: Body) -> Instrument:
    symbol = body.get("symbol")
    if not symbol:
        raise malformed("symbol is required")
    instrument = find_instrument(str(symbol))
    if instrument is None:
        raise unprocessable(f'asset "{str(symbol)[:32]}" not found')
    return instrument


def _part(body: Body, name: str) -> Body:
    part = body.get(name)
    return part if isinstance(part, dict) else {}


def _one_of(body: Body, name: str, allowed: set[str], default: str | None) -> str | None:
    value = body.get(name)
    if value is None:
        return default
    if value not in allowed:
        raise unprocessable(f"invalid {name}: {str(value)[:32]}")
    return str(value)


def _required(body: Body, part: str, name: str) -> int:
    value = _number(body, name)
    if value is None:
        raise malformed(f"{part}.{name} is required")
    return value


def _number(body: Body, name: str, *, signed: bool = False) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    try:
        nanos = parse_decimal(value)
    except ValueError as error:
        raise malformed(f"{name} is {error}") from error
    if nanos <= 0 and not signed:
        raise malformed(f"{name} must be > 0")
    return nanos
