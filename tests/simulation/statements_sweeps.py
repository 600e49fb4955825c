"""What the statements of sweeps.sql do: runs, checks, windows, proofs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from stream_reconcile.core.discrepancy_types import BLOCKS_PROOF
from stream_reconcile.core.lifecycle import is_terminal
from stream_reconcile.core.timestamps import parse_ns

from .database import Database, statement
from .statements_cursors import Answer, V
from .tables import COLUMN, Check, SweepRow, moment, nanoseconds

_KINDS: Final = ("hot", "gap", "deep", "full")
_DAY_NS: Final = 86_400_000_000_000


@statement("sweeps.sql", "begin")
def begin(db: Database, v: V) -> Answer:
    number = db.tables.new_id()
    db.tables.sweeps[number] = SweepRow(number, v["kind"], db.now_ns // 1000 * 1000, nanoseconds(v["window_start"]))
    return [(number, db.now, v["window_start"])]


def _newest(db: Database, kind: str, *, complete: bool = False) -> SweepRow | None:
    rows = [row for row in db.tables.sweeps.values() if row.kind == kind and (row.complete or not complete)]
    return max(rows, key=lambda row: (row.started_ns, row.sweep_id), default=None)


@statement("sweeps.sql", "resumable")
def resumable(db: Database, _v: V) -> Answer:
    row = _newest(db, "full")
    if row is None:
        return []
    resume = None if row.resume_before_ns is None else moment(row.resume_before_ns)
    return [(row.sweep_id, moment(row.started_ns), moment(row.window_start_ns), resume)]


def _set(db: Database, number: int, **values: Any) -> Answer:
    if number not in db.tables.sweeps:  # of before a restore
        return []
    db.tables.sweeps[number] = replace(db.tables.sweeps[number], **values)
    return [(number,)]


@statement("sweeps.sql", "take_up")
def take_up(db: Database, v: V) -> Answer:
    row = db.tables.sweeps[v["sweep_id"]]
    if row.complete or row.resume_before_ns is None:
        return []
    return _set(db, row.sweep_id, finished=False, error=None)


@statement("sweeps.sql", "note_progress")
def note_progress(db: Database, v: V) -> Answer:
    return _set(db, v["sweep_id"], resume_before_ns=nanoseconds(v["resume_before"]))


@statement("sweeps.sql", "finish")
def finish(db: Database, v: V) -> Answer:
    return _set(
        db, v["sweep_id"], finished=True, complete=v["complete"], unchecked=v["unchecked"], error=v["error"]
    )  # fmt: skip


@statement("sweeps.sql", "incomplete_in_a_row")
def incomplete_in_a_row(db: Database, v: V) -> Answer:
    complete = _newest(db, v["kind"], complete=True)
    since = -1 if complete is None else complete.started_ns
    rows = [
        row for row in db.tables.sweeps.values()
        if row.kind == v["kind"] and row.finished and not row.complete and row.started_ns > since
    ]  # fmt: skip
    if not rows:
        return [(0, None, None)]
    return [(len(rows), moment(rows[0].started_ns), rows[-1].error)]


@statement("sweeps.sql", "prove")
def prove(db: Database, v: V) -> Answer:
    row = db.tables.sweeps.get(v["sweep_id"])
    if row is None or not row.complete or any(kind in BLOCKS_PROOF for kind, _subject in db.tables.open):
        return []
    _set(db, row.sweep_id, proven_ns=row.started_ns)
    return [(moment(row.started_ns),)]


@statement("sweeps.sql", "last_of")
def last_of(db: Database, _v: V) -> Answer:
    rows = {kind: _newest(db, kind) for kind in _KINDS}
    return [(kind, (db.now_ns - row.started_ns) / 1e9) for kind, row in rows.items() if row is not None]


@statement("sweeps.sql", "read_until")
def read_until(db: Database, _v: V) -> Answer:
    started = [row.started_ns for row in db.tables.sweeps.values() if row.complete]
    return [(moment(max(started)),)] if started else [(None,)]


@statement("sweeps.sql", "database_time")
def database_time(db: Database, _v: V) -> Answer:
    return [(db.now,)]


@statement("sweeps.sql", "open_windows")
def open_windows(db: Database, _v: V) -> Answer:
    found = [
        (moment(gap.start_ns), moment(gap.end_ns), gap.start_ns <= 0)
        for gap in db.tables.gaps.values()
        if gap.closed_ns is None and gap.end_ns is not None
    ]
    for letter in db.tables.letters.values():
        if letter.order_id is None and ("undecodable", _subject(letter.place)) in db.tables.open:
            found.append((moment(letter.known_ms * 1_000_000), moment(letter.recorded_ns), letter.known_ms <= 0))
    return sorted(found)


def _subject(place: tuple[str, int, int]) -> str:
    return f"{place[0]}:{place[1]}:{place[2]}"


@statement("sweeps.sql", "close_windows")
def close_windows(db: Database, v: V) -> Answer:
    run = db.tables.sweeps.get(v["sweep_id"])
    overlap = v["overlap"].total_seconds() * 1e9
    closed: Answer = []
    if run is None or not run.complete or run.unchecked:
        return closed
    for number, gap in db.tables.gaps.items():
        covered = run.window_start_ns <= 0 or run.window_start_ns <= gap.start_ns - overlap
        if gap.closed_ns is None and gap.end_ns is not None and gap.end_ns <= run.started_ns and covered:
            db.tables.gaps[number] = replace(gap, closed_ns=db.now_ns)
            db.tables.settle("stream_gap", str(number), db.now_ns)
            closed.append((str(number),))
    return closed


@statement("sweeps.sql", "note_checks")
def note_checks(db: Database, v: V) -> None:
    at = nanoseconds(v["checked_at"])
    for name in v["ids"]:
        known = db.tables.checks.get((v["id_kind"], name))
        if known is None or known.absences or known.checked_ns <= at:
            db.tables.checks[v["id_kind"], name] = Check(at)


@statement("sweeps.sql", "note_present")
def note_present(db: Database, v: V) -> None:
    for name in v["ids"]:
        known = db.tables.checks.get((v["id_kind"], name))
        if known is not None and known.absences:
            db.tables.checks[v["id_kind"], name] = Check(known.checked_ns)


@statement("sweeps.sql", "note_absences")
def note_absences(db: Database, v: V) -> Answer:
    found: Answer = []
    for name, asked, answered in zip(v["ids"], v["asked"], v["answered"], strict=True):
        at = nanoseconds(asked)
        known = db.tables.checks.get((v["id_kind"], name), Check(at))
        if known.absences == 0 and known.checked_ns > at:
            continue
        since = nanoseconds(answered) if known.absent_since_ns is None else known.absent_since_ns
        times = known.absences
        if times == 0:
            times = 1
        elif at >= since + v["apart_s"] * 1e9:
            times = 2
        db.tables.checks[v["id_kind"], name] = Check(max(known.checked_ns, at), since, times)
        found.append((name, times, moment(since)))
    return found


@statement("sweeps.sql", "forget_checks")
def forget_checks(db: Database, _v: V) -> None:
    tables = db.tables
    for (kind, name), check in list(tables.checks.items()):
        rows = [row for (order, _account), row in tables.executions.items() if order == name]
        ended = bool(rows) and is_terminal(rows[0].winner.status or "")
        if kind == "order" and check.absences == 0 and ended and check.checked_ns < db.now_ns - _DAY_NS:
            del tables.checks[kind, name]


@statement("sweeps.sql", "open_of")
def open_of(db: Database, v: V) -> Answer:
    types = set(v["types"])
    return [(kind, subject, None, 0) for kind, subject in db.tables.open if kind in types]


@statement("sweeps.sql", "open_before")
def open_before(db: Database, v: V) -> Answer:
    types, began = set(v["types"]), nanoseconds(v["began"])
    return [
        (kind, subject)
        for (kind, subject), number in db.tables.open.items()
        if kind in types and db.tables.discrepancies[number].last_seen_ns < began
    ]


@statement("sweeps.sql", "count_attempts")
def count_attempts(db: Database, v: V) -> None:
    types = set(v["types"])
    for (kind, _subject), number in db.tables.open.items():
        if kind in types:
            known = db.tables.discrepancies[number]
            db.tables.discrepancies[number] = replace(known, attempts=known.attempts + 1)


@statement("sweeps.sql", "any_decision")
def any_decision(_db: Database, _v: V) -> Answer:
    return [(False,)]


@statement("sweeps.sql", "ask_reconnect")
def ask_reconnect(db: Database, _v: V) -> None:
    held = db.tables.leases.get("ingest")
    if held is not None:
        db.tables.leases["ingest"] = held._replace(reconnect_asked_ns=db.now_ns)


@statement("sweeps.sql", "quiet_since")
def quiet_since(db: Database, _v: V) -> Answer:
    if not db.tables.sessions:
        return [(None, None, None)]
    row, now = db.tables.sessions[-1], db.now_ns
    listening = None if row.listening_ns is None else (now - row.listening_ns) / 1e9
    newest = None if row.good_until_ns is None else (now - row.good_until_ns) / 1e9
    return [(listening, newest, row.closed_ns is None and row.listening_ns is not None)]


@statement("sweeps.sql", "requests_waiting")
def requests_waiting(_db: Database, _v: V) -> Answer:
    return []


@statement("sweeps.sql", "recent_fills")
def recent_fills(db: Database, v: V) -> Answer:
    since = db.now_ns - int(v["reach_s"] * 1e9)
    found: Answer = []
    for order, events in db.tables.events.items():
        if db.tables.executions[order].recorded_ns < since:
            continue
        for o in events.values():
            if o.is_fill and o.known_at_ms * 1_000_000 >= since:
                found.append(_chain_fill(o, db.now_ns / 1e9))
    return found


def _chain_fill(o: Any, now_s: float) -> tuple[Any, ...]:
    at, qty, _price, position = o.execution
    columns = o.columns
    sold = columns[COLUMN["side"]].startswith("sell")
    signed = -Decimal(qty) if sold else Decimal(qty)
    return (columns[COLUMN["symbol"]], parse_ns(at) / 1e9, signed, Decimal(position), now_s)


@statement("sweeps.sql", "unlooked_sums")
def unlooked_sums(db: Database, _v: V) -> Answer:
    started = [row.started_ns for row in db.tables.sweeps.values() if row.kind in ("hot", "gap")]
    newest = max(started, default=None)
    found = newest is not None and any(
        db.tables.discrepancies[number].first_seen_ns > newest
        for (kind, _subject), number in db.tables.open.items()
        if kind == "unexplained_fill"
    )
    return [(found,)]


@statement("apply.sql", "create_observed")
def create_observed(_db: Database, _v: Mapping[str, Any]) -> None:
    return None
