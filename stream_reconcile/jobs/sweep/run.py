"""One sweep, from its first request to its proof (DESIGN §5)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
import structlog

from stream_reconcile.broker.rest import Found as Answer
from stream_reconcile.broker.rest import RestClient
from stream_reconcile.core.budget import RateBudget
from stream_reconcile.core.errors import (
    IncompleteRead,
    NotAskable,
    ReconcileError,
    Stopped,
    SweepIncomplete,
    UnreachableError,
)
from stream_reconcile.core.seal import BrokerSum
from stream_reconcile.core.sweep.compared import SELF_CLOSING, origin_of
from stream_reconcile.core.sweep.schedule import Kind
from stream_reconcile.core.sweep.sums import CLOSED_BY_SUMS
from stream_reconcile.core.timestamps import ns_of
from stream_reconcile.jobs.apply.decode import UNKNOWN_ACCOUNT
from stream_reconcile.jobs.sweep.activities import ActivityReader
from stream_reconcile.jobs.sweep.adjust import adjust
from stream_reconcile.jobs.sweep.barrier import Barrier
from stream_reconcile.jobs.sweep.closing import close_what_agrees, conclude_absence
from stream_reconcile.jobs.sweep.config import SweepConfig
from stream_reconcile.jobs.sweep.decisions import DecisionCheck
from stream_reconcile.jobs.sweep.examine import Examiner
from stream_reconcile.jobs.sweep.letters import LetterCheck
from stream_reconcile.jobs.sweep.metrics import SweepMetrics
from stream_reconcile.jobs.sweep.not_askable import tell_not_askable
from stream_reconcile.jobs.sweep.positions import PositionCheck
from stream_reconcile.jobs.sweep.publish import Finding, Publisher
from stream_reconcile.jobs.sweep.seal import Proven
from stream_reconcile.jobs.sweep.sums import check_residuals, check_sums
from stream_reconcile.store.comparison import Comparer, OpenRow
from stream_reconcile.store.discrepancies import Findings
from stream_reconcile.store.sweeps import GAP_OVERLAP, Counts, NotFound, SweepStore, Window

log = structlog.get_logger()

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# What each sweep that reads everything tries to resolve.
_ATTEMPTED: Final = (*SELF_CLOSING, *CLOSED_BY_SUMS, "unexplained_fill", "ambiguous_submit", "undecodable")
_INCOMPLETE_IN_A_ROW: Final = 3
_MOST_BY_HAND: Final = 50  # orders asked for by id in one sweep for reasons other than being open


@dataclass(frozen=True, slots=True)
class Tools:
    """What all sweeps of one lease work with."""

    config: SweepConfig
    account_id: str
    client: RestClient
    budget: RateBudget
    connection: psycopg.Connection[Any]
    store: SweepStore
    barrier: Barrier
    publisher: Publisher
    metrics: SweepMetrics
    halt: threading.Event
    told_unreadable: set[bytes] = field(default_factory=set)
    """Digests of orders that could not be read and are published already: they are told once, not at each sweep."""
    told_not_askable: set[str] = field(default_factory=set)  # ids; they are told once too
    suspects_asked: dict[str, int] = field(default_factory=dict)
    """Orders whose fills do not add up: when their activities were asked for last, in ns."""

    @property
    def letters_of(self) -> list[str]:
        """Accounts whose dead letters are ours: where we have the only one, also those that name none."""
        return [self.account_id, *([UNKNOWN_ACCOUNT] if self.config.sole_account else [])]


class Sweep:
    """One run. `between` is called between two pages of lists: a more urgent sweep may run there."""

    def __init__(
        self, tools: Tools, kind: Kind, windows: Iterable[Window] = (), *, between: Callable[[], None] | None = None
    ) -> None:
        self._tools, self.kind, self._windows = tools, kind, list(windows)
        self._between = between or (lambda: None)
        self._pages = self._published = self._unchecked = 0
        self._requests_before = tools.client.requests
        self._absent: dict[str, NotFound] = {}
        self._asked: set[str] = set()
        self._answered: set[str] = set()
        self._off: set[str] = set()
        self._in_doubt: set[str] = set()
        self._contradicted: set[str] = set()
        self.proven_at: datetime | None = None
        self._said = BrokerSum()
        self.error: str | None = None
        self.examiner: Examiner | None = None

    def run(self) -> None:
        """Do it. What keeps it from being complete is told in `error`; raises FencedError, and psycopg.Error."""
        tools, began = self._tools, time.monotonic()
        self._comparer = Comparer(tools.connection, tools.account_id)
        read_until = tools.store.read_until()
        self._now = tools.store.now()
        self._start = self._window_start()
        self._run = tools.store.begin(self.kind, self._start)
        self._examiner = self.examiner = self._new_examiner()
        self._activities = ActivityReader(tools, self._comparer, self._page_read, self._publish)
        self._decisions = DecisionCheck(tools, self._comparer, self._run)
        self._letters = LetterCheck(tools, self._comparer, self._run, self.kind)
        try:
            self._read(read_until)
            self._check()
        except (UnreachableError, SweepIncomplete, IncompleteRead, Stopped) as error:
            self.error = str(error)
        except ReconcileError as error:
            self.error = str(error)
            self._finish(began)
            raise
        self._finish(began)

    def _window_start(self) -> datetime:
        """Orders submitted after this are to be read."""
        timing = self._tools.config.timing
        if self.kind is Kind.FULL:
            return _EPOCH
        if self.kind is Kind.DEEP:
            return self._now - timedelta(seconds=timing.deep_reach_s)
        start = self._now - timedelta(seconds=timing.hot_reach_s)
        return min([start, *(window.start - GAP_OVERLAP - timedelta(seconds=1) for window in self._windows)])

    def _new_examiner(self) -> Examiner:
        tools = self._tools
        policy = tools.config.external_orders
        return Examiner(
            tools.account_id,
            tools.config.topics.order_snapshots,
            self._comparer,
            tools.barrier,
            self._publish,
            tools.config.timing.graces,
            self._comparer.open_rows(tools.config.timing.graces.absence_s),
            watched={subject for _kind, subject in tools.store.open_of(SELF_CLOSING)},
            told_unreadable=tools.told_unreadable,
            with_origins=policy == "open" or (policy == "auto" and tools.store.has_decisions()),
        )

    # -- reading -------------------------------------------------------------------------------------------------

    def _read(self, read_until: datetime | None) -> None:
        """Lists first, then what they did not name; activities last, for they tell of orders that nobody knows."""
        client, examiner = self._tools.client, self._examiner
        for page in client.orders(status="open", nested=True):
            self._page_read()
            self._examine(page.items, page.received_at_ns)
        full, resume = self.kind is Kind.FULL, self._run.resume_before
        after_ns = None if full else ns_of(self._start)
        until_ns = None if resume is None else ns_of(resume + timedelta(seconds=1))
        for page in client.orders(status="all", nested=True, after_ns=after_ns, until_ns=until_ns):
            self._page_read()
            self._examine(page.items, page.received_at_ns)
            if full and examiner.oldest_s is not None:
                self._note_progress(examiner.oldest_s)
        self._activities.read(self._activities_after(read_until))
        self._by_id(self._comparer.unknown(self._activities.orders), most=None)
        self._by_id(self._comparer.unknown(self._activities.without_row), most=_MOST_BY_HAND)
        self._by_id(self._letters.orders, most=_MOST_BY_HAND)
        self._by_id(sorted(examiner.watched - examiner.seen_again - examiner.unnamed.keys()), most=_MOST_BY_HAND)
        self._decisions.ask(self._take)
        self._open_here([*examiner.unnamed.values()], most=self._most_by_id())
        # What a chain names may name a further one.
        while wanted := self._comparer.unknown(examiner.successors - self._asked):
            self._by_id(wanted, most=_MOST_BY_HAND)

    def _note_progress(self, oldest_s: float) -> None:
        """What lies behind is done with before it is said to be. What is in doubt is known to this run alone: were it
        broken off, the next one has to read it again, or it would prove what this one had not found equal."""
        tools, examiner = self._tools, self._examiner
        examiner.settle()
        self._write_origins(time.time())
        if not (examiner.found or examiner.unreadable or examiner.short):
            tools.store.note_progress(self._run, datetime.fromtimestamp(oldest_s, UTC), self._counts())

    def _write_origins(self, now_s: float) -> None:
        """Where orders that nobody decided come from: a fact of each, whatever becomes of this sweep.

        As it is now: since they were read a decision may have come, or the frame that was still on its way.
        """
        tools, findings, foreign = self._tools, Findings(), self._examiner.take_foreign()
        origins = self._comparer.origins(one.order_id for one in foreign)
        for read in foreign:
            one = read._replace(origin=origins.get(read.order_id))
            if (origin := origin_of(one, now_s, tools.config.timing.graces)) is not None:
                findings.open(tools.account_id, origin.type, origin.subject, origin.evidence)
                if origin.type == "unrecorded_order":
                    findings.close(tools.account_id, origin.type, origin.subject)  # the row is there, and bound
        tools.store.write(findings, self._run)

    def _activities_after(self, read_until: datetime | None) -> datetime:
        timing = self._tools.config.timing
        if self.kind is Kind.FULL:
            return _EPOCH
        if self.kind is Kind.DEEP or read_until is None:
            return min(self._start, self._now - timedelta(seconds=timing.deep_activity_overlap_s))
        return min(self._start, read_until - timedelta(seconds=timing.activity_overlap_s))

    def _most_by_id(self) -> int | None:
        """How many open orders that no list named a hot sweep asks for; the others may take what they need."""
        if self.kind is not Kind.HOT:
            return None
        config = self._tools.config
        return max(1, int(self._tools.budget.limit * config.budget_share * config.timing.by_id_share))

    def _by_id(self, orders: Iterable[str], *, most: int | None) -> None:
        """Ask for each that was not asked for yet, at most so many."""
        for order_id in [order_id for order_id in orders if order_id not in self._asked][:most]:
            self._between()
            self._asked.add(order_id)
            try:
                answer = self._tools.client.order(order_id)
            except NotAskable as why:
                tell_not_askable(self._tools, order_id, why)
                if order_id in self._activities.orders:  # there is such an order, and it has no row
                    self._in_doubt.add(order_id)
                continue
            if answer is not None:
                self._answered.add(order_id)
                self._take(answer)

    def _open_here(self, rows: list[OpenRow], *, most: int | None) -> None:
        """Ask for what is open here and in no list, by every id that we hold (I6)."""
        tools, client, store = self._tools, self._tools.client, self._tools.store
        asked = rows[:most]
        self._unchecked += len(rows) - len(asked)
        for row in asked:
            self._between()
            self._asked.add(row.order_id)
            asked_at = store.now()
            try:
                answer = client.order(row.order_id)
                if answer is None and row.client_order_id:
                    answer = client.order_by_client_id(row.client_order_id)
            except NotAskable as why:  # neither there nor absent: not even asked by every id that we hold
                tell_not_askable(tools, row.order_id, why)
                self._unchecked += 1
                self._in_doubt.add(row.order_id)
                continue
            if answer is None:
                if row.due:
                    self._absent[row.order_id] = NotFound(asked_at, store.now())
                continue
            self._take(answer)
            if row.order_id in self._examiner.unnamed:
                # Not readable, or its client order id is another order's: no word that it is there, nor that it is not.
                self._contradicted.add(row.order_id)

    def _take(self, answer: Answer) -> None:
        self._examine([answer.raw], answer.received_at_ns)

    def _examine(self, orders: Sequence[bytes], received_at_ns: int) -> None:
        if self.kind in (Kind.DEEP, Kind.FULL):  # of the others nothing is sealed
            for raw in orders:
                self._said.add(raw)
        self._examiner.take(orders, received_at_ns)

    @property
    def proven(self) -> Proven | None:
        """What was proved, to be sealed; None where nothing was."""
        if self.proven_at is None:
            return None
        return Proven(str(self._run.sweep_id), self.kind.value, self.proven_at, self._said.seal())

    def _page_read(self) -> None:
        if self._pages:
            self._between()
        self._pages += 1

    def _publish(self, findings: Iterable[Finding]) -> None:
        found = list(findings)
        count = self._tools.publisher.publish(str(self._run.sweep_id), self._published, found)
        self._published += count
        for event in {finding.event for finding in found}:
            number = sum(finding.event == event for finding in found)
            self._tools.metrics.published.labels(self._tools.account_id, event).inc(number)

    # -- what comes of it ----------------------------------------------------------------------------------------

    def _check(self) -> None:
        """All was read: settle it, and draw the conclusions that only a complete sweep may draw."""
        tools, examiner, graces = self._tools, self._examiner, self._tools.config.timing.graces
        examiner.settle()
        self._activities.settle()
        self._activities.read_suspects()
        self._activities.settle()
        adjust(tools, self._comparer, self._run, self._publish, self._activities)
        now_s = time.time()
        findings = Findings()
        self._off = check_sums(tools, self._comparer, examiner, findings, self._activities.published)
        check_residuals(tools, self._comparer, findings)
        for found in examiner.found:
            findings.open(tools.account_id, found.type, found.subject, found.evidence)
        self._write_origins(now_s)
        if not examiner.unreadable:
            conclude_absence(tools, examiner, findings, self._absent)
        close_what_agrees(tools, examiner, findings, began=self._now, now_s=now_s)
        tools.store.write(findings, self._run)
        tools.store.count_attempts(_ATTEMPTED)
        tools.store.close_second_writers(self._run, graces.second_writer_s)
        confirmed = examiner.checked - self._off
        tools.store.note_checks(self._run, confirmed)
        tools.store.note_present(examiner.named - confirmed)
        self._decisions.note_found()
        if self.kind is Kind.DEEP:
            tools.store.forget_checks()
        if examiner.unreadable:  # what was read counts, what was not found does not (I6)
            raise SweepIncomplete(f"{examiner.unreadable} orders could not be read: see the dead letters")
        self._decisions.conclude()
        self._letters.conclude(self._answered, unchecked=self._unchecked + self._activities.unreadable)
        if self._unchecked:
            log.info("orders_not_checked", account_id=tools.account_id, kind=self.kind.value, orders=self._unchecked)
        positions = PositionCheck(tools, self._run, self._activities, self._publish, self._between, self._off)
        if self.kind in (Kind.DEEP, Kind.FULL):
            positions.check()
        elif self.kind is Kind.HOT:
            positions.follow()

    def _finish(self, began: float) -> None:
        tools = self._tools
        tools.store.finish(self._run, self._counts(), error=self.error)
        self._note_incomplete()
        if self.error is None:
            tools.store.close_windows(self._run)
            self.proven_at = self._prove()
        tools.metrics.seconds.labels(self.kind.value).observe(time.monotonic() - began)
        outcome = "proved" if self.proven_at else "incomplete" if self.error else "complete"
        tools.metrics.runs.labels(tools.account_id, self.kind.value, outcome).inc()
        log.info(
            "sweep",
            account_id=tools.account_id,
            kind=self.kind.value,
            outcome=outcome,
            seconds=round(time.monotonic() - began, 2),
            **self._counts()._asdict(),
            why=self.error,
        )

    def _note_incomplete(self) -> None:
        """F3: several in a row; the next complete one of the kind ends it."""
        store, kind, findings = self._tools.store, self.kind.value, Findings()
        if self.error is None:
            if ("incomplete_sweep", kind) in store.open_of(["incomplete_sweep"]):
                findings.close(self._tools.account_id, "incomplete_sweep", kind)
        elif (row := store.incomplete(self.kind)).times >= _INCOMPLETE_IN_A_ROW:
            since = row.since.isoformat() if row.since is not None else None
            evidence = {"broker": {"error": row.error}, "ours": {"incomplete": row.times, "since": since}}
            findings.open(self._tools.account_id, "incomplete_sweep", kind, evidence)
        store.write(findings, self._run, resolution="a sweep of this kind is complete")

    def _prove(self) -> datetime | None:
        """The transaction that writes the proof finds every cursor still past the end of the log of a moment ago."""
        tools = self._tools
        if self._off or self._in_doubt or self._contradicted & self._examiner.unnamed.keys():
            return None
        with suppress(UnreachableError, SweepIncomplete):
            marks = tools.barrier.wait()
            with tools.store.holding():
                if tools.barrier.is_passed(marks):
                    return tools.store.prove(self._run)
        return None

    def _counts(self) -> Counts:
        return Counts(
            requests=self._tools.client.requests - self._requests_before,
            pages=self._pages,
            orders=self._examiner.orders,
            activities=self._activities.count,
            published=self._published,
            unchecked=self._unchecked,
        )
