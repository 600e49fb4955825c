"""Frames to send on a socket, each with room for the time at which it is sent."""

from __future__ import annotations

import time
from itertools import islice

from backlogs import Nowhere

from stream_reconcile.simulator.history import generate_history

STAMP_CHARACTERS = 20
_ROOM = b"#" * STAMP_CHARACTERS


def generated(seed: str, count: int) -> list[bytes]:
    """So many frames of a history that is happening now."""
    now = time.time_ns()
    history = generate_history(seed, count, start=now, truth=Nowhere())
    return list(islice(iter(history), count))


def with_room(raw: bytes) -> bytes:
    """The frame with a client order id that `stamped` can fill in."""
    head, mark, rest = raw.partition(b'"client_order_id":"')
    return head + mark + _ROOM + rest[rest.index(b'"') :]


def stamped(frame: bytes, letter: bytes) -> bytes:
    """The frame with the time now, in ns, as its client order id: a letter and 19 digits."""
    return frame.replace(_ROOM, b"%s%019d" % (letter, time.time_ns()), 1)
