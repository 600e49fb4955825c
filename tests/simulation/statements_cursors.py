"""What the statements of cursors.sql, leases.sql, sessions.sql, rewinds.sql and readers.sql do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stream_reconcile.core.cursors import Cursor
from stream_reconcile.core.lifecycle import is_terminal

from .broker import ACCOUNT
from .database import Database, statement
from .tables import CursorRow, Gap, LeaseRow, SessionRow, moment, nanoseconds

V = Mapping[str, Any]
Answer = list[tuple[Any, ...]]


def next_epoch(before: int, now_ns: int) -> int:
    """greatest(epoch + 1, the database's clock in ms): no epoch is used twice, even after a restore."""
    return max(before + 1, now_ns // 1_000_000)


@statement("cursors.sql", "claim")
def claim(db: Database, v: V) -> Answer:
    place = (v["topic"], v["partition"])
    row = db.tables.cursors.get(place)
    if row is None:
        cursor = Cursor(v["low"], db.now_ns // 1_000_000, v["owner"], v["topic_id"])
        row, old_owner, added = CursorRow(cursor, v["low"], None), None, True
    else:
        old_owner, added = row.cursor.owner, False
        cursor = row.cursor._replace(owner=v["owner"], epoch=next_epoch(row.cursor.epoch, db.now_ns))
        row = row._replace(cursor=cursor)
    db.tables.cursors[place] = row
    return [(*cursor, row.max_offset, None, "cluster", old_owner, added)]


@statement("cursors.sql", "read")
def read(db: Database, _v: V) -> Answer:
    return [
        (
            topic,
            partition,
            row.cursor.next_offset,
            row.cursor.epoch,
            row.cursor.owner,
            row.cursor.topic_id,
            row.max_offset,
        )
        for (topic, partition), row in db.tables.cursors.items()
    ]


@statement("cursors.sql", "restart_at_low")
def restart_at_low(db: Database, v: V) -> Answer:
    place = (v["topic"], v["partition"])
    row = db.tables.cursors.get(place)
    if row is None or row.cursor != Cursor(v["next_offset"], v["epoch"], v["owner"], v["topic_id"]):
        return []
    most = max(row.max_offset, v["low"]) if row.cursor.topic_id == v["new_topic_id"] else v["low"]
    cursor = row.cursor._replace(next_offset=v["low"], topic_id=v["new_topic_id"])
    db.tables.cursors[place] = row._replace(cursor=cursor, max_offset=most)
    return [(None if row.last_record_ms is None else moment(row.last_record_ms * 1_000_000),)]


@statement("cursors.sql", "open_gap")
def open_gap(db: Database, v: V) -> None:
    start = 0 if v["window_start"] is None else nanoseconds(v["window_start"])
    _open_gap(db, None, start if start <= db.now_ns else 0, db.now_ns, v["reason"])


@statement("cursors.sql", "open_for_each_account")
def open_for_each_account(db: Database, v: V) -> None:
    tables, evidence = db.tables, v["evidence"].obj
    standing = tables.open.get((v["type"], v["subject"]))
    if standing is not None:
        tables.discrepancies[standing] = replace(
            tables.discrepancies[standing], evidence=evidence, last_seen_ns=db.now_ns
        )
    else:
        tables.find(ACCOUNT, v["type"], v["subject"], {**evidence, "at": db.now_ns}, db.now_ns)


@statement("cursors.sql", "open_mismatch")
def open_mismatch(db: Database, v: V) -> None:
    tables, evidence = db.tables, v["evidence"].obj
    standing = tables.open.get(("cursor_mismatch", v["subject"]))
    if standing is None:
        tables.find(ACCOUNT, "cursor_mismatch", v["subject"], {**evidence, "at": db.now_ns}, db.now_ns)
        return
    known = tables.discrepancies[standing]
    furthest = max(known.evidence, evidence, key=lambda said: said["ours"]["acknowledged"])
    tables.discrepancies[standing] = replace(known, evidence=furthest, last_seen_ns=db.now_ns)


@statement("cursors.sql", "close_mismatches")
def close_mismatches(db: Database, v: V) -> Answer:
    tables, closed = db.tables, Answer()
    for (topic, partition), row in tables.cursors.items():
        subject = f"{topic}:{partition}"
        number = tables.open.get(("cursor_mismatch", subject))
        if number is None or row.cursor.owner != v["owner"]:
            continue
        if row.cursor.next_offset >= tables.discrepancies[number].evidence["ours"]["acknowledged"]:
            tables.settle("cursor_mismatch", subject, db.now_ns)
            closed.append(())
    return closed


@statement("cursors.sql", "pinned_accounts")
def pinned_accounts(_db: Database, _v: V) -> Answer:
    return [(ACCOUNT, False)]


@statement("accounts.sql", "has_wrong_account")
def has_wrong_account(_db: Database, _v: V) -> Answer:
    return [(False,)]


# -- leases ----------------------------------------------------------------------------------------------------------


@statement("leases.sql", "acquire")
def acquire(db: Database, v: V) -> Answer:
    held = db.tables.leases.get(v["job"])
    expires = db.now_ns + int(v["seconds"] * 1e9)
    if held is None:
        db.tables.leases[v["job"]] = LeaseRow(v["owner"], db.now_ns // 1_000_000, expires)
    elif held.expires_ns <= db.now_ns or held.owner == v["owner"]:
        epoch = next_epoch(held.epoch, db.now_ns)
        db.tables.leases[v["job"]] = held._replace(owner=v["owner"], epoch=epoch, expires_ns=expires)
    else:
        return []
    return [(db.tables.leases[v["job"]].epoch,)]


def lease_is(held: LeaseRow | None, v: V) -> bool:
    """What every write under a lease compares."""
    return held is not None and held.owner == v["owner"] and held.epoch == v["epoch"]


@statement("leases.sql", "renew")
def renew(db: Database, v: V) -> Answer:
    held = db.tables.leases.get(v["job"])
    if held is None or not lease_is(held, v):
        return []
    db.tables.leases[v["job"]] = held._replace(expires_ns=db.now_ns + int(v["seconds"] * 1e9))
    return [(held.epoch,)]


@statement("leases.sql", "release")
def release(db: Database, v: V) -> Answer:
    held = db.tables.leases.get(v["job"])
    if held is None or not lease_is(held, v):
        return []
    db.tables.leases[v["job"]] = held._replace(expires_ns=db.now_ns)
    return [(held.epoch,)]


@statement("leases.sql", "hold")
def hold(db: Database, v: V) -> Answer:
    held = db.tables.leases.get(v["job"])
    return [(v["epoch"],)] if lease_is(held, v) else []


@statement("leases.sql", "reconnect_asked")
def reconnect_asked(db: Database, v: V) -> Answer:
    held = db.tables.leases.get(v["job"])
    return [] if held is None else [(held.reconnect_asked_ns,)]


@statement("leases.sql", "holder")
def holder(db: Database, v: V) -> Answer:
    held = db.tables.leases.get(v["job"])
    if held is None or held.expires_ns <= db.now_ns:
        return []
    return [(held.owner, held.epoch, moment(held.expires_ns))]


# -- sessions and windows ----------------------------------------------------------------------------------------------


@statement("sessions.sql", "newest")
def newest(db: Database, _v: V) -> Answer:
    sessions = db.tables.sessions
    return [(sessions[-1].session_id, sessions[-1].good_until_ns)] if sessions else []


def _compared(db: Database, v: V) -> int | None:
    """Place of the session that the write is decided on, if it stands as was believed."""
    for place, row in enumerate(db.tables.sessions):
        if row.session_id == str(v["before_id"]) and row.good_until_ns == v["before_ns"]:
            return place
    return None


@statement("sessions.sql", "close")
def close(db: Database, v: V) -> Answer:
    place = _compared(db, v)
    if place is None:
        return []
    row = db.tables.sessions[place]
    db.tables.sessions[place] = row._replace(closed_ns=row.closed_ns or db.now_ns)
    return [()]


@statement("sessions.sql", "insert")
def insert(db: Database, v: V) -> Answer:
    sessions = db.tables.sessions
    opened = max(db.now_ns, sessions[-1].opened_ns + 1_000) if sessions else db.now_ns
    listening = opened if v["listening"] else None
    sessions.append(SessionRow(str(v["session_id"]), v["owner"], v["epoch"], v["before_ns"], opened, listening))
    return [()]


@statement("sessions.sql", "open_window")
def open_window(db: Database, v: V) -> Answer:
    good = v["good_until"]
    start = nanoseconds((db.now - v["unknown"]) if good is None else (good - v["overlap"]))
    end = max(db.now_ns, start) if v["ended"] else None
    _open_gap(db, str(v["session_id"]), start, end, v["reason"])
    return [()]


@statement("sessions.sql", "end_windows")
def end_windows(db: Database, _v: V) -> None:
    for number, gap in db.tables.gaps.items():
        if gap.session_id is not None and gap.end_ns is None and gap.closed_ns is None:
            db.tables.gaps[number] = replace(gap, end_ns=max(db.now_ns, gap.start_ns))


@statement("sessions.sql", "move_good_until")
def move_good_until(db: Database, v: V) -> Answer:
    place = _compared(db, v)
    if place is None:
        return []
    db.tables.sessions[place] = db.tables.sessions[place]._replace(good_until_ns=v["good_until_ns"])
    return [()]


@statement("sessions.sql", "open_windows")
def open_windows(db: Database, _v: V) -> Answer:
    return [(sum(gap.closed_ns is None for gap in db.tables.gaps.values()),)]


@statement("sessions.sql", "has_open_orders")
def has_open_orders(db: Database, _v: V) -> Answer:
    return [(any(not is_terminal(row.winner.status or "") for row in db.tables.executions.values()),)]


def _open_gap(db: Database, session_id: str | None, start: int, end: int | None, reason: str) -> None:
    number = db.tables.new_id()
    db.tables.gaps[number] = Gap(number, session_id, start, end, reason=reason)
    db.tables.find(ACCOUNT, "stream_gap", str(number), {"ours": {"window_start": start, "reason": reason}}, db.now_ns)


# -- rewinds -----------------------------------------------------------------------------------------------------------


@statement("readers.sql", "cursors")
def cursors(db: Database, _v: V) -> Answer:
    return [
        (
            *(
                topic,
                partition,
                row.cursor.next_offset,
                row.max_offset,
                row.cursor.owner,
                row.cursor.epoch,
                None,
                "cluster",
            ),
            *(row.cursor.topic_id, None if row.last_record_ms is None else moment(row.last_record_ms * 1_000_000)),
        )
        for (topic, partition), row in sorted(db.tables.cursors.items())
    ]


@statement("rewinds.sql", "lock")
def lock(db: Database, v: V) -> Answer:
    found = []
    for place in sorted(zip(v["topics"], v["partitions"], strict=True)):
        row = db.tables.cursors.get(place)
        if row is not None:
            cursor = row.cursor
            found.append((*place, cursor.next_offset, row.max_offset, cursor.epoch, cursor.topic_id))
    return found


def back_to(at: int, wanted: int) -> int:
    """least(next_offset, wanted): a rewind never moves a cursor forward."""
    return min(at, wanted)


def _moved(db: Database, v: V, *, back: bool) -> Answer:
    moved = []
    places = zip(v["topics"], v["partitions"], v["wanted"], v["epochs"], v["topic_ids"], strict=True)
    for topic, partition, wanted, epoch, topic_id in places:
        row = db.tables.cursors.get((topic, partition))
        if row is None or row.cursor.epoch != epoch or row.cursor.topic_id != topic_id:
            continue
        at = row.cursor.next_offset
        offset = back_to(at, wanted) if back else max(at, min(wanted, row.max_offset))
        cursor = row.cursor._replace(next_offset=offset, epoch=next_epoch(epoch, db.now_ns))
        db.tables.cursors[topic, partition] = row._replace(cursor=cursor)
        moved.append((topic, partition, offset, cursor.epoch, topic_id))
    return moved


@statement("rewinds.sql", "set_back")
def set_back(db: Database, v: V) -> Answer:
    return _moved(db, v, back=True)


@statement("rewinds.sql", "take_back")
def take_back(db: Database, v: V) -> Answer:
    return _moved(db, v, back=False)


@statement("rewinds.sql", "record")
def record(db: Database, v: V) -> Answer:
    number = db.tables.new_id()
    action = {"action_id": number, "action": v["action"], "before": v["before"].obj, "after": v["after"].obj}
    db.tables.actions.append(action)
    return [(number,)]


@statement("rewinds.sql", "measured")
def measured(_db: Database, _v: V) -> Answer:
    return []


@statement("rewinds.sql", "rewinds")
def rewinds(db: Database, v: V) -> Answer:
    undone = {
        (action["after"]["undoes"], one["topic"], one["partition"])
        for action in db.tables.actions
        if action["action"] == "rewind_undo"
        for one in action["before"]["cursors"]
    }
    wanted = v["action_id"]
    return [
        (
            *(number, one["topic"], one["partition"], one["next_offset"], one["topic_id"]),
            (number, one["topic"], one["partition"]) in undone,
        )
        for action in reversed(db.tables.actions)
        if action["action"] == "rewind" and (wanted is None or action["action_id"] >= wanted)
        for number in [action["action_id"]]
        for one in action["before"]["cursors"]
    ]


@statement("second_writer.sql", "note")
def note(db: Database, v: V) -> None:
    tables = db.tables
    for subject, evidence in zip(v["subjects"], v["evidence"], strict=True):
        tables.find(ACCOUNT, "second_writer", subject, {**evidence.obj, "at": db.now_ns}, db.now_ns)


@statement("second_writer.sql", "close_quiet")
def close_quiet(db: Database, v: V) -> None:
    for kind, subject in list(db.tables.open):
        if kind == "second_writer":
            found = db.tables.discrepancies[db.tables.open[kind, subject]]
            if found.last_seen_ns < db.now_ns - v["quiet_s"] * 1e9:
                db.tables.settle(kind, subject, db.now_ns)
