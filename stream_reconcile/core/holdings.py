"""What one record says of the account or of all its positions at one moment."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from stream_reconcile.core.observation import Seen

POSITION_NUMBERS: Final = (
    "qty", "qty_available", "avg_entry_price", "current_price", "market_value", "cost_basis", "unrealized_pl",
)  # fmt: skip
POSITION_TEXTS: Final = ("side", "asset_id", "asset_class", "exchange")
ACCOUNT_NUMBERS: Final = (
    "equity", "last_equity", "cash", "buying_power", "regt_buying_power", "daytrading_buying_power",
    "options_buying_power", "long_market_value", "short_market_value", "initial_margin", "maintenance_margin",
    "multiplier",
)  # fmt: skip
ACCOUNT_TEXTS: Final = ("status", "currency")
ACCOUNT_FLAGS: Final = (
    "pattern_day_trader", "trading_blocked", "transfers_blocked", "account_blocked", "trade_suspended_by_user",
    "shorting_enabled",
)  # fmt: skip

Row = dict[str, str | bool | None]


class HoldingKind(StrEnum):
    """Which of the broker's answers it is."""

    ACCOUNT = "account"
    POSITIONS = "positions"


class Holding(NamedTuple):
    """One reading. `rows`: columns of `account_snapshots` or `position_snapshots` by name, numbers as text (I7)."""

    kind: HoldingKind
    seen: Seen
    as_of_ms: int
    """When the broker's answer was received, milliseconds since the epoch."""
    rows: tuple[Row, ...]

    def __repr__(self) -> str:
        return f"Holding({self.kind}, {self.seen.topic}:{self.seen.partition}:{self.seen.offset})"  # never the values
