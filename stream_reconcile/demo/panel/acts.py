"""The buttons, in words: what each does, and what there is to see then."""

from __future__ import annotations

from typing import Final, NamedTuple


class Act(NamedTuple):
    """One button. `does` and `seen` are sentences."""

    name: str
    title: str
    does: str
    seen: str


FRAMES: Final = 20
"""So many frames a press strikes."""

ACTS: Final = (
    Act(
        "drop",
        "Drop frames",
        f"The broker never sends its next {FRAMES} frames.",
        "Orders stand still until a sweep of the REST API finds what the frames would have said.",
    ),
    Act(
        "duplicate",
        "Duplicate frames",
        f"It sends its next {FRAMES} frames twice.",
        "Kafka holds them twice, the tables once: nothing differs.",
    ),
    Act(
        "reorder",
        "Reorder frames",
        f"It sends its next {FRAMES} frames after later ones.",
        "Rows hold the newest statement, whichever came last: nothing differs.",
    ),
    Act(
        "silence",
        "Silence the socket",
        "The websocket stays open and answers pings, but carries nothing more.",
        "Nothing is received; sweeps bring everything, and within a minute have ingest open a new one.",
    ),
    Act(
        "disconnect",
        "Disconnect",
        "The websocket is cut in the middle of trading.",
        "Ingest is back within seconds and opens a gap; a sweep reads that time again and closes it.",
    ),
    Act(
        "kill-apply",
        "Kill apply",
        "kill -9 of one of the two processes of apply; it is started again 2 s later.",
        "Its partitions lag until Kafka misses it (10 s); then the cursors in Postgres say where to go on.",
    ),
    Act(
        "hang-rest",
        "Hang REST",
        "For 12 s the broker's REST API takes requests and does not answer them.",
        "Sweeps are incomplete and infer nothing; the stream goes on; the proof gets older, then a new one comes.",
    ),
    Act(
        "by-hand",
        "Place an order by hand",
        "An order reaches the broker that no program has decided on.",
        "It is among the orders a moment later, with the origin external.",
    ),
    Act(
        "submit",
        "Submit that times out",
        "A program writes down a decision and submits it; the broker takes the order, and the answer never comes.",
        "The decision is ambiguous until the order is found by its client order id, and bound. It is not sent again.",
    ),
)
