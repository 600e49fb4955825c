"""Rewinds for a test: through the job that the command and the API use, and a reader that sees no row go back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from stream_reconcile.core.errors import FencedError
from stream_reconcile.core.rewind_target import chosen_topics, target
from stream_reconcile.jobs.rewind import Plan, Rewinder
from stream_reconcile.store.rewinds import Done
from support.members import Stage
from support.servers import SCHEMA

_TRIES = 20


def rewinder(stage: Stage) -> Rewinder:
    """For the stage's group."""
    return Rewinder(stage.dsn, SCHEMA, stage.log.kafka, group=stage.group, topics=stage.log.topics)


def plan(stage: Stage, *topics: str, **asked: Any) -> Plan:
    """The plan of `rewind --topic … --to-…`."""
    made = rewinder(stage)
    named = stage.log.topics
    return made.plan(
        target(asked, now_ms=made.now_ms), chosen_topics(topics, prefix=named.prefix, applied=named.applied)
    )


def rewind(stage: Stage, *topics: str, **asked: Any) -> Done | None:
    """Plan and do it, again where a member claims a cursor in between; None: there was nothing to move."""
    for _ in range(_TRIES):
        made = plan(stage, *topics, **asked)
        if not made.moves and not made.refused:
            return None
        try:
            return rewinder(stage).execute(made, who="test", why="a test")
        except FencedError:
            continue
    raise AssertionError("a cursor was claimed again and again")


def undo(stage: Stage, action_id: int | None = None) -> Done | None:
    """Take the newest rewind back, or this one; None: all of it was read again already."""
    for _ in range(_TRIES):
        made = rewinder(stage).plan_undo(action_id)
        if not made.moves:
            return None
        try:
            return rewinder(stage).undo(made, who="test", why="a test")
        except FencedError:
            continue
    raise AssertionError("a cursor was claimed again and again")


class Reader:
    """What somebody sees who reads the orders all the time."""

    def __init__(self) -> None:
        self.looks = 0
        self.went_back: list[tuple[str, int, int]] = []
        """Orders whose version (ns) was lower than at the look before, or that were gone (-1)."""
        self._versions: dict[str, int] = {}

    def look(self, rows: list[tuple[str, int]]) -> None:
        """One look at all orders and their versions."""
        self.looks += 1
        now = dict(rows)
        for order_id, before in self._versions.items():
            if now.get(order_id, -1) < before:
                self.went_back.append((order_id, before, now.get(order_id, -1)))
        self._versions = now


@contextmanager
def reading(connect: Callable[[], psycopg.Connection[Any]]) -> Iterator[Reader]:
    """A reader in a thread, over a connection that sees the schema, while the body runs."""
    reader, stop = Reader(), threading.Event()

    def read() -> None:
        query = "SELECT alpaca_order_id, updated_at_ns FROM executions"
        with connect() as connection:
            while not stop.is_set():
                reader.look(connection.execute(query).fetchall())
                stop.wait(0.02)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield reader
    finally:
        stop.set()
        thread.join(20)
