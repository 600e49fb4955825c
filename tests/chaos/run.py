"""From an empty Kafka and Postgres to the verdict."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from own_servers import ACCOUNT, SCHEMA, OwnServers

from stream_reconcile.demo.programs import Programs
from stream_reconcile.store.connect import connect

from .checker import Report, check, cursor_faults
from .digest import TableDigest, digests
from .ground_truth import Counts, StoredTruth
from .long_log import fill
from .members import Member
from .schedule import MEMBERS, schedule
from .sight import Sight
from .storm import Storm, Struck

GROUP: Final = "stream-reconcile"
"""The default of `run`."""
_KAFKA: Final = {
    # A killed member's partitions are given away after this; the default of the embedded Kafka makes for long waits.
    "group.consumer.session.timeout.ms": "3000",
    "group.consumer.min.session.timeout.ms": "3000",
    "group.consumer.heartbeat.interval.ms": "1000",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the user has a say in."""

    events: int
    kills: int
    stops: int
    seed: int
    data_dir: Path | None


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    options: Options
    records: int
    truth: Counts
    struck: list[Struck]
    report: Report
    seconds: dict[str, float]
    logged: dict[str, int]
    before: dict[str, TableDigest]
    after: dict[str, TableDigest] = field(default_factory=dict)
    replay_restarts: int = 0

    @property
    def changed_by_replay(self) -> list[str]:
        """Tables that are not what they were."""
        return sorted(table for table in self.before if self.after.get(table) != self.before[table])

    @property
    def equal(self) -> bool:
        """All is as it has to be."""
        return not (self.report.differences or self.changed_by_replay or self.replay_restarts)

    def count(self, kind: str) -> int:
        """Acts of a kind."""
        return sum(struck.act.kind == kind for struck in self.struck)


def run(options: Options, say: Callable[[str], None]) -> Outcome:
    """Fill, apply under fire, compare, apply again, compare. Raises ReconcileError where it does not come to an end."""
    seconds: dict[str, float] = {}
    with (
        OwnServers(options.data_dir, _KAFKA) as servers,
        servers.database() as dsn,
        Programs(servers.directory) as programs,
        Sight(dsn, SCHEMA, GROUP) as sight,
    ):
        say(f"filling the log with {options.events:,} events")
        with _timed(seconds, "fill"):
            log = fill(servers, dsn, events=options.events, seed=options.seed)
        say(f"{log.records:,} records; starting the members")
        with _timed(seconds, "apply"):
            members = _start(programs, servers, dsn)
            storm = Storm(members, sight, log.records, say)
            struck = storm.run(schedule(options.seed, options.kills, options.stops))
        say("everything is applied; comparing")
        with connect(dsn, SCHEMA, name="chaos checker", statement_timeout_ms=0) as connection:
            with _timed(seconds, "compare"):
                report = check(connection, account_id=ACCOUNT, group=GROUP, ends=log.ends)
            with connection.transaction():
                truth = StoredTruth(connection).counts()
            with _timed(seconds, "digest"):
                before = digests(connection)
            outcome = Outcome(options, log.records, truth, struck, report, seconds, _logged(members), before)
            say("setting all cursors back to the start; everything is applied again")
            with _timed(seconds, "replay"):
                outcome.replay_restarts = _replay(members, sight, storm)
            outcome.after = digests(connection)
            for fault in cursor_faults(connection, GROUP, log.ends):
                report.add(fault)
    return outcome


def _start(programs: Programs, servers: OwnServers, dsn: str) -> list[Member]:
    own = {
        "KAFKA_BOOTSTRAP_SERVERS": servers.kafka.bootstrap_servers,
        "DATABASE_URL": dsn,
        "RECONCILE_LOG_FORMAT": "json",
        "RECONCILE_MIGRATE": "0",  # the database is a clone of one that is migrated
    }
    return [
        Member(programs.start(f"member {number}", "run", "--role", "apply", **own)) for number in range(1, MEMBERS + 1)
    ]


def _replay(members: list[Member], sight: Sight, storm: Storm) -> int:
    """Rewind and wait; how many sessions and processes had to begin anew, which a rewind must not make them do."""
    pids = [member.pid for member in members]
    sessions = _sessions_ended(members)
    sight.rewind()
    storm.wait_until_applied(1.0)
    processes = sum(member.pid != pid for member, pid in zip(members, pids, strict=True))
    return processes + _sessions_ended(members) - sessions


def _sessions_ended(members: list[Member]) -> int:
    return sum(member.logged["apply_session_ended"] for member in members)


def _logged(members: list[Member]) -> dict[str, int]:
    return dict(sum((member.logged for member in members), start=Counter()))


@contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    seconds[what] = time.monotonic() - begun
