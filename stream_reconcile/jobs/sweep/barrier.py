"""Waiting until apply has passed what is in the log now, so that what is merely in flight is not called missing."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Final

import psycopg

from stream_reconcile.core.errors import SweepIncomplete
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.topics import Partition, Topics
from stream_reconcile.store.queries import load

_LOOK_S: Final = 0.02
_MOST_LOOK_S: Final = 0.25

Marks = Mapping[Partition, int]


class Barrier:
    """Over all partitions that apply reads. Raises KafkaUnreachable and psycopg.Error as they come."""

    def __init__(
        self,
        admin: KafkaAdmin,
        connection: psycopg.Connection[Any],
        topics: Topics,
        group: str,
        *,
        limit_s: float,
        halt: threading.Event,
    ) -> None:
        self._admin, self._connection, self._group = admin, connection, group
        self._topics, self._limit_s, self._halt = topics, limit_s, halt
        self._sql = load("readers.sql")["cursors"]

    def mark(self) -> Marks:
        """Where the log ends now."""
        states = self._admin.topics(self._topics.applied)
        partitions = [
            Partition(topic, number)
            for topic, state in states.items()
            if state is not None
            for number in range(state.partitions)
        ]
        return self._admin.end_offsets(partitions)

    def is_passed(self, marks: Marks) -> bool:
        """Whether every cursor stands at or past its mark. What a transaction sees, it sees as of its own moment."""
        rows = self._connection.execute(self._sql, {"group": self._group}).fetchall()
        stands = {Partition(row[0], row[1]): row[2] for row in rows}
        return all(stands.get(partition, 0) >= end for partition, end in marks.items())

    def wait(self, marks: Marks | None = None) -> Marks:
        """Wait for these marks, or for those of now; gives them.

        Raises SweepIncomplete when apply does not get there in time.
        """
        marks = self.mark() if marks is None else marks
        deadline, pause = time.monotonic() + self._limit_s, _LOOK_S
        while not self.is_passed(marks):
            if time.monotonic() > deadline:
                raise SweepIncomplete(
                    f"apply has not come past the end of the log within {self._limit_s:g} s: `stream-reconcile lag` "
                    "tells how far it is behind"
                )
            if self._halt.wait(pause):
                raise SweepIncomplete("the sweep was told to stop")
            pause = min(pause * 1.5, _MOST_LOOK_S)
        return marks
