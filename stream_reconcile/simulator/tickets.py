"""Believable orders: what an account that trades shares, coins and options asks for."""

from __future__ import annotations

import random

from stream_reconcile.simulator.instruments import COINS, SHARES, Instrument, option_contract
from stream_reconcile.simulator.orders import Order, Ticket
from stream_reconcile.simulator.positions import Positions
from stream_reconcile.simulator.values import NANO, Ids

_ROOTS = ("AAPL", "SPY", "NVDA", "TSLA")
_EXPIRIES = ("261218", "270115", "270319")


class Market:
    """The prices of the moment: fixed until somebody sets one."""

    def __init__(self) -> None:
        self._quotes: dict[str, int] = {}

    def quote(self, instrument: Instrument) -> int:
        """Nanos of a dollar."""
        return self._quotes.get(instrument.symbol, instrument.price)

    def set_quote(self, instrument: Instrument, price: int) -> None:
        self._quotes[instrument.symbol] = price

    def near(self, rng: random.Random, instrument: Instrument, spread: int = 100) -> int:
        """A price at most `spread` hundredths of a percent off the quote, on the tick."""
        drift = int(rng.random() * (2 * spread + 1)) - spread
        return max(self.quote(instrument) * (10_000 + drift) // 10_000 // instrument.tick, 1) * instrument.tick


class Family:
    """The orders of one script, and the coins that its sell orders keep for themselves until it ends."""

    __slots__ = ("orders", "reserved")

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.reserved: list[tuple[str, int]] = []


class TicketDesk:
    """Draws order tickets from a seeded generator. Coins are sold only where they are held and not promised yet."""

    def __init__(self, rng: random.Random, positions: Positions, market: Market, ids: Ids) -> None:
        self._rng = rng
        self._positions = positions
        self._market = market
        self._ids = ids
        self._reserved: dict[str, int] = {}

    def release(self, family: Family) -> None:
        """Give back what a finished family had reserved."""
        for symbol, qty in family.reserved:
            self._reserved[symbol] -= qty

    def simple(self, family: Family) -> Ticket:
        """A simple order: shares (whole, fractional or by money), coins, or one option contract."""
        roll = self._rng.random()
        if roll < 0.18:
            return self._coins(family)
        if roll < 0.25:
            return self._option_contract()
        if roll < 0.31:
            return self._by_money()
        if roll < 0.38:
            return self._fractional()
        return self.shares()

    def shares(self, side: str | None = None, order_type: str | None = None) -> Ticket:
        """Whole shares, any type of order."""
        rng = self._rng
        instrument = self._pick(SHARES)
        ticket = Ticket(
            instrument,
            side or ("buy" if rng.random() < 0.55 else "sell"),
            order_type or _SHARE_TYPES[int(rng.random() * len(_SHARE_TYPES))],
            _SHARE_LIVES[int(rng.random() * len(_SHARE_LIVES))],
            qty=(1 + int(rng.random() ** 3 * 400)) * NANO,
            client_order_id=self._client_order_id(),
        )
        self._price(ticket, instrument)
        if ticket.type == "limit" and ticket.time_in_force == "day":
            ticket.extended_hours = rng.random() < 0.1
        return ticket

    def spread(self) -> tuple[Ticket, list[Ticket]]:
        """A multi-leg option order and its two to four legs."""
        rng = self._rng
        root = _ROOTS[int(rng.random() * len(_ROOTS))]
        expiry = _EXPIRIES[int(rng.random() * len(_EXPIRIES))]
        legs = []
        strike = 150 + 10 * int(rng.random() * 20)
        for number in range(2 + int(rng.random() ** 2 * 3)):
            contract = option_contract(root, expiry, "CP"[number % 2], strike + 10 * number)
            ratio = (1 if rng.random() < 0.8 else 2) * NANO
            side = "buy" if number % 2 == 0 or rng.random() < 0.3 else "sell"
            legs.append(Ticket(contract, side, "", "day", order_class="mleg", ratio_qty=ratio))
        qty = (1 + int(rng.random() * 5)) * NANO
        for leg in legs:
            leg.qty = qty * (leg.ratio_qty or 0) // NANO
        limit = (1 + int(rng.random() * 900)) * NANO // 100
        parent = Ticket(None, "buy", "limit", "day", qty=qty, limit_price=limit, order_class="mleg")
        return parent, legs

    def amended(self, order: Order) -> Ticket:
        """A replacement of an order: another price where it has one, sometimes another quantity."""
        rng = self._rng
        wire = order.wire
        tick = order.traded.tick
        nudge = (int(rng.random() * 9) - 4 or 1) * tick
        qty = order.qty
        if qty is not None and qty % NANO == 0 and rng.random() < 0.3:
            qty += NANO
        return Ticket(
            order.traded,
            wire["side"],
            wire["type"],
            wire["time_in_force"],
            qty=qty,
            limit_price=None if order.limit is None else max(order.limit + nudge, tick),
            stop_price=None if order.stop is None else max(order.stop + nudge, tick),
            extended_hours=wire["extended_hours"],
            order_class=wire["order_class"],
            position_intent=wire["position_intent"],
        )

    def _coins(self, family: Family) -> Ticket:
        rng = self._rng
        instrument = self._pick(COINS)
        symbol = instrument.symbol
        free = self._positions.qty(symbol) - self._reserved.get(symbol, 0)
        money = (20 + int(rng.random() * 3000)) * NANO
        qty = money * NANO // self._market.quote(instrument) // instrument.lot * instrument.lot
        side = "buy"
        if free > qty > 0 and rng.random() < 0.6:
            side = "sell"
            self._reserved[symbol] = self._reserved.get(symbol, 0) + qty
            family.reserved.append((symbol, qty))
        ticket = Ticket(
            instrument,
            side,
            _COIN_TYPES[int(rng.random() * len(_COIN_TYPES))],
            "gtc" if rng.random() < 0.85 else "ioc",
            qty=max(qty, instrument.lot),
            client_order_id=self._client_order_id(),
        )
        self._price(ticket, instrument)
        return ticket

    def _option_contract(self) -> Ticket:
        rng = self._rng
        root = _ROOTS[int(rng.random() * len(_ROOTS))]
        expiry = _EXPIRIES[int(rng.random() * len(_EXPIRIES))]
        contract = option_contract(root, expiry, "CP"[int(rng.random() * 2)], 150 + 10 * int(rng.random() * 20))
        ticket = Ticket(
            contract,
            "buy" if rng.random() < 0.6 else "sell",
            "limit" if rng.random() < 0.7 else "market",
            "day",
            qty=(1 + int(rng.random() * 10)) * NANO,
        )
        self._price(ticket, contract)
        return ticket

    def _by_money(self) -> Ticket:
        cents = 100 + int(self._rng.random() * 500_000)
        return Ticket(self._pick(SHARES), "buy", "market", "day", notional=cents * NANO // 100)

    def _fractional(self) -> Ticket:
        qty = 1 + int(self._rng.random() * 5 * NANO)
        side = "buy" if self._rng.random() < 0.6 else "sell"
        return Ticket(self._pick(SHARES), side, "market", "day", qty=qty)

    def _pick(self, instruments: tuple[Instrument, ...]) -> Instrument:
        return instruments[int(self._rng.random() * len(instruments))]

    def _price(self, ticket: Ticket, instrument: Instrument) -> None:
        rng, market, tick = self._rng, self._market, instrument.tick
        if ticket.type in {"limit", "stop_limit"}:
            ticket.limit_price = market.near(rng, instrument)
        if ticket.type in {"stop", "stop_limit"}:
            ticket.stop_price = market.near(rng, instrument)
        if ticket.type == "trailing_stop":
            ticket.hwm = market.quote(instrument)
            trail = 1 + int(rng.random() * 5)
            if rng.random() < 0.5:
                ticket.trail_percent = trail * NANO
                distance = ticket.hwm * trail // 100 // tick * tick
            else:
                ticket.trail_price = distance = trail * NANO
            ticket.stop_price = max(ticket.hwm + (distance if ticket.side == "buy" else -distance), tick)

    def _client_order_id(self) -> str | None:
        """Mostly none (the broker makes one up); else the client's own, spaces and slashes included (sample 18)."""
        roll = self._rng.random()
        if roll < 0.7:
            return None
        name = self._ids.uuid()
        return f"strategy-{name}" if roll < 0.97 else f"sell-GNL/{name[:8]} at open/desk {name[9:13]} "


_SHARE_TYPES = ("market",) * 7 + ("limit",) * 9 + ("stop",) * 2 + ("stop_limit",) * 2 + ("trailing_stop",)
_SHARE_LIVES = ("day",) * 12 + ("gtc",) * 5 + ("ioc", "fok", "opg", "cls")
_COIN_TYPES = ("market",) * 5 + ("limit",) * 5 + ("stop_limit",)
