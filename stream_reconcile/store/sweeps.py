"""What the sweep writes: its runs, checks, discrepancies, decision states, proofs.

Each in a transaction that first locks its lease (DESIGN §7), so that a sweeper that was overtaken writes nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from stream_reconcile.core.gaps import OVERLAP_NS
from stream_reconcile.core.sweep.chain import ChainFill
from stream_reconcile.core.sweep.schedule import Kind
from stream_reconcile.store import leases, second_writer
from stream_reconcile.store.comparison import TERMINAL
from stream_reconcile.store.discrepancies import Findings, write_findings
from stream_reconcile.store.leases import Lease
from stream_reconcile.store.queries import load

_SQL = load("sweeps.sql")
GAP_OVERLAP: Final = timedelta(microseconds=OVERLAP_NS // 1000)


class Run(NamedTuple):
    """A sweep that has begun.

    `started_at` is database time; orders submitted after `window_start` are to be read; `resume_before`: what was
    submitted later is examined.
    """

    sweep_id: UUID
    started_at: datetime
    window_start: datetime
    resume_before: datetime | None = None


class Window(NamedTuple):
    """Frames may be missing that the broker sent within it, or could not be read."""

    start: datetime
    end: datetime
    all_time: bool


class NotFound(NamedTuple):
    """The broker's "not found" for an id, or for every id of an order; database time."""

    asked_at: datetime
    """Before the first request."""
    answered_at: datetime
    """After the last answer."""


class Absence(NamedTuple):
    """An id that complete runs in a row got "not found" for."""

    times: int
    """1, or 2 for twice or more, far enough apart."""
    since: datetime
    """When the first of them was answered."""


class Incomplete(NamedTuple):
    """Runs of a kind that ended incomplete, one after another."""

    times: int
    since: datetime | None
    """Begin of the first."""
    error: str | None
    """Why the newest was not complete."""


class Counts(NamedTuple):
    """What a run did."""

    requests: int
    pages: int
    orders: int
    activities: int
    published: int
    unchecked: int


class Quiet(NamedTuple):
    """What the stream brings: seconds since it listens and since its newest frame, None for never."""

    listening_s: float | None
    newest_frame_s: float | None
    listens: bool


class SweepStore:
    """Of one lease, on one connection in autocommit.

    What writes raises FencedError if the lease was lost; psycopg.Error comes as it is.
    """

    def __init__(self, connection: psycopg.Connection[Any], lease: Lease) -> None:
        self._connection, self._lease = connection, lease
        self._account = {"account_id": lease.account_id}

    @contextmanager
    def holding(self) -> Iterator[None]:
        """A transaction under the lease."""
        with self._connection.transaction():
            leases.hold(self._connection, self._lease)
            yield

    def begin(self, kind: Kind, window_start: datetime) -> Run:
        """A run begins; a full one that was broken off is taken up."""
        lease = self._lease
        holder = {"owner": lease.owner, "epoch": lease.epoch}
        with self.holding():
            if kind is Kind.FULL:
                found = self._one("resumable", self._account)
                if found and self._one("take_up", holder | {"sweep_id": found[0]}):
                    return Run(*found)
            values = self._account | holder | {"kind": kind.value, "window_start": window_start}
            return Run(*self._connection.execute(_SQL["begin"], values).fetchall()[0])

    def note_progress(self, run: Run, resume_before: datetime, counts: Counts) -> None:
        """How far a full sweep has come."""
        with self.holding():
            self._do("note_progress", counts._asdict() | {"sweep_id": run.sweep_id, "resume_before": resume_before})

    def finish(self, run: Run, counts: Counts, *, error: str | None) -> None:
        """A run ends, complete if there is no error."""
        values = counts._asdict() | {"sweep_id": run.sweep_id, "complete": error is None, "error": error}
        with self.holding():
            self._do("finish", values)

    def incomplete(self, kind: Kind) -> Incomplete:
        """Runs of this kind since the newest complete one."""
        row = self._one("incomplete_in_a_row", self._account | {"kind": kind.value})
        return Incomplete(*row) if row else Incomplete(0, None, None)

    def prove(self, run: Run) -> datetime | None:
        """Inside `holding`: the proof of a complete run; None if something that blocks it is open."""
        row = self._one("prove", {"sweep_id": run.sweep_id})
        return row[0] if row else None

    def close_windows(self, run: Run) -> int:
        """Close the windows that a complete run covers; gives how many."""
        with self.holding():
            values = {"sweep_id": run.sweep_id, "overlap": GAP_OVERLAP}
            return len(self._connection.execute(_SQL["close_windows"], values).fetchall())

    def write(self, findings: Findings, run: Run, *, resolution: str = "the two sides agree") -> None:
        """Open and close discrepancies."""
        if findings.opened or findings.closed:
            with self.holding():
                write_findings(self._connection, findings, resolution=resolution, who=f"sweep {run.sweep_id}")

    def count_attempts(self, types: Iterable[str]) -> None:
        """One more attempt at all that is open of these types."""
        with self.holding():
            self._do("count_attempts", self._account | {"types": list(types)})

    def open_of(self, types: Iterable[str]) -> set[tuple[str, str]]:
        """Type and subject of what is open of these types."""
        rows = self._connection.execute(_SQL["open_of"], self._account | {"types": list(types)}).fetchall()
        return {(row[0], row[1]) for row in rows}

    def open_before(self, types: Iterable[str], began: datetime) -> set[tuple[str, str]]:
        """The same, of what nobody has found, or found again, since then."""
        values = self._account | {"types": list(types), "began": began}
        return {(row[0], row[1]) for row in self._connection.execute(_SQL["open_before"], values).fetchall()}

    def note_checks(self, run: Run, ids: Iterable[str], *, id_kind: str = "order") -> None:
        """These were read at the broker by this run."""
        self._checks("note_checks", ids, id_kind, {"checked_at": run.started_at})

    def note_present(self, ids: Iterable[str]) -> None:
        """These orders were read, whatever is said of them: they are not absent."""
        self._checks("note_present", ids, "order", {})

    def note_absences(self, answers: Mapping[str, NotFound], *, id_kind: str, apart_s: float) -> dict[str, Absence]:
        """A complete run got "not found" for these ids; gives what is known of each by now.

        Left out is what a run that began after that has found.
        """
        times = {"asked": [one.asked_at for one in answers.values()]}
        times["answered"] = [one.answered_at for one in answers.values()]
        rows = self._checks("note_absences", answers, id_kind, {"apart_s": apart_s, **times})
        return {row[0]: Absence(row[1], row[2]) for row in rows}

    def forget_checks(self) -> None:
        """Drop what is known of orders that ended long ago."""
        with self.holding():
            self._do("forget_checks", self._account | {"terminal": TERMINAL})

    def set_decision(self, decision_id: UUID, state: str, *, before: Iterable[str]) -> bool:
        """By compare-and-set: False if its state is none of `before` any more."""
        values = {"decision_id": decision_id, "state": state, "from": list(before)}
        with self.holding():
            return self._one("set_decision", values) is not None

    def ask_reconnect(self) -> None:
        """Ask ingest for a new socket."""
        with self.holding():
            self._do("ask_reconnect", self._account)

    def answer(self, action_id: int, after: Mapping[str, Any]) -> None:
        """A person's request is done."""
        with self.holding():
            self._do("answer", {"action_id": action_id, "after": Jsonb(dict(after))})

    def ages(self) -> dict[Kind, float]:
        """Of each kind that ever ran, how long ago the newest run began, in seconds."""
        rows = self._connection.execute(_SQL["last_of"], self._account).fetchall()
        return {Kind(kind): age for kind, age in rows}

    def now(self) -> datetime:
        """The database's clock."""
        ((now,),) = self._connection.execute(_SQL["database_time"]).fetchall()
        return now  # type: ignore[no-any-return]  # a timestamptz

    def read_until(self) -> datetime | None:
        """Begin of the newest complete run."""
        row = self._one("read_until", self._account)
        return row[0] if row else None

    def windows(self, letters_of: Iterable[str]) -> list[Window]:
        """Open ones that have an end, and those of dead letters of these accounts that name no order; oldest first."""
        values = self._account | {"letters_of": list(letters_of)}
        return [Window(*row) for row in self._connection.execute(_SQL["open_windows"], values).fetchall()]

    def close_second_writers(self, run: Run, quiet_s: float) -> None:
        """Close F7 where no write was refused for so many seconds."""
        with self.holding():
            who = f"sweep {run.sweep_id}"
            second_writer.close_quiet(self._connection, self._lease.account_id, quiet_s=quiet_s, who=who)

    def has_decisions(self) -> bool:
        """Whether the trading program of this account writes decisions at all."""
        row = self._one("any_decision", self._account)
        return bool(row and row[0])

    def quiet(self) -> Quiet:
        """What the stream brings."""
        row = self._one("quiet_since", self._account)
        return Quiet(row[0], row[1], bool(row[2])) if row else Quiet(None, None, False)

    def recent_fills(self, reach_s: float) -> tuple[list[ChainFill], float | None]:
        """Fills recorded within so many seconds that say what was held after them, and the database's clock in s."""
        rows = self._connection.execute(_SQL["recent_fills"], self._account | {"reach_s": reach_s}).fetchall()
        return [ChainFill(*row[:4]) for row in rows], rows[0][4] if rows else None

    def has_unlooked_sums(self) -> bool:
        """Whether the fills of an order stopped adding up since the newest hot or gap sweep began."""
        row = self._one("unlooked_sums", self._account)
        return row is not None and bool(row[0])

    def requests(self) -> list[tuple[int, Kind]]:
        """Sweeps that people wait for: id and kind."""
        rows = self._connection.execute(_SQL["requests_waiting"], self._account).fetchall()
        return [(action_id, Kind(kind)) for action_id, kind in rows if kind in set(Kind)]

    def _checks(self, name: str, ids: Iterable[str], id_kind: str, more: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        wanted = list(ids)
        if not wanted:
            return []
        values = self._account | {"id_kind": id_kind, "ids": wanted, **more}
        with self.holding():
            cursor = self._connection.execute(_SQL[name], values)
            return cursor.fetchall() if cursor.description else []

    def _one(self, name: str, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        return self._connection.execute(_SQL[name], values).fetchone()

    def _do(self, name: str, values: Mapping[str, Any]) -> None:
        self._connection.execute(_SQL[name], values)


def ask_for(connection: psycopg.Connection[Any], account_id: str, kind: Kind, *, who: str, why: str) -> int:
    """A person asks for a sweep; gives the id of the request."""
    values = {"account_id": account_id, "kind": kind.value, "who": who, "why": why}
    ((action_id,),) = connection.execute(_SQL["ask_for"], values).fetchall()
    return int(action_id)


def answer_of(connection: psycopg.Connection[Any], action_id: int) -> dict[str, Any] | None:
    """What became of a request; None while it waits."""
    row = connection.execute(_SQL["answer_of"], {"action_id": action_id}).fetchone()
    return row[0] if row else None


def full_progress(connection: psycopg.Connection[Any], account_id: str) -> int:
    """Orders that the full sweep under way has read."""
    row = connection.execute(_SQL["full_progress"], {"account_id": account_id}).fetchone()
    return int(row[0]) if row else 0


def orders_known(connection: psycopg.Connection[Any], account_id: str) -> int:
    """Orders that have a row. All of them are counted: of a large table not again and again."""
    ((known,),) = connection.execute(_SQL["orders_known"], {"account_id": account_id}).fetchall()
    return int(known)
