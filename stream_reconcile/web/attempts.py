"""How often one address may guess the token: ten wrong ones at once, and one more every six seconds.

An address that has used them up is not answered by a comparison any more, right token or not, until one comes back.
Only guesses count: a request without a token, or with a cookie that has run out, is none.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable
from typing import Final

from starlette.types import Scope

AT_ONCE: Final = 10.0
_PER_SECOND: Final = 1 / 6
_MOST_ADDRESSES: Final = 10_000


class Attempts:
    """Wrong tokens by address. For one thread (the event loop's); at most 10,000 addresses are remembered."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: dict[str, tuple[float, float]] = {}

    def wait_s(self, scope: Scope) -> int:
        """0 if this client may try; else the seconds (1 or more) after which it may."""
        used = self._now(_address(scope))
        return 0 if used <= AT_ONCE - 1 else math.ceil((used - AT_ONCE + 1) / _PER_SECOND)

    def failed(self, scope: Scope) -> None:
        """Count a wrong token."""
        address = _address(scope)
        used = self._now(address) + 1
        if address not in self._used and len(self._used) >= _MOST_ADDRESSES:
            self._forget()
        self._used[address] = (used, self._clock())

    def _now(self, address: str) -> float:
        used, at = self._used.get(address, (0.0, 0.0))
        return max(0.0, used - (self._clock() - at) * _PER_SECOND)

    def _forget(self) -> None:
        """Addresses that have all their tries again, and if those are too few, the half that failed longest ago."""
        self._used = {address: kept for address, kept in self._used.items() if self._now(address) > 0}
        while len(self._used) > _MOST_ADDRESSES // 2:
            del self._used[next(iter(self._used))]


def _address(scope: Scope) -> str:
    """Whose tries they are: an IPv4 address, or the 64 bits of an IPv6 one that belong to one network."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return str(host)
    if address.version == 4:
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network((int(address), 64), strict=False))
