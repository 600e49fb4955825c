"""Carries out a schedule on two members while they apply the log, and waits for what has to come of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from stream_reconcile.core.errors import ReconcileError

from .members import Member
from .schedule import Act
from .sight import Sight

_STALLED_S: Final = 120.0
"""Without progress for so long nothing will come: a dead member's partitions are given away much sooner."""
_AIMS_FOR_S: Final = 5.0
_TAKEN_OVER_WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.02


class Stuck(ReconcileError):
    """The members do not get on."""


class Struck(NamedTuple):
    """An act as it was carried out."""

    act: Act
    member: str
    at: float
    """Share of the log that was applied by then."""
    hit: bool
    """A member was at the point that was aimed at; else the one meant was taken wherever it was."""

    def as_json(self) -> dict[str, Any]:
        act = self.act
        return {
            "kind": act.kind,
            "planned_at": round(act.at, 4),
            "at": round(self.at, 4),
            "member": self.member,
            "point": act.point,
            "hit": self.hit,
        }


class Storm:
    """Two members over a log of `records` records."""

    def __init__(self, members: Sequence[Member], sight: Sight, records: int, say: Callable[[str], None]) -> None:
        self._members, self._sight, self._records, self._say = members, sight, records, say

    def run(self, acts: Sequence[Act]) -> list[Struck]:
        """Carry out all acts, then wait until everything is applied. Raises Stuck."""
        struck = []
        for act in acts:
            self.wait_until_applied(act.at)
            struck.append(self._strike(act))
            self._say(
                f"{struck[-1].at:6.1%} {act.kind} of {struck[-1].member}, {act.point}"
                + ("" if struck[-1].hit else " (not met)")
            )
        self.wait_until_applied(1.0)
        return struck

    def wait_until_applied(self, share: float) -> None:
        """Until so much of the log is applied. Raises Stuck, or ProgramEnded when a member has ended by itself."""
        last, since = -1, time.monotonic()
        while (applied := self._sight.applied()) < share * self._records:
            self._require_alive()
            if applied != last:
                last, since = applied, time.monotonic()
            elif time.monotonic() - since > _STALLED_S:
                raise Stuck(f"{applied} of {self._records} records are applied, and for {_STALLED_S:.0f} s no more")
            time.sleep(_LOOK_EVERY_S)

    def wait_until_owned(self) -> None:
        """Until the members that live share all cursors. Raises as `wait_until_applied`."""
        self._wait(lambda: self._sight.owners() == {member.owner for member in self._members}, "a dead member")

    def _strike(self, act: Act) -> Struck:
        meant = self._members[act.member]
        reached = self._sight.reach(act.point, self._members, meant, _AIMS_FOR_S, end=self._records)
        found, hit = reached or meant, reached is not None
        if act.kind == "kill":
            found.kill_and_start_again()
        else:
            found.freeze()
            try:
                self._wait_until_taken_over(found)
            finally:
                found.thaw()
        return Struck(act, found.name, self._sight.applied() / self._records, hit)

    def _wait_until_taken_over(self, zombie: Member) -> None:
        """Until the other member has claimed what the stopped one had."""
        owner = zombie.owner
        self._wait(lambda: owner not in self._sight.owners(), f"{zombie.name}, which is stopped")

    def _wait(self, met: Callable[[], bool], whose: str) -> None:
        give_up = time.monotonic() + _TAKEN_OVER_WITHIN_S
        while not met():
            self._require_alive()
            if time.monotonic() > give_up:
                raise Stuck(f"for {_TAKEN_OVER_WITHIN_S:.0f} s nobody took over the partitions of {whose}")
            time.sleep(_LOOK_EVERY_S)

    def _require_alive(self) -> None:
        for member in self._members:
            member.require_alive()
