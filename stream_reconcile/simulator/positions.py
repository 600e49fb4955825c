"""What the account holds: a signed quantity for each symbol, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stream_reconcile.simulator.values import NANO


@dataclass(slots=True)
class Position:
    """`qty` in nanos, negative when short; `cost` in price nanos times quantity nanos, of the same sign."""

    qty: int = 0
    cost: int = 0


class Positions:
    """All positions, flat ones included, by the order's symbol (`BTC/USD`, not `BTCUSD`)."""

    def __init__(self) -> None:
        self.cash = 0
        """Nanos of dollars gained (or spent, negative) by all executions; fees and multipliers aside."""
        self._held: dict[str, Position] = {}

    def book(self, symbol: str, qty: int, price: int) -> int:
        """Add a signed execution; the signed quantity after it. Reducing keeps the average entry price."""
        position = self._held.get(symbol)
        if position is None:
            position = self._held[symbol] = Position()
        self.cash -= qty * price // NANO
        before = position.qty
        after = before + qty
        if before == 0 or (before > 0) == (qty > 0):
            position.cost += qty * price
        elif after == 0:
            position.cost = 0
        elif (after > 0) == (before > 0):
            position.cost = position.cost * after // before
        else:
            position.cost = after * price
        position.qty = after
        return after

    def adjust(self, symbol: str, qty: int) -> int:
        """Add a signed quantity that is no execution and costs nothing (a fee in coins, a split)."""
        position = self._held.setdefault(symbol, Position())
        position.qty += qty
        return position.qty

    def copied(self) -> Positions:
        """All that is held, as it is now."""
        copied = Positions()
        copied.cash = self.cash
        copied._held = {symbol: replace(position) for symbol, position in self._held.items()}
        return copied

    def qty(self, symbol: str) -> int:
        """Signed nanos held."""
        position = self._held.get(symbol)
        return 0 if position is None else position.qty

    def held(self) -> dict[str, Position]:
        """The positions that are not flat, by symbol."""
        return {symbol: position for symbol, position in self._held.items() if position.qty}

    def intent(self, symbol: str, side: str) -> str:
        """The `position_intent` of an order of this side, by what is held when it comes in."""
        held = self.qty(symbol)
        closes = held < 0 if side == "buy" else held > 0
        return f"{side}_to_{'close' if closes else 'open'}"
