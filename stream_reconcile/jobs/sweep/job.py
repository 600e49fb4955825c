"""The sweep job of one account: take the lease, then run the sweeps that are due, one at a time.

identify ─▶ stand by ─▶ hold the lease: due? ─▶ read ─▶ compare ─▶ publish ─▶ verify ─▶ prove
   ▲                        │ lease lost: the sweep under way ends, and writes nothing more
   └────────────────────────┘
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

import psycopg
import structlog

from stream_reconcile.broker.account import key_fingerprint, read_account_id
from stream_reconcile.broker.rest import RestClient
from stream_reconcile.core.budget import RateBudget
from stream_reconcile.core.errors import (
    FencedError,
    PostgresUnreachable,
    ReconcileError,
    RefusedError,
    WrongAccount,
)
from stream_reconcile.core.sweep.chain import GRACE_S, ChainWatch
from stream_reconcile.core.sweep.schedule import Kind, due
from stream_reconcile.core.sweep.silence import SilenceWatch
from stream_reconcile.jobs.sweep.barrier import Barrier
from stream_reconcile.jobs.sweep.config import SweepConfig
from stream_reconcile.jobs.sweep.keeper import LeaseKeeper
from stream_reconcile.jobs.sweep.metrics import SweepMetrics
from stream_reconcile.jobs.sweep.publish import Publisher
from stream_reconcile.jobs.sweep.run import Sweep, Tools
from stream_reconcile.jobs.sweep.seal import Sealer
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.codec import Codec
from stream_reconcile.store import accounts, leases, second_writer
from stream_reconcile.store.connect import connect
from stream_reconcile.store.failures import is_transient
from stream_reconcile.store.leases import Lease
from stream_reconcile.store.sweeps import SweepStore

log = structlog.get_logger()

Report = Callable[[bool, str], None]
_CHAIN_EVERY_S: Final = 1.0
_LONGEST_CHAIN_S: Final = 120.0
_URGENT_NEEDS_LEFT: Final = 20
"""Requests: with fewer left in the broker's window, a look at once would be at the cost of the next ones."""
_MOST_SAID: Final = 10


def run_sweeps(
    config: SweepConfig,
    new_codec: Callable[[], Codec],
    *,
    stop: threading.Event,
    report: Report,
    metrics: SweepMetrics,
) -> None:
    """Sweep until `stop` is set. Whatever is away is waited for with backoff, and shows in `report`.

    Raises WrongAccount (everything has to stop) and ConfigError.
    """
    _Job(config, new_codec, stop, report, metrics).run()


class _Job:
    def __init__(
        self,
        config: SweepConfig,
        new_codec: Callable[[], Codec],
        stop: threading.Event,
        report: Report,
        metrics: SweepMetrics,
    ) -> None:
        self._config, self._new_codec, self._stop = config, new_codec, stop
        self._report, self._metrics = report, metrics
        self._owner = f"sweep-{uuid.uuid4()}"
        self._budget = RateBudget(share=config.budget_share)
        self._expected = config.account_id
        self._started = False

    def run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._session()
                failures = 0
            except WrongAccount:
                raise
            except (ReconcileError, psycopg.Error) as error:
                why = _told(error)
                failures = 0 if time.monotonic() - began > self._config.timing.most_retry_s else failures + 1
                timing = self._config.timing
                pause = min(timing.most_retry_s, timing.retry_s * 2 ** min(failures, 8)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
                self._report(False, why)
                log.warning("sweep_waits", account=self._config.name, why=why, retry_in_s=round(pause, 1))
                self._stop.wait(pause)

    def _session(self) -> None:
        """Everything that is opened once for a lease."""
        config, timing = self._config, self._config.timing
        with ExitStack() as stack:
            halt = threading.Event()
            client = stack.enter_context(self._client(halt))
            connection = stack.enter_context(
                connect(config.dsn, config.schema, name=f"stream-reconcile sweep {config.name}"[:63])
            )
            account_id = self._identify(connection)
            lease = self._stand_by(connection, account_id)
            if lease is None:
                return
            keeper = stack.enter_context(LeaseKeeper(config, lease, halt, self._stop))
            admin = stack.enter_context(KafkaAdmin(config.kafka))
            publisher = Publisher(config.kafka, self._new_codec(), account_id, limit_s=timing.publish_s)
            stack.callback(publisher.close)
            barrier = Barrier(admin, connection, config.topics, config.group, limit_s=timing.barrier_s, halt=halt)
            store = SweepStore(connection, lease)
            tools = Tools(
                config, account_id, client, self._budget, connection, store, barrier, publisher, self._metrics, halt
            )
            self._sealer = stack.enter_context(
                Sealer(config, account_id, lease, self._new_codec(), self._metrics, halt)
            )
            fenced = False
            try:
                self._sweep(tools)
            except FencedError:
                fenced = True
                raise
            finally:
                keeper.close()
                if not connection.closed:
                    if fenced or keeper.lost:
                        second_writer.note_lease(connection, lease)
                    else:
                        leases.release(connection, lease)

    def _client(self, halt: threading.Event) -> RestClient:
        config = self._config

        def count(route: str, outcome: str, _seconds: float) -> None:
            self._metrics.requests.labels(self._expected or "", route, outcome).inc()

        return RestClient(
            config.base_url,
            config.key_id,
            config.secret_key,
            budget=self._budget,
            stop=halt,
            on_request=count,
            allow_plain=config.allow_plain_http,
        )

    def _identify(self, connection: psycopg.Connection) -> str:
        """The account behind the key, pinned, as ingest does it."""
        config = self._config
        account_id = read_account_id(config.base_url, config.key_id, config.secret_key)
        accounts.pin(
            connection,
            account_id,
            key_fingerprint(config.key_id),
            expected=self._expected,
            sole=config.sole_account,
        )
        self._expected = account_id
        return account_id

    def _stand_by(self, connection: psycopg.Connection, account_id: str) -> Lease | None:
        timing, said = self._config.timing, ""
        while not self._stop.is_set():
            lease = leases.acquire(connection, "sweep", account_id, self._owner, seconds=timing.lease_s)
            if lease is not None:
                log.info("sweep_lease_acquired", account_id=account_id, owner=self._owner, epoch=lease.epoch)
                return lease
            holder = leases.holder(connection, "sweep", account_id)
            if holder is not None and holder.owner != said:
                said = holder.owner
                log.info("sweep_stands_by", account_id=account_id, holder=said)
            self._report(True, "")
            self._stop.wait(timing.acquire_every_s * random.uniform(0.7, 1.0))  # noqa: S311 - jitter
        return None

    def _sweep(self, tools: Tools) -> None:
        """Run what is due until the lease is lost or we are told to stop."""
        self._silence, self._chain = SilenceWatch(self._config.timing.silence_s), ChainWatch()
        self._next_chain_look = time.monotonic()
        self._urgent: str | None = None
        """Why a hot sweep should not wait for its interval."""
        self._under_way: list[Kind] = []
        self._hot_took_s = 0.0
        while not tools.halt.is_set():
            if not self._one(tools):
                tools.halt.wait(self._config.timing.look_every_s)

    def _one(self, tools: Tools) -> bool:
        """The sweep that is due, if one is."""
        asked = [] if self._under_way else tools.store.requests()
        if asked:
            action_id, kind = asked[0]
            sweep = self._run(tools, kind)
            tools.store.answer(action_id, _answer(sweep))
            return True
        windows = tools.store.windows(tools.letters_of)
        self._look_for_missing_fills(tools)
        kind_due = due(
            tools.store.ages(),
            self._config.timing.intervals,
            windows=any(not window.all_time for window in windows),
            all_time=any(window.all_time for window in windows),
            started=self._started,
            stalled=frozenset(self._under_way),
            urgent=self._urgent is not None and self._budget.left(time.time()) >= _URGENT_NEEDS_LEFT,
            hot_took_s=self._hot_took_s,
        )
        if kind_due is None:
            return False
        if self._urgent is not None and kind_due in (Kind.HOT, Kind.GAP):
            tools.metrics.urgent.labels(tools.account_id, self._urgent).inc()
            self._urgent = None
        self._run(tools, kind_due)
        return True

    def _look_for_missing_fills(self, tools: Tools) -> None:
        """Look at once where a fill does not follow on the one before in its symbol, or fills do not add up (I9)."""
        now = time.monotonic()
        if now < self._next_chain_look:
            return
        reach_s = min(_LONGEST_CHAIN_S, now - self._next_chain_look + _CHAIN_EVERY_S + 3 * GRACE_S)
        self._next_chain_look = now + _CHAIN_EVERY_S
        fills, database_s = tools.store.recent_fills(reach_s)
        broken = self._chain.look(fills, database_s) if database_s is not None else set[str]()
        if broken:
            log.info("position_chain_broken", account_id=tools.account_id, symbols=sorted(broken)[:_MOST_SAID])
            self._urgent = "chain"
        elif self._urgent is None and tools.store.has_unlooked_sums():
            self._urgent = "sum"

    def _run(self, tools: Tools, kind: Kind) -> Sweep:
        def between() -> None:
            if tools.halt.is_set():
                return
            if len(self._under_way) == 1 and kind in (Kind.DEEP, Kind.FULL):
                self._one(tools)

        windows = [window for window in tools.store.windows(tools.letters_of) if not window.all_time]
        sweep = Sweep(tools, kind, windows if kind is Kind.GAP else (), between=between)
        self._under_way.append(kind)
        began = time.monotonic()
        try:
            sweep.run()
        finally:
            self._under_way.pop()
        if kind is Kind.HOT:
            self._hot_took_s = time.monotonic() - began
        tools.metrics.budget_left.labels(tools.account_id).set(self._budget.left(time.time()))
        self._started = self._started or (kind is Kind.DEEP and sweep.error is None)
        self._report(
            sweep.error is None, f"the last {kind.value} sweep is not complete: {sweep.error}" if sweep.error else ""
        )
        if kind in (Kind.DEEP, Kind.FULL) and (proven := sweep.proven) is not None:
            self._sealer.offer(proven)
        self._watch_silence(tools, sweep)
        if sweep.error is not None:
            tools.halt.wait(self._config.timing.retry_s)
        return sweep

    def _watch_silence(self, tools: Tools, sweep: Sweep) -> None:
        for one in sweep.examiner.news if sweep.examiner is not None else ():
            self._silence.saw(one.order_id, one.updated_s)
        quiet, now_s = tools.store.quiet(), time.time()
        since = None if quiet.newest_frame_s is None else now_s - quiet.newest_frame_s
        listening = None if quiet.listening_s is None or not quiet.listens else now_s - quiet.listening_s
        if self._silence.is_silent(now_s, since, listening):
            log.error("stream_is_silent", account_id=tools.account_id)
            tools.metrics.silent.labels(tools.account_id).inc()
            tools.store.ask_reconnect()


def _answer(sweep: Sweep) -> dict[str, object]:
    proven = sweep.proven_at.isoformat() if sweep.proven_at is not None else None
    return {"complete": sweep.error is None, "error": sweep.error, "proven_equal_at": proven}


def _told(error: ReconcileError | psycopg.Error) -> str:
    if isinstance(error, ReconcileError):
        return str(error)
    words = type(error).__name__ + (f" {error.sqlstate}" if error.sqlstate else "")
    if is_transient(error):
        return str(PostgresUnreachable(f"Postgres broke off ({words}): we connect again"))
    return str(RefusedError(f"Postgres refused a statement of the sweep ({words}): run `stream-reconcile check`"))
