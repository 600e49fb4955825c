"""How many requests may go to the broker's REST now: one account's budget, shared with the program that trades.

Pure: `now` is seconds since the epoch, and an argument. The broker counts requests in windows and tells of them on its
answers (`X-Ratelimit-Limit`, `-Remaining`, `-Reset`: forum.alpaca.markets/t/12029; 200 a minute, paid up to 1000).

B1  In a window of the broker's no more than `share` of its limit is ours (with clocks that agree; while no answer has
    had these headers, in each minute).
B2  When the window has little left, whoever used it, that is the trading program's: we wait.
B3  After a 429 nothing goes until the window's reset; where none was told, until the caller's pause is over.
B4  Every wait ends: a reset that can't be (hours away, or long ago) is not believed.
"""

from __future__ import annotations

from typing import Final

WINDOW_S: Final = 60.0
_LONGEST_WINDOW_S: Final = 300.0
_CLOCKS_APART_S: Final = 120.0
_SAME_S: Final = 1.0  # resets this close are one: the header has whole seconds
_PROBE_S: Final = 1.0  # the reset is over by our clock, and the broker still counts in the old window
_ROOM: Final = 0.25  # of what is not ours, that much is never taken from a window that others use up


class RateBudget:
    """Counts what goes out; not for two threads at once.

    Each `sent` is followed by one `answered` or `refused`, also where no answer came (`answered` with None thrice).
    """

    def __init__(self, share: float = 0.5, default_limit: int = 200) -> None:
        if not 0.0 < share <= 1.0 or default_limit < 1:
            raise ValueError("a budget is a share of 0 to 1 of a limit of at least one request")
        self.limit = default_limit
        self.used = 0  # ours, in this window
        self._share = share
        self._in_flight = 0
        self._since_roll = 0  # of those in flight, so many at most went out in this window
        self._open = False
        self._ends = 0.0
        self._reset: float | None = None  # as the broker told it: the window's name
        self._remaining: int | None = None  # by the last answer, less what we sent since
        self._before: tuple[float, int] | None = None  # name of the window before, and what was used of it
        self._before_until = 0.0  # until then the broker may still count in that one
        self._blocked_until = 0.0

    def left(self, now: float) -> int:
        """Requests of ours that may still go in this window."""
        self._roll(now)
        if now < self._blocked_until:
            return 0
        most = max(int(self._share * self.limit + 1e-9), 1)
        ours = most - self.used
        if self._before is not None and now < self._before_until:
            ours -= self._before[1]
        if self._remaining is not None:
            ours = min(ours, self._remaining - int((self.limit - most) * _ROOM))
        return max(ours, 0)

    def delay_s(self, now: float) -> float:
        """0.0: a request may go now; else seconds to wait before asking again."""
        if self.left(now) > 0:
            return 0.0
        if now < self._blocked_until:
            return self._blocked_until - now
        return (self._before_until if now < self._before_until else self._ends) - now

    def sent(self, now: float) -> None:
        """A request goes out."""
        self._roll(now)
        if not self._open:
            self._open = True
            self._ends = self._next_end(now)
        self.used += 1
        self._in_flight += 1
        self._since_roll += 1
        if self._remaining is not None:
            self._remaining -= 1

    def answered(self, now: float, limit: int | None, remaining: int | None, reset_at: float | None) -> None:
        """An answer came, with these headers (None: without); or none came, and none will."""
        self._roll(now)
        self._in_flight = max(self._in_flight - 1, 0)
        if limit is not None and limit > 0:
            self.limit = limit
        reset = _believable(now, reset_at)
        if reset is not None and self._is_current(now, reset, remaining) and remaining is not None and remaining >= 0:
            self._remaining = remaining - self._in_flight

    def refused(self, now: float, reset_at: float | None, *, pause_s: float = 1.0) -> None:
        """429. `pause_s` (capped, jittered: the caller's) is how long all wait where no reset is known."""
        self.answered(now, None, 0, reset_at)
        reset = _believable(now, reset_at)
        if reset is None or reset <= now:
            known = reset is None and self._reset is not None and self._open
            reset = self._ends if known else now + pause_s
        self._blocked_until = max(self._blocked_until, reset)

    def _roll(self, now: float) -> None:
        """End the window whose time is over. What is under way may be counted in the next one."""
        if self._open and now >= self._ends:
            self._close()
            # No request takes longer than a window: what is older was lost, and nobody said so.
            self.used = self._in_flight = min(self._in_flight, self._since_roll)
            self._since_roll = 0
            self._open = self.used > 0
            self._ends = self._next_end(now)

    def _next_end(self, now: float) -> float:
        """Where a window that nobody has named yet will end: a minute from now, in step with those that were named."""
        if self._before is None or self._before[0] > now:
            return now + WINDOW_S
        windows = (now - self._before[0]) // WINDOW_S
        return self._before[0] + (windows + 1) * WINDOW_S

    def _close(self) -> None:
        if self._reset is not None:
            self._before = self._reset, self.used
        self._reset = self._remaining = None

    def _is_current(self, now: float, reset: float, remaining: int | None) -> bool:
        """Take note of the window that an answer names; whether its `remaining` is that of the window we are in."""
        if reset <= now or (self._before is not None and reset <= self._before[0] + _SAME_S):
            if self._reset is None:
                # The broker's window lasts longer than our clock says, or this answer took its time over the reset.
                if self._before is None or self._before[0] < reset:
                    self._before = reset, self.used
                self._before_until = now + _PROBE_S
            return False
        if self._reset is None:
            self._name(reset)
            return True
        if reset < self._reset - _SAME_S:
            return False
        if reset <= self._reset + _SAME_S:
            return True
        gained = remaining is not None and (self._remaining is None or remaining > self._remaining)
        if not gained:
            # A reset that moves on with every answer begins no window.
            return False
        self._close()
        self.used = self._in_flight + 1
        self._name(reset)
        return True

    def _name(self, reset: float) -> None:
        self._open = True
        self._reset = self._ends = reset


def _believable(now: float, reset_at: float | None) -> float | None:
    """The reset, unless it can be none: headers that count seconds instead of naming a time, clocks far apart (B4)."""
    if reset_at is None or not now - _CLOCKS_APART_S <= reset_at <= now + _LONGEST_WINDOW_S:
        return None
    return reset_at
