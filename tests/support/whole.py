"""Ingest, apply and sweep of one simulator, in threads of the test, with waits that a test can sit out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from prometheus_client import CollectorRegistry
from psycopg.rows import dict_row

from stream_reconcile.core.sweep.compared import Graces
from stream_reconcile.core.sweep.schedule import Intervals
from stream_reconcile.jobs.apply.config import ApplyConfig
from stream_reconcile.jobs.apply.member import run_apply
from stream_reconcile.jobs.ingest import IngestMetrics, run_ingest
from stream_reconcile.jobs.ingest.config import Timing as IngestTiming
from stream_reconcile.jobs.sweep import SweepConfig, SweepMetrics, run_sweeps
from stream_reconcile.jobs.sweep.config import Timing
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Topics
from stream_reconcile.metrics import Metrics
from stream_reconcile.simulator.runner import RunningSimulator
from stream_reconcile.simulator.verdict import Verdict, compare
from stream_reconcile.web.readiness import Readiness
from support.ingesting import QUICK as QUICK_INGEST
from support.ingesting import config_for, make_topics
from support.servers import SCHEMA
from support.waiting import wait_until

QUICK = Timing(
    intervals=Intervals(hot_s=0.5, deep_s=3.0, retry_s=0.5),
    graces=Graces(finding_s=0.3, absence_s=1.0, stuck_s=5.0, apart_s=1.0),
    lease_s=6.0,
    renew_every_s=0.5,
    acquire_every_s=0.2,
    look_every_s=0.1,
    retry_s=0.2,
    most_retry_s=1.0,
)


@dataclass
class Whole:
    """What runs, and what it did."""

    simulator: RunningSimulator
    dsn: str
    kafka: str
    topics: Topics
    group: str
    ingest_timing: IngestTiming = QUICK_INGEST
    account_id: str | None = None
    """The one that may be behind the key; None pins the first one seen."""
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    swept: tuple[bool, str] = (False, "")
    faults: list[BaseException] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    looks: psycopg.Connection[Any] | None = None

    def rows(self, query: str, **values: object) -> list[dict[str, Any]]:
        with self._looking() as connection, connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def value(self, query: str, **values: object) -> Any:
        (row,) = self.rows(query, **values)
        (value,) = row.values()
        return value

    def cut_connections(self) -> None:
        """End every session that the program has in this database."""
        self.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name LIKE 'stream-reconcile%%'"
        )

    def verdict(self) -> Verdict:
        with self._looking() as connection:
            return compare(connection, self.simulator.account_id, self.simulator.control, lost_frames=True)

    def metric(self, name: str, **labels: str) -> float:
        samples = [sample for metric in self.registry.collect() for sample in metric.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def listening(self) -> None:
        wait_until(lambda: self.metric("reconcile_ingest_connected") == 1, timeout=40, what="ingest to listen")

    def equal(self, *, timeout: float = 60) -> None:
        """Wait until the tables are what the simulator's books are."""
        last = [self.verdict()]

        def is_equal() -> bool:
            last[0] = self.verdict()
            return self._healthy() and last[0].equal

        try:
            wait_until(is_equal, timeout=timeout, what="equality with the broker")
        except AssertionError as error:
            open_now = [(row["type"], row["subject"]) for row in self.discrepancies() if row["state"] == "open"]
            raise AssertionError(
                f"{error}; {last[0].differing} differ: {last[0].differences[:5]}; {open_now}"
            ) from None

    def proved(self, *, scope: str = "hot", timeout: float = 60) -> None:
        """Wait until a sweep that begins now proves equality."""
        begin = self.value("SELECT clock_timestamp()")
        query = "SELECT count(*) FROM agreement WHERE scope = %(scope)s AND proven_equal_at > %(begin)s"

        def proven() -> bool:
            return self._healthy() and self.value(query, scope=scope, begin=begin) == 1

        try:
            wait_until(proven, timeout=timeout, what=f"a proof of scope {scope}")
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.rows('SELECT * FROM agreement')}; {self.swept}") from None

    def discrepancies(self, *, kind: str | None = None) -> list[dict[str, Any]]:
        return self.rows(
            "SELECT * FROM discrepancies WHERE type = coalesce(%(kind)s, type) ORDER BY discrepancy_id", kind=kind
        )

    def open_types(self) -> list[str]:
        return [row["type"] for row in self.discrepancies() if row["state"] == "open"]

    @contextmanager
    def _looking(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection: the same for all looks while the jobs run, since whoever waits looks often."""
        if self.looks is not None:
            yield self.looks
        else:
            with connected(self.dsn) as connection:
                yield connection

    def _healthy(self) -> bool:
        assert self.faults == []
        return True


def connected(dsn: str) -> psycopg.Connection[Any]:
    """A connection that sees our schema, in autocommit."""
    # Not to be prepared: a test may change what a plan was made for.
    return psycopg.connect(dsn, options=f"-c search_path={SCHEMA}", autocommit=True, prepare_threshold=None)


RUNNING: list[Whole] = []
"""All that run now, be it for one test or for several."""


@contextmanager
def reconciling(
    simulator: RunningSimulator,
    dsn: str,
    kafka: str,
    prefix: str,
    *,
    timing: Timing = QUICK,
    ingest_timing: IngestTiming = QUICK_INGEST,
    ingest: bool = True,
    sweep: bool = True,
    account_id: str | None = None,
    **sweep_settings: Any,
) -> Iterator[Whole]:
    """All three jobs, or some of them; what ended one of them is raised at the end."""
    whole = Whole(simulator, dsn, kafka, make_topics(kafka, prefix), prefix, ingest_timing, account_id)
    with ExitStack() as stack:
        stack.callback(_ended, whole)
        threads = [_thread(whole, _apply)]
        if ingest:
            threads.append(_thread(whole, _ingest))
        if sweep:
            config = sweep_config(whole, timing, account_id=account_id, **sweep_settings)
            threads.append(_thread(whole, lambda whole: _sweep(whole, config)))
        RUNNING.append(whole)
        try:
            with connected(dsn) as whole.looks:
                yield whole
        finally:
            whole.looks = None
            RUNNING.remove(whole)
            whole.stop.set()
            for thread in threads:
                thread.join(40)
            assert not any(thread.is_alive() for thread in threads)


def sweep_config(whole: Whole, timing: Timing = QUICK, **settings: Any) -> SweepConfig:
    """A sweep of this simulator."""
    return SweepConfig(
        key_id=whole.simulator.key,
        secret_key=whole.simulator.secret,
        base_url=whole.simulator.base_url,
        dsn=whole.dsn,
        schema=SCHEMA,
        kafka=KafkaConfig(whole.kafka),
        topics=whole.topics,
        group=whole.group,
        timing=timing,
        **{"budget_share": 1.0, **settings},
    )


def quick(**changes: Any) -> Timing:
    """QUICK with other waits."""
    return replace(QUICK, **changes)


def _ended(whole: Whole) -> None:
    for fault in whole.faults:
        raise fault


def _thread(whole: Whole, body: Callable[[Whole], None]) -> threading.Thread:
    def run() -> None:
        try:
            body(whole)
        except BaseException as fault:  # noqa: BLE001 - raised again by `_ended`
            whole.faults.append(fault)

    thread = threading.Thread(target=run, name=getattr(body, "__name__", "job"))
    thread.start()
    return thread


def _apply(whole: Whole) -> None:
    config = ApplyConfig(
        kafka=KafkaConfig(whole.kafka),
        dsn=whole.dsn,
        schema=SCHEMA,
        group=whole.group,
        topics=whole.topics,
        stop=whole.stop,
    )
    run_apply(config, lambda: SingleObjectCodec(whole.topics), Metrics("test").apply)


def _ingest(whole: Whole) -> None:
    async def body() -> None:
        stopped = asyncio.Event()
        config = config_for(whole.simulator, whole.dsn, whole.kafka, whole.topics)
        config = replace(config, timing=whole.ingest_timing, account_id=whole.account_id)
        metrics, codec = IngestMetrics(whole.registry), SingleObjectCodec(whole.topics)
        job = asyncio.create_task(run_ingest(config, codec, stop=stopped, health=Readiness(), metrics=metrics))
        while not job.done():
            if whole.stop.is_set():
                stopped.set()
            await asyncio.wait({job}, timeout=0.05)
        await job

    asyncio.run(body())


def _sweep(whole: Whole, config: SweepConfig) -> None:
    def report(ready: bool, why: str) -> None:
        whole.swept = (ready, why)

    codec = SingleObjectCodec(whole.topics)
    run_sweeps(config, lambda: codec, stop=whole.stop, report=report, metrics=SweepMetrics(whole.registry))
