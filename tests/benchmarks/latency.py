"""From a frame on the socket to its committed row, at a rate: ours and the floor, by the same clock of this machine.

Each frame carries the time at which it was sent. It counts as committed when COMMIT has returned to the process that
wrote it: which commit that was, Postgres says (`pg_xact_commit_timestamp` of the row's transaction); when it returned,
the process notes. A transaction's own timestamp would be too early: it is taken before the commit is durable.
"""

from __future__ import annotations

import contextlib
import time
from bisect import bisect_left
from collections.abc import Callable
from typing import Final

from backlogs import PARTITIONS, records
from children import BenchmarkError, Child
from figures import Report, Row
from own_servers import ACCOUNT, SCHEMA, OwnServers
from pacing import percentile

from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topic_check import ensure_topics
from stream_reconcile.log.topics import Topics

WARM_UP_S: Final = 3.0
_STARTED_WITHIN_S: Final = 60.0
_COMMITTED_WITHIN_S: Final = 60.0
_QUEUE_BYTES: Final = 64 * 1024 * 1024
_COMMITTED = """
SELECT substr(client_order_id, 2)::bigint, (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint
FROM order_events
WHERE client_order_id ~ '^T[0-9]{19}$' AND source = 'stream' AND event <> 'leg'
"""


class FrameToCommit:
    """One comparison at a time, each with topics and a database of its own."""

    def __init__(self, servers: OwnServers, report: Report, say: Callable[[str], None]) -> None:
        self._servers, self._report, self._say = servers, report, say
        self._kafka = KafkaConfig(servers.kafka.bootstrap_servers)

    def compare(self, rows: tuple[str, str], rate: int, seconds: float) -> list[Row]:
        """Rows for the median and the 99th percentile, ms."""
        warm_up = min(WARM_UP_S, seconds)
        with self._servers.commit_timestamps():
            floor = self._floor(rate, seconds, warm_up)
            ours = self._ours(rate, seconds, warm_up)
        made = []
        for name, share in zip(rows, (0.5, 0.99), strict=True):
            made.append(Row(name, percentile(ours, share), percentile(floor, share), "ms"))
        for who, waited in (("ours", ours), ("floor", floor)):
            shares = {f"p{share:g}_ms": percentile(waited, share / 100) for share in (50, 90, 99, 99.9)}
            self._say(f"{who} at {rate}/s: " + ", ".join(f"{name} {value:.2f}" for name, value in shares.items()))
            self._report.detail(run=f"frame_to_commit_{rate} {who}", frames=len(waited), **shares)
        return made

    def _floor(self, rate: int, seconds: float, warm_up: float) -> list[float]:
        topics = self._topics(f"floor{rate}.")
        kafka = {"bootstrap_servers": self._kafka.bootstrap_servers, "topic": topics.trade_updates}
        with contextlib.ExitStack() as stack:
            dsn = stack.enter_context(self._servers.database())
            directory = self._servers.directory
            consumer = stack.enter_context(
                Child("commit_floor", directory, partitions=[*range(PARTITIONS)], dsn=dsn, **kafka)
            )
            consumer.hear("ready", _STARTED_WITHIN_S)
            producer = stack.enter_context(Child("paced_producer", directory, **kafka))
            sent = 0
            for letter, span in (("W", warm_up), ("T", seconds)):
                producer.tell(rate=rate, seconds=span, letter=letter, seed=letter)
                sent += producer.hear("sent", span + _STARTED_WITHIN_S)["frames"]
            self._wait_until(
                lambda: self._servers.query(dsn, "SELECT count(*) FROM public.floor_latency")[0][0] >= sent
            )
            waited: list[float] = consumer.finish()["waited_ms"]
        return waited

    def _ours(self, rate: int, seconds: float, warm_up: float) -> list[float]:
        topics = self._topics(f"ours{rate}.")
        directory = self._servers.directory
        with contextlib.ExitStack() as stack:
            dsn = stack.enter_context(self._servers.database())
            settings = {
                "bootstrap_servers": self._kafka.bootstrap_servers,
                "prefix": topics.prefix,
                "dsn": dsn,
                "schema": SCHEMA,
            }
            member = stack.enter_context(Child("apply_member", directory, group="benchmark", **settings))
            claimed = "SELECT count(*) FROM stream_cursors"
            self._wait_until(lambda: self._servers.query(dsn, claimed)[0][0] == PARTITIONS * len(topics.applied))
            socket = stack.enter_context(Child("socket", directory, account=ACCOUNT))
            port = socket.hear("ready", _STARTED_WITHIN_S)["port"]
            stack.enter_context(Child("ingest", directory, port=port, queue_bytes=_QUEUE_BYTES, **settings))
            socket.hear("listening", _STARTED_WITHIN_S)
            sent = 0
            for letter, span in (("W", warm_up), ("T", seconds)):
                socket.tell(do="pace", rate=rate, seconds=span, letter=letter, seed=letter)
                sent += socket.hear("sent", span + _STARTED_WITHIN_S)["frames"]
            # Besides the frames that were sent, the topic holds the two answers of the opening.
            self._wait_until(lambda: self._applied(dsn, topics) >= sent + 2)
            commits = [at for at, _records, _cpu in member.finish()["commits"]]
            rows = self._servers.query(dsn, _COMMITTED)
        if len(rows) < round(rate * seconds):
            raise BenchmarkError(f"{len(rows)} of {round(rate * seconds)} frames have a row")
        # The commit was made at `committed_us`; it returned at the first note after that.
        return [(commits[bisect_left(commits, committed_us * 1_000)] - sent_ns) / 1e6 for sent_ns, committed_us in rows]

    def _applied(self, dsn: str, topics: Topics) -> int:
        query = "SELECT sum(next_offset)::bigint FROM stream_cursors WHERE topic = %(topic)s"
        applied: int = self._servers.query(dsn, query, {"topic": topics.trade_updates})[0][0]
        return applied

    def _topics(self, prefix: str) -> Topics:
        topics = Topics(prefix)
        with KafkaAdmin(self._kafka) as admin:
            ensure_topics(admin, topics)
            if records(admin, topics.trade_updates):
                raise BenchmarkError(f"{topics.trade_updates} is not empty")
        return topics

    @staticmethod
    def _wait_until(true: Callable[[], bool]) -> None:
        give_up = time.monotonic() + _COMMITTED_WITHIN_S
        while not true():
            if time.monotonic() > give_up:
                raise BenchmarkError(f"not there after {_COMMITTED_WITHIN_S:.0f} s")
            time.sleep(0.1)
