"""Zombies of every kind that writes under a lease or a cursor: refused, with nothing written (docs/architecture.md).

Each acts through the job's own store: its lease or cursor is taken over between what it read and what it writes. The
heir then does the same, and it is written: what was refused would have changed something.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import psycopg
import pytest

from stream_reconcile.core.errors import FencedError
from stream_reconcile.core.gaps import CloseSession, EndWindows, MoveGoodUntil, OpenWindow, Reason, Row
from stream_reconcile.core.seal import FIRST, BrokerSeal, Checkpoint
from stream_reconcile.core.sweep.positions import Known, Movement, Reading
from stream_reconcile.core.sweep.schedule import Kind
from stream_reconcile.store import leases, proofs, sessions
from stream_reconcile.store.connect import connect
from stream_reconcile.store.cursors import LogState
from stream_reconcile.store.discrepancies import Findings
from stream_reconcile.store.leases import Job, Lease
from stream_reconcile.store.positions import PositionStore
from stream_reconcile.store.sweeps import Counts, NotFound, Run, SweepStore, ask_for
from support.fences import everything
from support.log_records import TOPIC_ID
from support.servers import SCHEMA
from support.wire_data import UPDATES
from support.writer_bench import GROUP, Bench

pytestmark = pytest.mark.rows_only

ACCOUNT: Final = "A"
NONE: Final = Counts(0, 0, 0, 0, 0, 0)
SAID: Final = NotFound(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
_STANDING: Final = """
INSERT INTO accounts (account_id, key_fingerprint) VALUES ('A', 'k');
INSERT INTO trade_decisions (account_id, client_order_id, state) VALUES ('A', 'c', 'submitted');
INSERT INTO stream_gaps (account_id, window_start, window_end, reason)
VALUES ('A', now() - interval '1 hour', now() - interval '30 minutes', 'start');
INSERT INTO discrepancies (account_id, type, subject, evidence, last_seen_at)
VALUES ('A', 'status_drift', 'o', '{}', now()), ('A', 'second_writer', 'sweep', '{}', now() - interval '1 hour');
INSERT INTO executions (account_id, alpaca_order_id, status, updated_at_ns, status_rank, snapshot_ns, stated,
                        last_source, last_topic, last_partition, last_offset)
VALUES ('A', 'ended', 'filled', 0, 0, 0, 0, 'sweep', 't', 0, 0);
INSERT INTO order_checks (account_id, id_kind, id, checked_at)
VALUES ('A', 'order', 'ended', now() - interval '2 days');
"""


@dataclass
class Actor:
    """One process that holds a lease, and what all of them know."""

    connection: psycopg.Connection[Any]
    lease: Lease
    runs: dict[Kind, Run]
    request: int = 0
    session: Row | None = None

    @property
    def store(self) -> SweepStore:
        return SweepStore(self.connection, self.lease)

    @property
    def hot(self) -> Run:
        return self.runs[Kind.HOT]

    def write(self, kind: str, *, close: bool = False) -> None:
        findings = Findings()
        (findings.close if close else findings.open)(ACCOUNT, kind, "o", *(() if close else ({"ours": 1},)))
        self.store.write(findings, self.hot)

    def prove(self) -> None:
        with self.store.holding():
            self.store.prove(self.hot)

    def position(self) -> None:
        with self.store.holding():
            PositionStore(self.connection, ACCOUNT).save(Known("AAPL"), Reading(Decimal(1), 10**18), fitted_ns=None)

    def movement(self) -> None:
        moved = Movement("activity", "JNLS", "AAPL", Decimal(1))
        with self.store.holding():
            PositionStore(self.connection, ACCOUNT).count([moved], self.hot.sweep_id)

    def seal(self) -> None:
        at = "2026-01-01T00:00:00.000000+00:00"
        sealed = Checkpoint(
            account_id=ACCOUNT, seq=1, previous=FIRST, sweep_id=str(self.hot.sweep_id), kind="deep",
            proven_equal_at=at, sealed_at=at, program="test", tables={}, log={}, broker=BrokerSeal(0, ""),
            open_dead_letters=0,
        )  # fmt: skip
        proofs.add(self.connection, sealed, self.lease)

    def decide(self) -> None:
        ((decision,),) = self.connection.execute("SELECT decision_id FROM trade_decisions").fetchall()
        self.store.set_decision(decision, "unknown", before=["submitted"])

    def window(self) -> None:
        session = str(uuid.uuid4())
        self.perform(OpenWindow(self.session, 1, "silent", session, Reason.LISTENING, listening=True, ended=True))

    def perform(self, write: Any) -> None:
        sessions.perform(self.connection, self.lease, write)


Act = Callable[[Actor], object]

SWEEP: Final[dict[str, Act]] = {
    "a sweep's run: begun": lambda a: a.store.begin(Kind.DEEP, a.hot.window_start),
    "a sweep's run: taken up": lambda a: a.store.begin(Kind.FULL, a.hot.window_start),
    "a sweep's run: its progress": lambda a: a.store.note_progress(a.runs[Kind.FULL], a.hot.started_at, NONE),
    "a sweep's run: its end": lambda a: a.store.finish(a.runs[Kind.FULL], NONE, error=None),
    "a proof": Actor.prove,
    "windows closed": lambda a: a.store.close_windows(a.hot),
    "discrepancies of a sweep: opened": lambda a: a.write("overfill"),
    "discrepancies of a sweep: closed": lambda a: a.write("status_drift", close=True),
    "discrepancies of a sweep: attempts": lambda a: a.store.count_attempts(["status_drift"]),
    "discrepancies of a sweep: second writers": lambda a: a.store.close_second_writers(a.hot, 60),
    "what was checked: read": lambda a: a.store.note_checks(a.hot, ["o"]),
    "what was checked: absent": lambda a: a.store.note_absences({"p": SAID}, id_kind="order", apart_s=15),
    "what was checked: forgotten": lambda a: a.store.forget_checks(),
    "a decision's state": Actor.decide,
    "positions: a reading": Actor.position,
    "positions: a movement": Actor.movement,
    "a new socket": lambda a: a.store.ask_reconnect(),
    "an answer": lambda a: a.store.answer(a.request, {"complete": True}),
    "a checkpoint": Actor.seal,
}
INGEST: Final[dict[str, Act]] = {
    "sessions and windows: a window": Actor.window,
    "sessions and windows: good_until": lambda a: a.perform(MoveGoodUntil(a.session, 10**18, frames=1)),
    "sessions and windows: the end of windows": lambda a: a.perform(EndWindows(a.session)),
    "sessions and windows: the end of a session": lambda a: a.perform(CloseSession(a.session, 1, "stopped")),
    "a lease: renewed": lambda a: _refused_if(not leases.renew(a.connection, a.lease, seconds=60)),
    "a lease: released": lambda a: _refused_if(not leases.release(a.connection, a.lease)),
}


# A process that lost a lease and has it again may have something left of the time before.
HEIRS: Final = pytest.mark.parametrize("owner", ["heir", "zombie"], ids=["by another process", "by itself, later"])


def _refused_if(no: bool) -> None:
    if no:
        raise FencedError("the lease is another's")


@pytest.fixture
def zombie(database: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database, SCHEMA, name="zombie") as connection:
        connection.execute(_STANDING)
        yield connection


@pytest.fixture
def heir(database: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database, SCHEMA, name="heir") as connection:
        yield connection


def taken(connection: psycopg.Connection[Any], job: Job, owner: str) -> Lease:
    """The lease, as a standby takes it: it is free, or it ran out."""
    connection.execute("UPDATE leases SET expires_at = clock_timestamp() WHERE job = %s", [job])
    lease = leases.acquire(connection, job, ACCOUNT, owner)
    assert lease is not None
    return lease


@HEIRS
@pytest.mark.parametrize("kind", SWEEP)
def test_what_a_sweep_writes(database: str, zombie: Any, heir: Any, kind: str, owner: str) -> None:
    old = Actor(zombie, taken(zombie, "sweep", "zombie"), {})
    taken(zombie, "ingest", "ingest")
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    for each in (Kind.HOT, Kind.FULL):
        old.runs[each] = old.store.begin(each, long_ago)
    old.store.note_progress(old.runs[Kind.FULL], long_ago, NONE)
    old.store.finish(old.hot, NONE, error=None)
    if kind == "a proof":
        zombie.execute("UPDATE discrepancies SET state = 'resolved', resolved_at = now()")
    old.request = ask_for(zombie, ACCOUNT, Kind.HOT, who="w", why="")
    new = Actor(heir, taken(heir, "sweep", owner), old.runs, old.request)
    assert_refused(database, SWEEP[kind], old, new)


@HEIRS
@pytest.mark.parametrize("kind", INGEST)
def test_what_ingest_writes(database: str, zombie: Any, heir: Any, kind: str, owner: str) -> None:
    old = Actor(zombie, taken(zombie, "ingest", "zombie"), {})
    first = OpenWindow(None, 0, "", str(uuid.uuid4()), Reason.START, listening=False, ended=False)
    old.perform(first)
    new = Actor(heir, taken(heir, "ingest", owner), {}, session=first.after)
    old.session = first.after
    assert_refused(database, INGEST[kind], old, new)


def assert_refused(database: str, act: Act, old: Actor, new: Actor) -> None:
    before = everything(database)
    with pytest.raises(FencedError):
        act(old)
    assert everything(database) == before
    act(new)
    assert everything(database) != before, "the heir's own write has changed nothing: this test shows nothing"


# -- cursors ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def two_members(database: str) -> Iterator[tuple[Bench, Bench]]:
    with contextlib.closing(Bench(database)) as one, contextlib.closing(Bench(database, "heir")) as other:
        one.connection.execute("INSERT INTO accounts (account_id, key_fingerprint) VALUES ('A', 'k')")
        yield one, other


def test_a_log_that_a_zombie_finds_gone_is_its_heirs_to_begin_anew(database: str) -> None:
    with two_members(database) as (zombie, heir):
        state = LogState(7, TOPIC_ID, "cluster")
        old = zombie.cursors.claim(UPDATES, 0, state._replace(low=0)).cursor
        new = heir.cursors.claim(UPDATES, 0, state._replace(low=0)).cursor
        before = everything(database)
        with pytest.raises(FencedError, match="was moved while its log was found to be gone"):
            zombie.cursors.restart(UPDATES, 0, old, 0, state)
        assert everything(database) == before
        assert heir.cursors.restart(UPDATES, 0, new, 0, state).next_offset == 7
        assert len(heir.rows("SELECT * FROM stream_gaps")) == 1


def test_only_the_owner_closes_that_the_database_was_set_back(database: str) -> None:
    with two_members(database) as (zombie, heir):
        old = zombie.claim(UPDATES)
        zombie.write(moves=[old._replace(next_offset=5)])
        zombie.cursors.record_mismatch(UPDATES, 0, 5, 0)
        heir.claim(UPDATES)
        assert zombie.cursors.close_mismatches() == 0, "the cursor is there, and not the zombie's to judge"
        # Set back once more, and further: what one that was stopped in between has to say does not bring it nearer.
        heir.cursors.record_mismatch(UPDATES, 0, 9, 5)
        zombie.cursors.record_mismatch(UPDATES, 0, 6, 5)
        heir.write(moves=[heir.claim(UPDATES)._replace(next_offset=6)])
        assert heir.cursors.close_mismatches() == 0
        heir.write(moves=[heir.claim(UPDATES)._replace(next_offset=9)])
        assert heir.cursors.close_mismatches() == 1
        assert heir.open() == set()


def test_a_claim_that_comes_late_takes_the_cursor_and_doubles_nothing(database: str) -> None:
    """The one write of apply that is not refused: whoever claims last has the cursor."""
    with two_members(database) as (zombie, heir):
        heirs = heir.claim(UPDATES)._replace(next_offset=4)
        late = zombie.claim(UPDATES)
        with pytest.raises(FencedError):
            heir.write(moves=[heirs])
        assert late.expected == 0
        heir.write(moves=[heir.claim(UPDATES)._replace(next_offset=4)])
        with pytest.raises(FencedError):
            zombie.write(moves=[late._replace(next_offset=4)])
        assert heir.rows("SELECT next_offset, owner FROM stream_cursors WHERE consumer_group = %s", GROUP) == [
            (4, "heir")
        ]
