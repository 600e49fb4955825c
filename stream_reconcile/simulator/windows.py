"""Requests in each window of the rate limit, whatever a fault made of them: a budget is held against the count."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any, Final

_MOST: Final = 2_000  # windows kept; the oldest go


class RequestWindows:
    """Counts requests with the right keys by window and method."""

    def __init__(self) -> None:
        self._windows: deque[tuple[float, Counter[str], Counter[str]]] = deque(maxlen=_MOST)

    def count(self, ends_at: float, method: str, *, refused: bool) -> None:
        """One request in the window that ends then; `refused`: it came past the limit."""
        if not self._windows or self._windows[-1][0] != ends_at:
            self._windows.append((ends_at, Counter(), Counter()))
        self._windows[-1][1][method] += 1
        self._windows[-1][2][method] += refused

    def view(self) -> list[dict[str, Any]]:
        """Oldest first: its end in seconds since the epoch, and requests by method: all, and those past the limit."""
        return [
            {"ends_at": ends_at, "requests": dict(requests), "refused": dict(+refused)}
            for ends_at, requests, refused in self._windows
        ]
