"""The account, its positions, the clock and the assets, as REST answers them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from stream_reconcile.simulator.instruments import Instrument, find_instrument
from stream_reconcile.simulator.orders import Order
from stream_reconcile.simulator.positions import Position, Positions
from stream_reconcile.simulator.tickets import Market
from stream_reconcile.simulator.values import NANO, SECOND, average_price, decimal_text

_EASTERN = ZoneInfo("America/New_York")
_START_CASH = 1_000_000 * NANO


def account_view(account_id: str, positions: Positions, market: Market, buying_power: float) -> dict[str, Any]:
    """GET /v2/account, without the day-trading fields that left it on 2026-07-06."""
    long_value = short_value = 0
    for symbol, position in positions.held().items():
        value = position.qty * _price(symbol, market) // NANO
        long_value += max(value, 0)
        short_value += min(value, 0)
    cash = _START_CASH + positions.cash
    equity = cash + long_value + short_value
    return {
        "id": account_id,
        "account_number": "PA" + account_id.replace("-", "")[:10].upper(),
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "currency": "USD",
        "buying_power": f"{buying_power:f}".rstrip("0").rstrip("."),
        "regt_buying_power": decimal_text(_cents(2 * equity)),
        "non_marginable_buying_power": decimal_text(_cents(cash)),
        "options_buying_power": decimal_text(_cents(cash)),
        "options_approved_level": 3,
        "options_trading_level": 3,
        "cash": decimal_text(_cents(cash)),
        "accrued_fees": "0",
        "portfolio_value": decimal_text(_cents(equity)),
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "created_at": "2024-01-02T15:04:05.678901Z",
        "trade_suspended_by_user": False,
        "multiplier": "4",
        "shorting_enabled": True,
        "equity": decimal_text(_cents(equity)),
        "last_equity": decimal_text(_START_CASH),
        "long_market_value": decimal_text(_cents(long_value)),
        "short_market_value": decimal_text(_cents(short_value)),
        "initial_margin": decimal_text(_cents((long_value - short_value) // 2)),
        "maintenance_margin": decimal_text(_cents((long_value - short_value) * 3 // 10)),
        "last_maintenance_margin": "0",
        "sma": "0",
        "balance_asof": "2026-10-30",
        "intraday_adjustments": "0",
        "pending_reg_taf_fees": "0",
    }


def position_view(symbol: str, position: Position, market: Market, committed: int) -> dict[str, Any]:
    """One position. Coins go by `BTCUSD` and by another asset id than the asset's own (alpaca-py#490).

    `committed` are the nanos that open orders already sell (or buy back).
    """
    instrument = _instrument(symbol)
    price = market.quote(instrument)
    multiplier = 100 if instrument.asset_class == "us_option" else 1
    average = average_price(position.cost, position.qty)
    value = position.qty * price * multiplier // NANO
    cost = position.cost * multiplier // NANO
    gain = value - cost
    ratio = gain * NANO // abs(cost) if cost else 0
    return {
        "asset_id": instrument.position_asset_id,
        "symbol": instrument.position_symbol,
        "exchange": instrument.exchange,
        "asset_class": instrument.asset_class,
        "asset_marginable": instrument.asset_class == "us_equity",
        "qty": decimal_text(position.qty),
        "avg_entry_price": decimal_text(average),
        "side": "long" if position.qty > 0 else "short",
        "market_value": decimal_text(value),
        "cost_basis": decimal_text(cost),
        "unrealized_pl": decimal_text(gain),
        "unrealized_plpc": decimal_text(ratio),
        "unrealized_intraday_pl": decimal_text(gain),
        "unrealized_intraday_plpc": decimal_text(ratio),
        "current_price": decimal_text(price),
        "lastday_price": decimal_text(instrument.price),
        "change_today": decimal_text((price - instrument.price) * NANO // instrument.price),
        "qty_available": decimal_text(max(abs(position.qty) - committed, 0)),
    }


def committed_quantities(open_orders: list[Order], positions: Positions) -> dict[str, int]:
    """Nanos of each held symbol that open orders would close."""
    committed: dict[str, int] = {}
    for order in open_orders:
        symbol = order.wire["symbol"]
        if order.sign * positions.qty(symbol) < 0:
            committed[symbol] = committed.get(symbol, 0) + order.remaining
    return committed


def clock_view(now_ns: int) -> dict[str, Any]:
    """GET /v2/clock: open on weekdays from 9:30 to 16:00 in New York; holidays are not known here."""
    now = datetime.fromtimestamp(now_ns // SECOND, UTC).astimezone(_EASTERN)
    opens, closes = (_next_time(now, hour, minute) for hour, minute in ((9, 30), (16, 0)))
    return {
        "timestamp": now.isoformat(),
        "is_open": closes < opens,
        "next_open": opens.isoformat(),
        "next_close": closes.isoformat(),
    }


def asset_view(instrument: Instrument) -> dict[str, Any]:
    """One entry of GET /v2/assets."""
    shares = instrument.asset_class == "us_equity"
    coins = instrument.asset_class == "crypto"
    view: dict[str, Any] = {
        "id": instrument.asset_id,
        "class": instrument.asset_class,
        "exchange": instrument.exchange,
        "symbol": instrument.symbol,
        "name": instrument.name,
        "status": "active",
        "tradable": True,
        "marginable": shares,
        "shortable": shares,
        "easy_to_borrow": shares,
        "fractionable": shares or coins,
        "attributes": [],
    }
    if coins:
        view["min_order_size"] = view["min_trade_increment"] = decimal_text(instrument.lot)
        view["price_increment"] = decimal_text(instrument.tick)
    return view


def _next_time(now: datetime, hour: int, minute: int) -> datetime:
    moment = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    while moment <= now or moment.weekday() > 4:
        moment += timedelta(days=1)
    return moment


def _instrument(symbol: str) -> Instrument:
    instrument = find_instrument(symbol)
    if instrument is None:
        raise ValueError(f"no asset {symbol}: a position in it can't be shown")
    return instrument


def _price(symbol: str, market: Market) -> int:
    return market.quote(_instrument(symbol))


def _cents(nanos: int) -> int:
    return nanos // (NANO // 100) * (NANO // 100)
