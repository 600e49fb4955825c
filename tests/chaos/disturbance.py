"""In which order the frames of a history stand in the log: as a bad network and a reconnecting socket would bring them.

Everything here is a function of the seed, and holds no more frames than the farthest of them are late.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from stream_reconcile.simulator.frames import Frame
from stream_reconcile.simulator.history import disturbed
from stream_reconcile.simulator.values import seeded

DUPLICATES: Final = 0.05
"""Share of the frames that come twice: half of them soon, half of them thousands of frames later, in another batch."""
_OVERTAKEN: Final = 0.2
_REORDERED: Final = 0.1
_NEAR: Final = 20
_FAR: Final = 20_000
_LATEST: Final = 5_000


def disordered(frames: Iterable[Frame], seed: int) -> Iterator[Frame]:
    """The frames shuffled in the neighbourhood of each order, and of each place in the log; 5 % of them twice."""
    # Twice, so that a frame can be overtaken by two of its order, and two that were told apart can change places.
    shuffled = overtaken(overtaken(frames, f"{seed}/1"), f"{seed}/2")
    near = disturbed(shuffled, f"{seed}/near", duplicates=DUPLICATES / 2, reordered=_REORDERED, window=_NEAR)
    return disturbed(near, f"{seed}/far", duplicates=DUPLICATES / 2, reordered=0, window=_FAR)


def overtaken(frames: Iterable[Frame], seed: str, share: float = _OVERTAKEN, latest: int = _LATEST) -> Iterator[Frame]:
    """The same frames, a share of them after the next one of their order; none more than `latest` places late.

    Frames of one order stand far apart where many orders live at once, so that a shuffle of neighbours in the log
    would hardly ever change their order.
    """
    rng = seeded(seed)
    held: dict[str, tuple[int, Frame]] = {}
    for place, frame in enumerate(frames):
        waiting = held.pop(frame.order_id, None)
        if waiting is not None:
            yield frame
            yield waiting[1]
        elif rng.random() < share:
            held[frame.order_id] = place, frame
        else:
            yield frame
        # A dict keeps the order of insertion: the first is the one that has waited longest.
        while held and (oldest := next(iter(held.values())))[0] + latest < place:
            yield held.pop(oldest[1].order_id)[1]
    for _place, frame in held.values():
        yield frame
