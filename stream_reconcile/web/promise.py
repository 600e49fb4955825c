"""The one sentence that everybody comes for: are the rows equal to the broker, as of when, and if not, since when?

A pure decision over what the database says; nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    """How the rows of an account stand to the broker."""

    EQUAL = "equal"  # a sweep proved it, lately
    LATE = "late"  # it was proved, and no newer proof came though one was due
    UNPROVEN = "unproven"  # nothing was ever proved
    DIFFERS = "differs"  # something is open that says they are not equal, or may not be
    EMPTY = "empty"  # no account has been seen


# The state of all accounts together is the worst of them.
_WORST = (State.DIFFERS, State.UNPROVEN, State.LATE, State.EQUAL)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an account. `blocked_by` counts what is open and blocks a proof; `trouble` is the newest sweep's
    own word on why it is not complete, "" for none."""

    account_id: str
    proven_equal_at: datetime | None
    blocked_by: int = 0
    blocked_since: datetime | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Promise:
    """`since`: as of when it is equal, since when it differs, or when the last proof was; None where there is none.
    `words` end where a time follows; `why` is a sentence or ""."""

    state: State
    words: str
    since: datetime | None
    why: str = ""
    account_id: str | None = None


def promise(standing: Standing, now: datetime, *, due: timedelta) -> Promise:
    """Of one account. A proof is late when none is younger than `due`."""
    account, proven = standing.account_id, standing.proven_equal_at
    if standing.blocked_by:
        count = standing.blocked_by
        why = f"{count} finding{' is' if count == 1 else 's are'} open that block{'s' if count == 1 else ''} the proof"
        return Promise(State.DIFFERS, "Not equal to the broker since", standing.blocked_since, f"{why}.", account)
    if proven is None:
        return Promise(State.UNPROVEN, "Not proven equal yet", None, _because(standing, "so far"), account)
    if now - proven > due:
        return Promise(State.LATE, "Was equal to the broker as of", proven, _because(standing, "since"), account)
    return Promise(State.EQUAL, "Equal to the broker as of", proven, "", account)


def promise_of_all(standings: Sequence[Standing], now: datetime, *, due: timedelta) -> tuple[Promise, list[Promise]]:
    """The promise of all accounts together, and each account's."""
    each = [promise(one, now, due=due) for one in standings]
    if not each:
        return Promise(
            State.EMPTY, "No account has been seen yet", None, "Ingest names the first one it logs in to."
        ), []
    # Of equal ones the oldest proof holds for all.
    worst = min(each, key=lambda one: (_WORST.index(one.state), one.since.timestamp() if one.since else 0.0))
    return worst, each


def _because(standing: Standing, otherwise: str) -> str:
    if standing.trouble:
        return f"The newest sweep says: {standing.trouble.rstrip('.')}."
    return f"No sweep has proved it {otherwise}."
