"""A program that trades: it writes each decision down, submits the order, and says what it heard."""

from __future__ import annotations

import secrets
import threading
from types import TracebackType
from typing import Final, Self

import psycopg
import requests

from stream_reconcile import intents
from support.http_client import Rest
from support.whole import Whole

_EVERY_S: Final = 1.0
_ORDERS: Final = (
    {"symbol": "AAPL", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day"},
    {"symbol": "MSFT", "qty": "3", "side": "sell", "type": "market", "time_in_force": "day"},
    {"symbol": "SPY", "qty": "5", "side": "buy", "type": "limit", "limit_price": "1", "time_in_force": "gtc"},
)


class Program:
    """One order a second, from a thread, as long as the `with` block lasts.

    What the broker refused because requests were used up is decided anew, under another client order id.
    """

    def __init__(self, whole: Whole) -> None:
        self._whole = whole
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="program")
        self._fault: BaseException | None = None
        self.placed = self.ambiguous = self.refused = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Place no more; raises what ended it before its time."""
        self._stop.set()
        self._thread.join(60)
        if self._fault is not None:
            raise self._fault

    def _run(self) -> None:
        try:
            with Rest(self._whole.simulator) as rest, psycopg.connect(self._whole.dsn, autocommit=True) as connection:
                number = 0
                while not self._stop.wait(_EVERY_S):
                    self._place(rest, connection, dict(_ORDERS[number % len(_ORDERS)]))
                    number += 1
        except BaseException as error:  # noqa: BLE001 - raised again by `stop`
            self._fault = error

    def _place(self, rest: Rest, connection: psycopg.Connection, order: dict[str, str]) -> None:
        client_order_id = f"weather-{secrets.token_hex(8)}"
        decision = intents.record(
            connection,
            account_id=self._whole.simulator.account_id,
            client_order_id=client_order_id,
            symbol=order["symbol"],
            side=order["side"],
            qty=order["qty"],
        )
        try:
            status = rest("POST", "/v2/orders", json={**order, "client_order_id": client_order_id}).status_code
        except requests.RequestException:
            status = 0
        self.placed += status == 200
        self.refused += status == 429  # it did not get there: that decision is over, and the next one comes later
        self.ambiguous += status not in (200, 429)
        result: intents.Result = "accepted" if status == 200 else "refused" if status == 429 else "ambiguous"
        intents.mark_submitted(connection, decision, result)
        if status == 429:
            self._stop.wait(2 * _EVERY_S)
