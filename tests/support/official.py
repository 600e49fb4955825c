"""The official client, alpaca-py, as an oracle: imported here once, with its one deprecation warning left out."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

with warnings.catch_warnings():
    # alpaca-py 0.44 still builds on the legacy client of websockets, and importing that says so. Nothing of ours does.
    warnings.filterwarnings(
        "ignore",
        message=r"^websockets\.legacy is deprecated; see https://websockets\.readthedocs\.io/",
        category=DeprecationWarning,
    )
    from alpaca.trading import enums, models, requests
    from alpaca.trading.client import TradingClient
    from alpaca.trading.stream import TradingStream

__all__ = ["TradingClient", "TradingStream", "enums", "models", "requests", "streaming", "trading_client"]


def trading_client(simulator: Any, *, raw: bool = False) -> TradingClient:
    """A TradingClient on a running simulator; `raw` for plain JSON instead of models."""
    client = TradingClient(simulator.key, simulator.secret, url_override=simulator.base_url, raw_data=raw)
    # Its retries of 429 and 504 wait 3 s each: a test wants the first answer.
    client._retry = 0
    return client


@contextmanager
def streaming(simulator: Any, *, raw: bool = False, key: str | None = None) -> Iterator[list[Any]]:
    """A TradingStream in a thread; the list fills with what its handler gets."""
    received: list[Any] = []

    async def handler(update: Any) -> None:
        received.append(update)

    stream = TradingStream(key or simulator.key, simulator.secret, url_override=simulator.stream_url, raw_data=raw)
    stream._reconnect_min_backoff = 0.05
    stream.subscribe_trade_updates(handler)
    thread = threading.Thread(target=stream.run, name="official stream", daemon=True)
    level = logging.getLogger("alpaca.trading.stream").level
    logging.getLogger("alpaca.trading.stream").setLevel(logging.CRITICAL)
    thread.start()
    try:
        yield received
    finally:
        stream.stop()
        # It looks whether it should stop after each message, or every 5 s.
        simulator.control.send(b'{"stream":"wake up"}')
        thread.join(20)
        logging.getLogger("alpaca.trading.stream").setLevel(level)
        assert not thread.is_alive(), "the official stream did not stop"
