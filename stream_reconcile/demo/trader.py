"""Who trades in the demo: a program that writes down what it decides, submits it and hears nothing; and a hand."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from typing import Any, Final

from stream_reconcile import intents
from stream_reconcile.core.errors import UnreachableError
from stream_reconcile.simulator.client import Control
from stream_reconcile.store.connect import connect

_HEARS_NOTHING_S: Final = 2.0


class Trader:
    """`exports` are the broker's address and keys, as `simulate` prints them."""

    def __init__(self, control: Control, exports: Mapping[str, str], dsn: str, schema: str) -> None:
        self._control, self._exports = control, exports
        self._dsn, self._schema = dsn, schema
        self.decided: list[str] = []
        """Client order ids."""

    def submit_in_vain(self) -> str:
        """Decide on an order, submit it once to a broker that takes it and does not answer, and go on not knowing."""
        client_order_id = f"demo-{uuid.uuid4().hex[:12]}"
        order = {"symbol": "AAPL", "side": "buy", "type": "market", "qty": "7", "time_in_force": "day"}
        account_id = str(self._control.overview()["account_id"])
        with connect(self._dsn, self._schema, name="stream-reconcile demo trader", autocommit=False) as connection:
            decision = intents.record(
                connection,
                account_id=account_id,
                client_order_id=client_order_id,
                symbol=order["symbol"],
                side=order["side"],
                qty=order["qty"],
                order_type=order["type"],
                time_in_force=order["time_in_force"],
                schema=self._schema,
            )
            connection.commit()
            self._control.fault("ambiguous_submit", seconds=_HEARS_NOTHING_S / 2, status=0)
            self._post(order | {"client_order_id": client_order_id})
            intents.mark_submitted(connection, decision, "ambiguous", schema=self._schema)
            connection.commit()
        self.decided.append(client_order_id)
        return client_order_id

    def place_by_hand(self) -> str:
        """Submit an order that nobody has written down, as somebody would at the broker's own page; the order's id.

        Raises UnreachableError where the broker does not take it.
        """
        placed = self._post({"symbol": "MSFT", "side": "buy", "type": "market", "qty": "3", "time_in_force": "day"})
        if placed is None:
            raise UnreachableError("the simulated broker did not take the order: press again")
        return str(placed["id"])

    def _post(self, order: Mapping[str, str]) -> dict[str, Any] | None:
        """The broker's answer; None where none is heard."""
        headers = {
            "APCA-API-KEY-ID": self._exports["APCA_API_KEY_ID"],
            "APCA-API-SECRET-KEY": self._exports["APCA_API_SECRET_KEY"],
            "Content-Type": "application/json",
        }
        url = f"{self._exports['APCA_API_BASE_URL']}/v2/orders"
        request = urllib.request.Request(url, json.dumps(order).encode(), headers)  # noqa: S310 - the simulator's own
        try:
            with urllib.request.urlopen(request, timeout=_HEARS_NOTHING_S) as answer:  # noqa: S310 - likewise
                placed: dict[str, Any] = json.loads(answer.read())
                return placed
        except OSError:
            return None  # in the story that is how it has to be
