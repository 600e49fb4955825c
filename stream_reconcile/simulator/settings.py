"""What can be set about a simulated broker. Every field is a flag of `stream-reconcile simulate`."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from uuid import NAMESPACE_URL, uuid5

from stream_reconcile.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """Plain values; see docs/simulator.md. Times in seconds, rates per second; 0 switches a limit off."""

    seed: int = 1
    host: str = "127.0.0.1"
    port: int = 0
    """0: any free one."""

    key: str = ""
    secret: str = field(default="", repr=False)
    account_id: str = ""
    """Empty: made of the seed."""

    rate: float = 0.0
    """Events a second of the simulator's own order flow; 0: only what clients submit."""
    orders: int = 0
    """The own order flow stops after so many orders; 0: never."""
    preload_orders: int = 0
    """So many orders stand in the books at the start, spread over `preload_hours` before it."""
    preload_hours: float = 24.0
    reversals: bool = True
    """The own order flow has busts and corrections."""

    auto_fill: bool = True
    """Orders of clients fill by the quote; else they wait for /sim/orders/{id}/fill."""
    acknowledge_seconds: float = 0.005
    """From `pending_new` to `new`, and from a cancel's or replace's request to its end, for clients' orders."""
    fill_seconds: float = 0.02
    """From `new` to the fill of a client's marketable order."""
    buying_power: float = 4_000_000.0
    """A single order that costs more is refused."""

    text_frames: bool = False
    """Websocket frames as text instead of binary."""
    order_groups: bool = False
    """Orders of brackets, OCO and OTO carry `group_id` and `group_role` (since 2026-10-08, optional)."""
    second_connection: str = "reject"
    """What an extra connection meets: `reject` (HTTP 429), `kick` (the first one is closed), `allow`."""
    slot_hold_seconds: float = 0.0
    """How long the connection slot stays taken after a connection that ended without a close frame."""
    connect_limit: int = 20
    """More handshakes than this within `connect_window_seconds` get HTTP 429."""
    connect_window_seconds: float = 10.0
    ping_interval_seconds: float = 20.0
    ping_timeout_seconds: float = 20.0

    rate_limit: int = 200
    """REST requests in each `rate_window_seconds`."""
    rate_window_seconds: float = 60.0
    order_cursors: str = "take"
    """What becomes of `before_order_id` and `after_order_id`: `take`, `refuse` (422), `ignore`."""
    activity_delay_seconds: float = 1.0
    """From an execution until its FILL activity is listed."""
    withdraw_busted: bool = False
    """Whether the FILL activity of a busted or corrected execution vanishes."""

    faults: tuple[str, ...] = field(default=())
    """Faults armed from the start, each `name` or `name:parameter=value,…`."""

    def __post_init__(self) -> None:
        digest = sha256(f"simulated account {self.seed}".encode()).hexdigest().upper()
        for name, value in (
            ("key", f"PK{digest[:18]}"),
            ("secret", digest[18:58].lower()),
            ("account_id", str(uuid5(NAMESPACE_URL, f"simulated-account/{self.seed}"))),
        ):
            if not getattr(self, name):
                object.__setattr__(self, name, value)
        if self.second_connection not in {"reject", "kick", "allow"}:
            raise ConfigError(f"second_connection is {self.second_connection!r}; it must be reject, kick or allow")
        if self.order_cursors not in {"take", "refuse", "ignore"}:
            raise ConfigError(f"order_cursors is {self.order_cursors!r}; it must be take, refuse or ignore")
