"""How fast a backlog is applied, and in how much memory: ours, the floor, and a peer, on the same records.

The rate is that of the steady state: from the first commit (of the process that came last to its first) to the last
one, over the records committed in between. Start of processes, joining the group and the first batch are left out of
both sides.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final, TypeAlias

import psycopg
from backlogs import PARTITIONS, Backlog
from children import BenchmarkError, Child
from figures import Report, Row
from own_servers import ACCOUNT, SCHEMA, OwnServers

APPLIED_WITHIN_S: Final = 1_800.0
_LOOK_EVERY_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Run:
    """One run over one backlog."""

    events_per_s: float | None
    """None where one batch took all."""
    peak_rss_mb: float
    """Of the process that had most."""
    cpu_us: dict[str, float] = field(default_factory=dict)
    """Processor time for each event by who used it, microseconds."""


Timeline: TypeAlias = list[tuple[int, int, int]]
"""A process's commits: time_ns, records, processor time used by then in ns."""


def steady_rate(timelines: list[Timeline]) -> float | None:
    """Events a second over all processes; None where one batch took them all. Raises BenchmarkError."""
    took_part = [timeline for timeline in timelines if timeline]
    if not took_part:
        raise BenchmarkError("nothing was committed")
    begun = max(timeline[0][0] for timeline in took_part)
    ended = max(timeline[-1][0] for timeline in took_part)
    events = sum(records for timeline in took_part for at, records, _cpu in timeline if at > begun)
    return events * 1e9 / (ended - begun) if ended > begun else None


def steady_cpu_us(timelines: list[Timeline]) -> float:
    """Processor time for each event in the processes themselves, after the first commit of each, microseconds."""
    used = sum(timeline[-1][2] - timeline[0][2] for timeline in timelines if timeline)
    return used / 1e3 / max(1, sum(records for timeline in timelines for _at, records, _cpu in timeline[1:]))


class ApplySpeed:
    """Runs over backlogs, each on a fresh database."""

    def __init__(self, servers: OwnServers, report: Report, say: Callable[[str], None]) -> None:
        self._servers, self._report, self._say = servers, report, say
        self._peaks: dict[str, float] = {}

    def compare(
        self, name: str, backlog: Backlog, members: int, *, repeats: int, template: str | None = None
    ) -> list[Row]:
        """Ours against the floor, in turn, the median of each. The floor is the faster of its two designs."""
        runs: dict[str, list[Run]] = {"ours": [], "in_turn": [], "writer_thread": []}
        for _ in range(repeats):
            runs["in_turn"].append(self.floor(name, backlog, members, template=template))
            runs["ours"].append(self.ours(name, backlog, members, template=template))
            runs["writer_thread"].append(self.floor(name, backlog, members, writer_thread=True, template=template))
        rates = {design: _median(of) for design, of in runs.items()}
        floors = {design: rate for design, rate in rates.items() if design != "ours"}
        return [
            Row(name, rates["ours"], max(floors.values()), "events/s"),
            *[Row(f"{name}_floor_{design}", None, rate, "events/s") for design, rate in floors.items()],
        ]

    def resident(self, name: str, backlog: Backlog) -> Row:
        """Most memory that a member had while it applied the backlog alone."""
        peak = self._peaks.get(backlog.topic) or self.ours(name, backlog, 1).peak_rss_mb
        return Row(name, peak, None, "MB")

    def ours(self, name: str, backlog: Backlog, members: int, *, template: str | None = None) -> Run:
        """So many members of the group over the backlog."""
        with self._database(template) as dsn, contextlib.ExitStack() as stack:
            before = self._servers.cpu()
            children = [
                stack.enter_context(
                    Child(
                        "apply_member",
                        self._servers.directory,
                        bootstrap_servers=self._servers.kafka.bootstrap_servers,
                        prefix=backlog.prefix,
                        dsn=dsn,
                        schema=SCHEMA,
                        group="benchmark",
                    )
                )
                for _ in range(members)
            ]
            self._wait_until_drained(dsn, backlog, children)
            results = [child.finish() for child in children]
            run = self._run(f"{name} ours", backlog, results, before)
            self._check(dsn, backlog)
        if members == 1 and template is None:
            self._peaks[backlog.topic] = max(run.peak_rss_mb, self._peaks.get(backlog.topic, 0))
        return run

    def floor(
        self,
        name: str,
        backlog: Backlog,
        processes: int,
        *,
        writer_thread: bool = False,
        template: str | None = None,
    ) -> Run:
        """So many processes of the floor over the backlog, each with its share of the partitions."""
        with self._database(template) as dsn, contextlib.ExitStack() as stack:
            before = self._servers.cpu()
            children = [
                stack.enter_context(
                    Child(
                        "apply_floor",
                        self._servers.directory,
                        partitions=list(range(number, PARTITIONS, processes)),
                        writer_thread=writer_thread,
                        **self._floor_settings(dsn, backlog),
                    )
                )
                for number in range(processes)
            ]
            results = [child.hear("result", APPLIED_WITHIN_S) for child in children]
            run = self._run(f"{name} floor{' with writer thread' * writer_thread}", backlog, results, before)
            self._check(dsn, backlog)
        return run

    def row_by_row(self, backlog: Backlog, events: int) -> Row:
        """The peer that commits each row, on the first records of the backlog."""
        with self._database(None) as dsn:
            settings = self._floor_settings(dsn, backlog)
            with Child(
                "row_by_row", self._servers.directory, partitions=[*range(PARTITIONS)], events=events, **settings
            ) as child:
                rate = steady_rate([child.hear("result", APPLIED_WITHIN_S)["commits"]])
        return Row("peer_row_by_row", None, rate, "events/s")

    def _database(self, template: str | None) -> contextlib.AbstractContextManager[str]:
        return self._servers.database() if template is None else self._servers.database(template)

    def _floor_settings(self, dsn: str, backlog: Backlog) -> dict[str, Any]:
        return {
            "bootstrap_servers": self._servers.kafka.bootstrap_servers,
            "topic": backlog.topic,
            "dsn": dsn,
            "schema": SCHEMA,
            "account": ACCOUNT,
        }

    def _wait_until_drained(self, dsn: str, backlog: Backlog, children: list[Child]) -> None:
        give_up = time.monotonic() + APPLIED_WITHIN_S
        query = "SELECT coalesce(sum(next_offset), 0)::bigint FROM stream_cursors WHERE topic = %(topic)s"
        # One connection for all looks: to open one is work for Postgres that the floor does not have.
        with self._servers.connect(dsn) as connection:
            while (applied := _number(connection.execute(query, {"topic": backlog.topic}))) < backlog.events:
                for child in children:
                    child.check()
                if time.monotonic() > give_up:
                    raise BenchmarkError(
                        f"{applied} of {backlog.events} records applied after {APPLIED_WITHIN_S:.0f} s"
                    )
                time.sleep(_LOOK_EVERY_S)

    def _run(self, name: str, backlog: Backlog, results: list[dict[str, Any]], before: Any) -> Run:
        after = self._servers.cpu()
        timelines = [result["commits"] for result in results]
        share = 1e6 / backlog.events
        run = Run(
            steady_rate(timelines),
            max(result["peak_rss_mb"] for result in results),
            {
                "python": steady_cpu_us(timelines),
                "postgres": (after.postgres - before.postgres) * share,
                "kafka": (after.kafka - before.kafka) * share,
            },
        )
        self._say(
            f"{name}: {run.events_per_s or 0:,.0f} events/s, {run.peak_rss_mb:.0f} MB; processor time for each event: "
            + ", ".join(f"{who} {micros:.1f} µs" for who, micros in run.cpu_us.items())
        )
        self._report.detail(
            run=name,
            events=backlog.events,
            events_per_s=run.events_per_s,
            peak_rss_mb=run.peak_rss_mb,
            commits=[len(result["commits"]) for result in results],
            **{f"{who}_us": micros for who, micros in run.cpu_us.items()},
        )
        return run

    def _check(self, dsn: str, backlog: Backlog) -> None:
        """The tables hold what they should: a fast run that writes nothing is no run."""
        query = """
            SELECT (SELECT count(*) FROM executions WHERE last_topic = %(topic)s),
                   (SELECT count(*) FROM order_events WHERE topic = %(topic)s),
                   (SELECT count(*) FROM fills WHERE topic = %(topic)s),
                   (SELECT count(*) FROM dead_letters),
                   (SELECT sum(next_offset) FROM stream_cursors WHERE topic = %(topic)s)
        """
        orders, events, fills, dead, applied = self._servers.query(dsn, query, {"topic": backlog.topic})[0]
        if orders < backlog.orders or not events or not fills or dead or applied != backlog.events:
            raise BenchmarkError(
                f"{backlog.events} records of {backlog.orders} orders gave {orders} orders, {events} events, "
                f"{fills} fills, {dead} dead letters, {applied} applied"
            )


def _number(result: psycopg.Cursor[Any]) -> int:
    row = result.fetchone()
    return 0 if row is None else int(row[0])


def _median(runs: list[Run]) -> float:
    rates = [run.events_per_s for run in runs if run.events_per_s is not None]
    if not rates:
        raise BenchmarkError("the backlog was applied in one batch: too small to measure a rate (raise SCALE)")
    return median(rates)
