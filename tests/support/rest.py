"""A RestClient for tests: quick pauses, all it sent on record."""

from __future__ import annotations

import threading
from typing import Any

from stream_reconcile.broker.rest import RestClient, RestTiming
from stream_reconcile.core.budget import RateBudget

QUICK = RestTiming(connect_s=2.0, read_s=5.0, request_s=10.0, attempts=4, first_pause_s=0.02, most_pause_s=0.1)
SECRET = "the-secret-of-the-key"


class Recorded:
    """`client`, and every request it sent as (route, outcome)."""

    def __init__(
        self, url: str, key: str = "THE-KEY", secret: str = SECRET, *, timing: RestTiming = QUICK, **options: Any
    ) -> None:
        self.stop = threading.Event()
        self.sent: list[tuple[str, str]] = []
        self.seconds: list[float] = []
        self.budget = options.pop("budget", None) or RateBudget(1.0, 100_000)
        self.client = RestClient(
            url, key, secret, budget=self.budget, timing=timing, stop=self.stop, on_request=self._note, **options
        )

    def __enter__(self) -> Recorded:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    @property
    def outcomes(self) -> list[str]:
        return [outcome for _, outcome in self.sent]

    def _note(self, route: str, outcome: str, seconds: float) -> None:
        self.sent.append((route, outcome))
        self.seconds.append(seconds)
