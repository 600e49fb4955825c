"""A rewind as JSON: the same for the command and the HTTP API (docs/json/rewind.schema.json)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from stream_reconcile.core.rewind import Step, Verdict
from stream_reconcile.jobs.rewind import Plan
from stream_reconcile.log.topics import Partition
from stream_reconcile.store.rewinds import Done

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_text(milliseconds: int | None) -> str | None:
    """A record's time, RFC 3339 in UTC."""
    if milliseconds is None:
        return None
    return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rewind_json(plan: Plan, done: Done | None = None, waited: dict[str, Any] | None = None) -> dict[str, Any]:
    """The plan, and what came of it; `done` None: nothing was moved."""
    moved = {} if done is None else {(one.topic, one.partition): one for one in done.moved}
    parts = []
    for step in plan.steps:
        part = _part(plan, step)
        if (one := moved.get((step.topic, step.partition))) is not None:
            # What stood there in the transaction: the group may have gone on since the plan.
            part |= {"old_offset": one.before, "new_offset": one.after, "records": abs(one.before - one.after)}
        parts.append(part)
    undo = plan.undoes is not None
    return {
        "group": plan.group,
        "action": "undo" if undo else "rewind",
        "asked": plan.asked,
        "notes": list(plan.notes),
        "possible": not plan.refused,
        "executed": done is not None,
        "action_id": None if done is None else done.action_id,
        "undoes": plan.undoes,
        "group_has_members": plan.has_members,
        "records": sum(part["records"] for part in parts),
        "estimate": None
        if undo
        else {
            "seconds": round(plan.estimate.seconds, 1),
            "records_per_second": round(plan.estimate.records_per_second),
            "from": plan.estimate.source,
        },
        "partitions": parts,
        "waited": waited,
    }


def _part(plan: Plan, step: Step) -> dict[str, Any]:
    place = Partition(step.topic, step.partition)
    new_ms = plan.new_ms.get(place) if step.verdict is Verdict.MOVES else plan.old_ms.get(place)
    return {
        "topic": step.topic,
        "partition": step.partition,
        "verdict": step.verdict.value,
        "why": step.why,
        "old_offset": step.old,
        "old_time": time_text(plan.old_ms.get(place)),
        "new_offset": step.new,
        "new_time": time_text(new_ms),
        "records": step.records,
        "no_longer_retained": step.gone,
    }
