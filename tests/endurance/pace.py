"""How fast the broker should send: as fast as all of it goes through, apply and the simulator itself. Pure."""

from __future__ import annotations

from typing import Final

_CLOSE_S, _FAR_S = 2.0, 6.0  # of lag
_FASTER, _SLOWER = 1.1, 0.7
_SENT_SHARE: Final = 0.8
"""Of what it was asked for: a simulator that sends less is at its limit, and would answer nobody else any more."""
LEAST: Final = 100.0
FIRST: Final = 500.0
MOST: Final = 6_000.0


class Pace:
    """Faster while apply is close behind, slower where it is not. Times in seconds, rates in events a second."""

    def __init__(self, at_s: float, published: int) -> None:
        self.rate = FIRST
        self._at_s, self._published = at_s, published

    def look(self, at_s: float, published: int, lag: int) -> float:
        """The rate from now on. `lag`: records that apply has not committed."""
        sent = (published - self._published) / max(at_s - self._at_s, 1e-9)
        self._at_s, self._published = at_s, published
        lag_s = lag / self.rate
        if lag_s > _FAR_S or sent < _SENT_SHARE * self.rate:
            self.rate *= _SLOWER
        elif lag_s < _CLOSE_S:
            self.rate *= _FASTER
        self.rate = min(max(self.rate, LEAST), MOST)
        return self.rate
