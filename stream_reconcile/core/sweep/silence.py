"""A stream that answers pings and carries nothing: the broker changes orders, and no frame tells. Pure."""

from __future__ import annotations

from typing import Final

_CHANGES: Final = 2
_ASK_AGAIN_S: Final = 60.0
# An event's time and the `updated_at` of its order differ by some milliseconds.
_ALIKE_S: Final = 2.0
_MOST: Final = 100
"""Of the oldest changes; two are enough to tell, and while nobody gives us a new socket they would heap up."""


class SilenceWatch:
    """Counts changes that only sweeps saw. Times are seconds since the epoch: the broker's, but for `now_s`.

    `older_than_s`: for so long a change may be on its way.
    """

    def __init__(self, older_than_s: float) -> None:
        self._older_than_s = older_than_s
        self._changes: dict[tuple[str, float], None] = {}
        self._asked_s: float | None = None

    def __len__(self) -> int:
        """Changes that are remembered."""
        return len(self._changes)

    def saw(self, order_id: str, updated_s: float) -> None:
        """A sweep found this change before any frame of it was in the log."""
        if len(self._changes) < _MOST:
            self._changes[order_id, updated_s] = None

    def is_silent(self, now_s: float, newest_frame_s: float | None, listening_s: float | None) -> bool:
        """Whether the socket that listens since `listening_s` carries nothing: two changes (of two orders, or two of
        one), each since it listens and older than `older_than_s`, and no frame since. True once a minute at most."""
        if listening_s is None:  # what has changed by now is older than the next socket, and counts for nothing
            self._changes.clear()
            return False
        since = max(newest_frame_s or 0.0, listening_s)
        self._changes = {change: None for change in self._changes if change[1] > since + _ALIKE_S}
        told_late = [change for change in self._changes if now_s - change[1] >= self._older_than_s]
        if len(told_late) < _CHANGES or (self._asked_s is not None and now_s - self._asked_s < _ASK_AGAIN_S):
            return False
        self._asked_s = now_s
        return True
