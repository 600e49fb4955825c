"""Place one paper order through alpaca-py, with its decision written down before: see docs/intents.md.

    python docs/examples/place_order.py AAPL buy 10 --limit 187.50

Takes APCA_API_KEY_ID, APCA_API_SECRET_KEY, APCA_API_BASE_URL (default: the paper address) and DATABASE_URL (a login
with the role reconcile_intent) from the environment. Exit status: 0 accepted, 1 refused, 3 nobody knows yet.
"""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from decimal import Decimal
from typing import Any

import psycopg
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import LimitOrderRequest, MarketOrderRequest

from stream_reconcile import intents

PAPER = "https://paper-api.alpaca.markets"


class BoundedSession(requests.Session):
    """alpaca-py sets no time limit; without one a silent broker would hold the program for ever."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def request(self, *args: Any, **options: Any) -> requests.Response:
        options.setdefault("timeout", self.seconds)
        return super().request(*args, **options)


def trading_client(timeout: float) -> TradingClient:
    client = TradingClient(
        os.environ["APCA_API_KEY_ID"],
        os.environ["APCA_API_SECRET_KEY"],
        url_override=os.environ.get("APCA_API_BASE_URL", PAPER),
    )
    client._session = BoundedSession(timeout)
    # Its own retries would submit again behind our back, and take "this client order id exists" for a refusal.
    client._retry = 0
    return client


def order_request(wanted: argparse.Namespace, client_order_id: str) -> MarketOrderRequest | LimitOrderRequest:
    terms = {
        "symbol": wanted.symbol,
        "side": wanted.side,
        "qty": float(wanted.qty),  # alpaca-py's models take no Decimal; the decision holds the exact number
        "time_in_force": wanted.time_in_force,
        "client_order_id": client_order_id,
    }
    if wanted.limit is None:
        return MarketOrderRequest(**terms)
    return LimitOrderRequest(**terms, limit_price=float(wanted.limit))


def submit(client: TradingClient, order: MarketOrderRequest | LimitOrderRequest) -> tuple[intents.Result, str]:
    """What the broker answered, and that in words."""
    try:
        placed: Any = client.submit_order(order)
    except APIError as error:
        # 4xx: the broker has read the order and does not want it. But a client order id that exists may be this very
        # order's, and after a 5xx the order may stand.
        refused = error.status_code in (400, 401, 403, 404, 422, 429) and "client_order_id" not in str(error)
        return ("refused" if refused else "ambiguous"), f"HTTP {error.status_code}"
    except requests.RequestException as error:
        return "ambiguous", type(error).__name__  # it may have arrived, or not
    return "accepted", f"order {placed.id}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Place one paper order, with its decision written down before.")
    parser.add_argument("symbol")
    parser.add_argument("side", choices=["buy", "sell"])
    parser.add_argument("qty", type=Decimal)
    parser.add_argument("--limit", type=Decimal, help="limit price; without: at market")
    parser.add_argument("--time-in-force", default="day")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for the broker")
    wanted = parser.parse_args()

    client = trading_client(wanted.timeout)
    account: Any = client.get_account()
    client_order_id = f"example-{uuid.uuid4()}"
    order = order_request(wanted, client_order_id)

    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        decision_id = intents.record(
            connection,
            account_id=str(account.id),
            client_order_id=client_order_id,
            symbol=wanted.symbol,
            side=wanted.side,
            qty=wanted.qty,
            order_type="market" if wanted.limit is None else "limit",
            limit_price=wanted.limit,
            time_in_force=wanted.time_in_force,
        )
        connection.commit()  # before the order is submitted, or a crash in between leaves an order that nobody decided

        result, words = submit(client, order)

        intents.mark_submitted(connection, decision_id, result)
        connection.commit()

    print(f"decision {decision_id}, client order id {client_order_id}: {result} ({words})")
    if result == "ambiguous":
        print("It may stand at the broker: do not submit it again under another id, the sweep will find out.")
    return {"accepted": 0, "refused": 1, "ambiguous": 3}[result]


if __name__ == "__main__":
    sys.exit(main())
