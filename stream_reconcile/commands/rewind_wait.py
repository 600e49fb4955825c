"""Waiting until a group has read again what was set back, with a progress bar where somebody looks."""

from __future__ import annotations

import time
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from stream_reconcile.jobs.rewind import Plan, Rewinder
from stream_reconcile.store.rewinds import Done

_LOOK_S: Final = 0.05


def wait_for(rewinder: Rewinder, done: Done, plan: Plan, limit_s: float) -> dict[str, Any]:
    """Until every cursor has come past its old position, `limit_s` at most; at once where the group has no members.

    Gives what `waited` is in docs/json/rewind.schema.json.
    """
    waited: dict[str, Any] = {
        "group_has_members": plan.has_members,
        "records": 0,
        "taken_up_seconds": None,
        "passed_seconds": None,
        "timed_out": False,
    }
    if not plan.has_members:
        return waited
    total = sum(one.before - one.after for one in done.moved)
    begun = time.monotonic()
    err = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        rewinder.watching(done) as look,
        Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar,
    ):
        task = bar.add_task("Reading again", total=total)
        while True:
            found = look()
            seconds = time.monotonic() - begun
            waited["records"] = found.records
            bar.update(task, completed=found.records)
            if waited["taken_up_seconds"] is None and found.taken_up == len(done.moved):
                waited["taken_up_seconds"] = round(seconds, 3)
            if found.passed:
                waited["passed_seconds"] = round(seconds, 3)
                break
            if seconds > limit_s:
                waited["timed_out"] = True
                return waited
            time.sleep(_LOOK_S)  # how often to look, not how long to wait
    rewinder.passed(done, seconds)
    return waited
