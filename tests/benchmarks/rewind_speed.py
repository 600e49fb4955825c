"""How soon a rewind takes effect in a live group: from the beginning of `--execute` to the first record read again.

What is measured is what the command does after its plan: the transaction that sets the cursors back, and from then on
looks at the cursors until one of them has gone on from its new position, with records that were applied before. Then
all is read again, and the next rewind follows. With records coming, and in a group that has nothing to do.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from backlogs import PARTITIONS, LogFiller, fill, frames_with_duplicates
from children import BenchmarkError, Child
from figures import Report, Row
from own_servers import SCHEMA, OwnServers
from pacing import paced, percentile

from stream_reconcile.core.errors import FencedError
from stream_reconcile.core.rewind_target import How, Target
from stream_reconcile.jobs.rewind import Progress, Rewinder
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.rewinds import Done

MEMBERS: Final = 3
BACKLOG: Final = 20_000
_PREFIX: Final = "rewind."
_GROUP: Final = "benchmark"
_PER_SECOND: Final = 100
_BACK: Final = Target(How.SHIFT, -200, "--shift-by -200")
_WITHIN_S: Final = 60.0
_LOOK_S: Final = 0.001


class RewindSpeed:
    """One group of three, rewound again and again."""

    def __init__(self, servers: OwnServers, report: Report, say: Callable[[str], None]) -> None:
        self._servers, self._report, self._say = servers, report, say

    def measure(self, rewinds: int) -> list[Row]:
        """Rows for the median and the longest of so many rewinds, ms: under a flow of records, and idle."""
        bootstrap = self._servers.kafka.bootstrap_servers
        fill(bootstrap, {_PREFIX: BACKLOG})
        rows = []
        with self._servers.database() as dsn, contextlib.ExitStack() as stack:
            for _ in range(MEMBERS):
                settings = {"bootstrap_servers": bootstrap, "prefix": _PREFIX, "dsn": dsn, "schema": SCHEMA}
                stack.enter_context(Child("apply_member", self._servers.directory, group=_GROUP, **settings))
            owners = f"SELECT count(DISTINCT owner) = {MEMBERS} FROM stream_cursors"
            _wait_until(lambda: bool(self._servers.query(dsn, owners)[0][0]), "all three to have partitions")
            rewinder = Rewinder(dsn, SCHEMA, KafkaConfig(bootstrap), group=_GROUP, topics=Topics(_PREFIX))
            applied = "SELECT coalesce(sum(next_offset), 0) >= %(all)s FROM stream_cursors"
            _wait_until(
                lambda: bool(self._servers.query(dsn, applied, {"all": BACKLOG})[0][0]), "the backlog to be applied"
            )
            with flow(bootstrap):
                rows += self._rows("rewind_first_record", rewinder, rewinds)
            rows += self._rows("rewind_first_record_idle", rewinder, rewinds)
        return rows

    def _rows(self, name: str, rewinder: Rewinder, rewinds: int) -> list[Row]:
        first, plans = [], []
        for _ in range(rewinds):
            planned_s, first_s = once(rewinder)
            plans.append(planned_s * 1e3)
            first.append(first_s * 1e3)
        self._report.detail(
            run=name,
            rewinds=rewinds,
            plan_p50_ms=percentile(plans, 0.5),
            p90_ms=percentile(first, 0.9),
            max_ms=max(first),
        )
        self._say(f"{name}: p50 {percentile(first, 0.5):.0f} ms, max {max(first):.0f} ms of {rewinds}")
        return [Row(f"{name}_p50", percentile(first, 0.5), None, "ms"), Row(f"{name}_max", max(first), None, "ms")]


def once(rewinder: Rewinder) -> tuple[float, float]:
    """Seconds that the plan took, and from the beginning of its doing to the first record read again."""
    topic = rewinder.topics.trade_updates
    while True:
        begun = time.monotonic()
        plan = rewinder.plan(_BACK, {topic: frozenset(range(PARTITIONS))})
        planned = time.monotonic()
        try:
            done = rewinder.execute(plan, who="benchmark", why="a measurement")
        except FencedError:  # a member claimed a cursor in between
            continue
        with rewinder.watching(done) as look:
            first = _when(look, lambda found: found.taken_up > 0, done)
            _when(look, lambda found: found.passed, done)
        return planned - begun, first - planned


def _when(look: Callable[[], Progress], is_there: Callable[[Progress], bool], done: Done) -> float:
    give_up = time.monotonic() + _WITHIN_S
    while not is_there(look()):
        if time.monotonic() > give_up:
            raise BenchmarkError(f"rewind {done.action_id} was not taken up within {_WITHIN_S:.0f} s")
        time.sleep(_LOOK_S)  # how often to look
    return time.monotonic()


@contextlib.contextmanager
def flow(bootstrap_servers: str) -> Iterator[None]:
    """Records that keep coming while the body runs."""
    stop = threading.Event()

    def send() -> None:
        with LogFiller(bootstrap_servers, [_PREFIX]) as filler:
            for frame in paced(frames_with_duplicates(1_000_000), _PER_SECOND):
                if stop.is_set():
                    return
                filler.put(frame, [_PREFIX])

    thread = threading.Thread(target=send, name="flow")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_WITHIN_S)


def _wait_until(true: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + _WITHIN_S
    while not true():
        if time.monotonic() > give_up:
            raise BenchmarkError(f"waited {_WITHIN_S:.0f} s for {what}")
        time.sleep(0.1)
