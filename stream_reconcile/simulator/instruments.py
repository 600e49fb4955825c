"""What can be traded here: a few well-known shares and coins, and any option contract by its OCC symbol."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from uuid import NAMESPACE_URL, uuid5

from stream_reconcile.simulator.values import NANO, parse_decimal

_CENT = NANO // 100
_OPTION = re.compile(r"^(?P<root>[A-Z]{1,6})(?P<expiry>\d{6})(?P<right>[CP])(?P<strike>\d{8})$")


@dataclass(frozen=True, slots=True)
class Instrument:
    """One asset. Prices, ticks and lots are nanos (1e-9 of a dollar or of a unit)."""

    symbol: str
    asset_class: str
    exchange: str
    name: str
    price: int
    tick: int
    lot: int

    @property
    def asset_id(self) -> str:
        """The id that orders and /v2/assets name."""
        return _asset_id(self.symbol)

    @property
    def position_symbol(self) -> str:
        """Positions in coins are named without the slash (`BTCUSD`), unlike orders (alpaca-py#490)."""
        return self.symbol.replace("/", "")

    @property
    def position_asset_id(self) -> str:
        """And even with another asset id than the asset's, for coins (alpaca-py#490, #537)."""
        return _asset_id(self.position_symbol)

    @property
    def shortable(self) -> bool:
        return self.asset_class != "crypto"


@lru_cache(maxsize=4096)
def _asset_id(symbol: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"simulated-asset/{symbol}"))


def _share(symbol: str, name: str, price: str, exchange: str = "NASDAQ") -> Instrument:
    return Instrument(symbol, "us_equity", exchange, name, parse_decimal(price), _CENT, NANO)


def _coin(symbol: str, name: str, price: str, tick: str, lot: str) -> Instrument:
    return Instrument(symbol, "crypto", "CRYPTO", name, parse_decimal(price), parse_decimal(tick), parse_decimal(lot))


SHARES = (
    _share("AAPL", "Apple Inc. Common Stock", "231.4"),
    _share("MSFT", "Microsoft Corporation Common Stock", "498.12"),
    _share("NVDA", "NVIDIA Corporation Common Stock", "187.6"),
    _share("TSLA", "Tesla, Inc. Common Stock", "402.9"),
    _share("AMZN", "Amazon.com, Inc. Common Stock", "229.15"),
    _share("SPY", "SPDR S&P 500 ETF Trust", "671.3", "ARCA"),
    _share("QQQ", "Invesco QQQ Trust, Series 1", "603.8"),
    _share("F", "Ford Motor Company", "11.42", "NYSE"),
    _share("T", "AT&T Inc.", "28.03", "NYSE"),
    _share("GNL", "Global Net Lease, Inc.", "7.18", "NYSE"),
)
COINS = (
    _coin("BTC/USD", "Bitcoin / US Dollar", "91250.5", "0.01", "0.000000001"),
    _coin("ETH/USD", "Ether / US Dollar", "3120.75", "0.01", "0.000000001"),
    _coin("SOL/USD", "Solana / US Dollar", "141.2", "0.001", "0.000000001"),
    _coin("DOGE/USD", "Dogecoin / US Dollar", "0.0851119", "0.0000001", "0.1"),
)
_KNOWN = {instrument.symbol: instrument for instrument in (*SHARES, *COINS)}
_BY_POSITION_SYMBOL = {instrument.position_symbol: instrument for instrument in _KNOWN.values()}


def find_instrument(symbol: str) -> Instrument | None:
    """The asset of this symbol (`BTC/USD` and `BTCUSD` are the same), or None if there is none."""
    return _KNOWN.get(symbol) or _BY_POSITION_SYMBOL.get(symbol) or _option(symbol)


def option_contract(root: str, expiry: str, right: str, strike: int) -> Instrument:
    """An option contract by its root, expiry (`YYMMDD`), right (`C` or `P`) and strike in whole dollars."""
    return _contract(f"{root}{expiry}{right}{strike * 1000:08d}", root, expiry, right, strike * NANO)


def _option(symbol: str) -> Instrument | None:
    """The contract of an OCC symbol such as `AAPL250321P00200000`, or None if the text is none."""
    match = _OPTION.match(symbol)
    if match is None:
        return None
    strike = int(match["strike"]) * NANO // 1000
    return _contract(symbol, match["root"], match["expiry"], match["right"], strike)


@lru_cache(maxsize=4096)
def _contract(symbol: str, root: str, expiry: str, right: str, strike: int) -> Instrument:
    # Any plausible premium does: about two percent of the strike, in cents.
    price = max(strike // 50 // _CENT * _CENT, _CENT)
    name = f"{root} {expiry} {'Call' if right == 'C' else 'Put'}"
    return Instrument(symbol, "us_option", "", name, price, _CENT, NANO)
