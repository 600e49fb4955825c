"""When to connect again, and when to give up a socket that is merely quiet. Pure: chance and time are arguments.

Extra or too fast connects get HTTP 429 at the handshake (Alpaca's maintainer, alpaca-py#740), and rapid attempts with
refused credentials end there too; so a refusal is retried in minutes, and the wait grows until the broker has granted
the subscription: a server that accepts and then refuses must not be hit at full speed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stream_reconcile.core.session import End

_SECOND = 1_000_000_000
_MAX_DOUBLINGS = 20


@dataclass(frozen=True)
class Pace:
    """Seconds to wait: uniform between `floor_s` and `first_s` × 2^failures, which is capped at `cap_s`."""

    floor_s: float
    first_s: float
    cap_s: float


USUAL = Pace(0.05, 1.0, 60.0)
PACES: Mapping[End, Pace] = {
    End.CREDENTIALS_REFUSED: Pace(120.0, 240.0, 900.0),
    End.NOT_GRANTED: Pace(30.0, 60.0, 600.0),
    End.RATE_LIMITED: Pace(5.0, 10.0, 120.0),
    End.CONNECTION_LIMIT: Pace(5.0, 10.0, 120.0),
    End.HANDSHAKE_REFUSED: Pace(1.0, 4.0, 120.0),
}


class Backoff:
    """How long to wait before the next connect. `random` gives floats in [0, 1).

    Failures count up until a `listening` ack, which alone resets them. A socket that was lost soon after its ack counts
    as one more in a short row of its own, or a broker that grants and drops would be hit each second.
    """

    SETTLED_S = 10.0
    _MAX_FLAPS = 4

    def __init__(self, random: Callable[[], float], *, paces: Mapping[End, Pace] = PACES, usual: Pace = USUAL) -> None:
        self._random = random
        self._paces = paces
        self._usual = usual
        self._failures = 0
        self._flaps = 0
        self._listening_since: int | None = None

    @property
    def failures(self) -> int:
        """Attempts that ended before a `listening` ack, since the last one."""
        return self._failures

    def listening(self, now_ns: int) -> None:
        """The broker granted the subscription."""
        self._failures = 0
        self._listening_since = now_ns

    def delay_s(self, end: End, now_ns: int) -> float:
        """A session ended: seconds until the next attempt."""
        pace = self._paces.get(end, self._usual)
        if self._listening_since is None:
            doublings = self._failures
            self._failures = min(self._failures + 1, _MAX_DOUBLINGS)
        else:
            lasted_s = (now_ns - self._listening_since) / _SECOND
            self._flaps = 0 if lasted_s >= self.SETTLED_S else min(self._flaps + 1, self._MAX_FLAPS)
            self._listening_since = None
            doublings = self._flaps
        most: float = max(pace.floor_s, min(pace.cap_s, pace.first_s * float(1 << doublings)))
        return pace.floor_s + self._random() * (most - pace.floor_s)


RECYCLE_QUIET_S = 60.0
RECYCLE_EVERY_S = 3600.0


def may_recycle(
    *,
    open_orders: bool | None,
    quiet_s: float,
    age_s: float,
    quiet_limit_s: float = RECYCLE_QUIET_S,
    every_s: float = RECYCLE_EVERY_S,
) -> bool:
    """Whether an idle socket may be replaced by a fresh one, in case it has silently died.

    `open_orders`: whether any order of the account is open by our rows, None where that is not known; `quiet_s`: since
    the last trade update, or since the subscription; `age_s`: since this socket was granted the subscription.
    """
    return open_orders is False and quiet_s >= quiet_limit_s and age_s >= every_s
