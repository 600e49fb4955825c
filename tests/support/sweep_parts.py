"""The parts of a sweep over real tables, with neither log nor broker: what they publish is applied at once, what the
broker answers is given."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from prometheus_client import CollectorRegistry

from stream_reconcile.broker.rest import Found, Page
from stream_reconcile.core.budget import RateBudget
from stream_reconcile.core.errors import WireError
from stream_reconcile.core.sweep.compared import SELF_CLOSING
from stream_reconcile.core.sweep.schedule import Kind
from stream_reconcile.jobs.sweep import SweepConfig, SweepMetrics
from stream_reconcile.jobs.sweep.barrier import Barrier
from stream_reconcile.jobs.sweep.config import Timing
from stream_reconcile.jobs.sweep.examine import Examiner
from stream_reconcile.jobs.sweep.publish import Finding, Publisher
from stream_reconcile.jobs.sweep.run import Sweep, Tools
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Topics
from stream_reconcile.store import leases
from stream_reconcile.store.batch import batch_of
from stream_reconcile.store.comparison import Comparer
from stream_reconcile.store.connect import connect
from stream_reconcile.store.discrepancies import Findings
from stream_reconcile.store.sweeps import Run, SweepStore
from stream_reconcile.store.writer import Writer
from support.log_records import LogRecords
from support.servers import SCHEMA
from support.wire_data import ACCOUNT, ACTIVITIES, ADJUSTMENTS, SNAPSHOTS

SECOND = 1_000_000_000


class NoLog(Barrier):
    """What is published is applied when it is."""

    def __init__(self) -> None:
        pass

    def wait(self, marks: Any = None) -> Any:
        return {}

    def is_passed(self, marks: Any) -> bool:
        return True


class Applied(Publisher):
    """Applies what is published."""

    def __init__(self) -> None:
        self.to: Callable[[Iterable[Finding]], None] | None = None

    def publish(self, stream_id: str, first_position: int, findings: Iterable[Finding]) -> int:
        listed = list(findings)
        assert self.to is not None
        self.to(listed)
        return len(listed)


def _bytes(one: dict[str, Any]) -> bytes:
    return json.dumps(one).encode()


@dataclass
class Answers:
    """What the broker says: lists, orders by id (those not here it does not have), activities. `asked`: for what."""

    listed: list[dict[str, Any]] = field(default_factory=list)
    by_id: dict[str, dict[str, Any]] = field(default_factory=dict)
    activities_of: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    requests: int = 0

    def orders(self, **_query: Any) -> Iterator[Page]:
        yield Page(tuple(map(_bytes, self.listed)), tuple(each["id"] for each in self.listed), time.time_ns(), "")

    def order(self, order_id: str) -> Found | None:
        self.asked.append(order_id)
        return Found(_bytes(self.by_id[order_id]), time.time_ns(), "") if order_id in self.by_id else None

    def order_by_client_id(self, client_order_id: str) -> None:
        self.asked.append(client_order_id)

    def activities(
        self, *, types: Iterable[str], after_ns: int | None = None, order_id: str | None = None
    ) -> Iterator[Page]:
        del types, after_ns
        if order_id is not None:
            self.asked.append(order_id)
        found = [each for each in self.activities_of if order_id in (None, each.get("order_id"))]
        yield Page(tuple(map(_bytes, found)), tuple(str(each.get("id")) for each in found), time.time_ns(), "")


@dataclass
class Parts:
    """Of one account."""

    connection: psycopg.Connection[Any]
    tools: Tools
    comparer: Comparer
    broker: Answers
    log: LogRecords
    writer: Writer
    published: list[Finding] = field(default_factory=list)

    @property
    def store(self) -> SweepStore:
        return self.tools.store

    def run(self, kind: Kind = Kind.HOT) -> Run:
        """A sweep begins."""
        return self.store.begin(kind, self.store.now())

    def publish(self, findings: Iterable[Finding]) -> None:
        topics = self.tools.config.topics
        ours = {
            topics.order_snapshots: SNAPSHOTS, topics.fill_activities: ACTIVITIES, topics.adjustments: ADJUSTMENTS,
        }  # fmt: skip
        written = len(self.log.records)
        for finding in findings:
            self.published.append(finding)
            with suppress(WireError):  # apply would put it aside
                self.log.add(ours[finding.topic], finding.raw, received_at_ns=finding.received_at_ns)
        self.writer.write(batch_of(self.log.records[written:]))

    def examiner(self, *, with_origins: bool = False) -> Examiner:
        tools = self.tools
        return Examiner(
            ACCOUNT, tools.config.topics.order_snapshots, self.comparer, tools.barrier, self.publish,
            tools.config.timing.graces, self.comparer.open_rows(tools.config.timing.graces.absence_s),
            watched={subject for _kind, subject in tools.store.open_of(SELF_CLOSING)},
            told_unreadable=tools.told_unreadable, with_origins=with_origins,
        )  # fmt: skip

    def sweep(self, kind: Kind = Kind.DEEP) -> Sweep:
        """One that has begun and read nothing yet."""
        made = Sweep(self.tools, kind)
        made._run, made._now, made._comparer = self.run(kind), self.store.now(), self.comparer
        return made

    def swept(self, kind: Kind = Kind.HOT) -> Sweep:
        """One, from its first request to its proof."""
        made = Sweep(self.tools, kind)
        made.run()
        assert made.error is None
        return made

    def found(self, kind: str, subject: str, evidence: dict[str, Any]) -> None:
        """Another sweep finds this."""
        findings = Findings()
        findings.open(ACCOUNT, kind, subject, evidence)
        self.store.write(findings, self.run())

    def states(self, kind: str) -> dict[str, str]:
        """Of discrepancies of this type, by subject."""
        query = "SELECT subject, state FROM discrepancies WHERE type = %s ORDER BY discrepancy_id"
        return dict(self.connection.execute(query, [kind]).fetchall())


@contextmanager
def sweep_parts(database: str, timing: Timing | None = None) -> Iterator[Parts]:
    """With the lease of the sweep."""
    with connect(database, SCHEMA, name="test") as connection, connect(database, SCHEMA, name="test") as applying:
        connection.execute("INSERT INTO accounts (account_id, key_fingerprint) VALUES (%s, 'k')", [ACCOUNT])
        lease = leases.acquire(connection, "sweep", ACCOUNT, "test", seconds=600)
        assert lease is not None
        config = SweepConfig(
            key_id="", secret_key="", base_url="", dsn=database, schema=SCHEMA, kafka=KafkaConfig("none"),
            topics=Topics("t."), group="g", timing=timing or Timing(),
        )  # fmt: skip
        broker: Any = Answers()
        applied = Applied()
        tools = Tools(
            config, ACCOUNT, broker, RateBudget(share=1.0), connection, SweepStore(connection, lease), NoLog(), applied,
            SweepMetrics(CollectorRegistry()), threading.Event(),
        )  # fmt: skip
        writer = Writer(applying, group="g", owner="me")
        parts = Parts(connection, tools, Comparer(connection, ACCOUNT), broker, LogRecords(), writer)
        applied.to = parts.publish
        yield parts
