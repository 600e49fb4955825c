"""From an empty Kafka and Postgres to the verdict."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from own_servers import ACCOUNT, SCHEMA, OwnServers
from processes import peak_rss_mb

from stream_reconcile.demo.programs import Programs
from stream_reconcile.store.connect import connect

from .checker import Report, check, cursor_faults
from .digest import TableDigest, digests
from .ground_truth import Counts, StoredTruth
from .long_log import Log, fill
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
# Of a short log a member fetches a few records at once, so that it takes many transactions to apply it: or all would be
# applied before there is anybody to kill.
_USUAL_FETCH_FROM: Final = 50_000
_SMALL_FETCH_BYTES: Final = 4_000


@dataclass(frozen=True, slots=True)
class Options:
    """What the user has a say in."""

    events: int
    kills: int
    stops: int
    seed: int
    data_dir: Path | None


class Replay(NamedTuple):
    """How the members took the rewind."""

    restarts: int
    """Members that had to be started again: a rewind must not take that."""
    taken_up: int
    """Cursors that a running member found moved, and followed."""


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    options: Options
    records: int
    truth: Counts
    struck: list[Struck]
    report: Report
    seconds: dict[str, float]
    logged: Counter[str]
    before: dict[str, TableDigest]
    after: dict[str, TableDigest] = field(default_factory=dict)
    peak_rss_mb: float = 0.0
    replay: Replay = field(default_factory=lambda: Replay(0, 0))

    @property
    def changed_by_replay(self) -> list[str]:
        """Tables that are not what they were."""
        return sorted(table for table in self.before if self.after.get(table) != self.before[table])

    @property
    def equal(self) -> bool:
        """All is as it has to be."""
        return not (self.report.differences or self.changed_by_replay or self.replay.restarts)

    def count(self, kind: str) -> int:
        """Acts of a kind."""
        return sum(struck.act.kind == kind for struck in self.struck)


def run(options: Options, say: Callable[[str], None]) -> Outcome:
    """Fill, apply under fire, compare, apply again, compare. Raises ReconcileError where it does not come to an end."""
    seconds: dict[str, float] = {}
    with (
        OwnServers(options.data_dir, _KAFKA, long_lived=options.events >= _USUAL_FETCH_FROM) as servers,
        servers.database() as dsn,
        Programs(servers.directory) as programs,
        Sight(dsn, SCHEMA, GROUP) as sight,
    ):
        say(f"filling the log with {options.events:,} events")
        with _timed(seconds, "fill"):
            log = fill(servers, dsn, events=options.events, seed=options.seed)
        say(f"{log.records:,} records; starting the members")
        with _timed(seconds, "apply"):
            members = _start(programs, servers, dsn, log)
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
                outcome.replay = _replay(members, sight, storm)
            outcome.after = digests(connection)
            for fault in cursor_faults(connection, GROUP, log.ends):
                report.add(fault)
    outcome.peak_rss_mb = peak_rss_mb("self")
    return outcome


def _start(programs: Programs, servers: OwnServers, dsn: str, log: Log) -> list[Member]:
    own = {
        "KAFKA_BOOTSTRAP_SERVERS": servers.kafka.bootstrap_servers,
        "DATABASE_URL": dsn,
        "RECONCILE_LOG_FORMAT": "json",
        "RECONCILE_MIGRATE": "0",  # the database is a clone of one that is migrated
    }
    if log.records < _USUAL_FETCH_FROM:
        own["KAFKA_CLIENT"] = json.dumps({"fetch.message.max.bytes": _SMALL_FETCH_BYTES})
    return [
        Member(programs.start(f"member {number}", "run", "--role", "apply", **own)) for number in range(1, MEMBERS + 1)
    ]


def _replay(members: list[Member], sight: Sight, storm: Storm) -> Replay:
    """Rewind, and wait until everything is applied again."""
    # Who joins only now would read from the start by its claim, which is no way to take up a rewind.
    storm.wait_until_owned()
    pids = [member.pid for member in members]
    moved = _logged(members)["cursor_moved"]
    sight.rewind()
    storm.wait_until_applied(1.0)
    restarts = sum(member.pid != pid for member, pid in zip(members, pids, strict=True))
    return Replay(restarts, _logged(members)["cursor_moved"] - moved)


def _logged(members: list[Member]) -> Counter[str]:
    return sum((member.logged for member in members), start=Counter())


@contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    seconds[what] = time.monotonic() - begun
