"""What each button does: like the story, a generator of what it waits for, which ends when the disturbance is over.

From then on healing is up to the program under test (`healing`). Frames of busts and corrections are spared, as in the
story: what they said REST can't always tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from stream_reconcile.core.errors import RefusedError
from stream_reconcile.demo.figures import Figures
from stream_reconcile.demo.panel.acts import FRAMES
from stream_reconcile.demo.programs import Program, State
from stream_reconcile.demo.story import DROPPED_EVENTS, Wait
from stream_reconcile.simulator.client import Control

_STRIKES_WITHIN_S: Final = 90.0  # of a slow flow
_BACK_WITHIN_S: Final = 60.0
_HEARD_AGAIN_WITHIN_S: Final = 180.0  # the sweep asks for a new socket once a minute at most
_HELD_BACK_S: Final = 1.0
_RESTARTED_AFTER_S: Final = 2.0
_HANGS_S: Final = 12.0


class Ground(Protocol):
    """What the scripts act on; `stage.LiveStage` is one."""

    control: Control
    members: tuple[Program, Program]

    @property
    def elapsed(self) -> float:
        """Seconds since the story began."""

    @property
    def figures(self) -> Figures:
        """The newest look."""

    def submit_in_vain(self) -> str:
        """As of the story; the client order id."""

    def place_by_hand(self) -> str:
        """An order that nobody has decided on; its id."""


class Telling(Protocol):
    """Who is told what happens."""

    def say(self, words: str) -> None:
        """A sentence."""

    def about(self, order_ids: Sequence[str]) -> None:
        """Orders to look at."""


Script = Callable[[Ground, Telling], Iterator[Wait]]


def _drop(ground: Ground, told: Telling) -> Iterator[Wait]:
    yield from _frames(ground, told, "drop", "Lost")


def _duplicate(ground: Ground, told: Telling) -> Iterator[Wait]:
    yield from _frames(ground, told, "duplicate", "Sent twice", within=10)


def _reorder(ground: Ground, told: Telling) -> Iterator[Wait]:
    yield from _frames(ground, told, "reorder", "Sent late", window=8, seconds=_HELD_BACK_S)
    yield _pause(ground, _HELD_BACK_S)


def _frames(ground: Ground, told: Telling, fault: str, verb: str, **parameters: object) -> Iterator[Wait]:
    """A fault that strikes the next frames."""
    control = ground.control
    before = sum(control.counters()["faults"].values())
    number = control.fault(fault, count=FRAMES, events=DROPPED_EVENTS, **parameters)
    told.say(f"It strikes the next {FRAMES} frames.")
    try:
        yield Wait(
            lambda: all(one["id"] != number for one in control.armed()), _STRIKES_WITHIN_S, "enough frames to be sent"
        )
    finally:
        control.clear_faults(number)
    struck = [one for one in control.fault_log(before) if one["fault"] == fault]
    counts = Counter(str(one["event"]) for one in struck).most_common()
    told.say(f"{verb}: {', '.join(f'{count} {event}' for event, count in counts)}.")
    told.about(list(dict.fromkeys(str(one["order_id"]) for one in struck)))


def _silence(ground: Ground, told: Telling) -> Iterator[Wait]:
    yield from _socket(ground, told, "silent", "The socket carries nothing more.", _HEARD_AGAIN_WITHIN_S)


def _disconnect(ground: Ground, told: Telling) -> Iterator[Wait]:
    yield from _socket(ground, told, "disconnect_abrupt", "The socket is cut, without a close frame.", _BACK_WITHIN_S)


def _socket(ground: Ground, told: Telling, fault: str, words: str, limit_s: float) -> Iterator[Wait]:
    if not ground.figures.listening:
        raise RefusedError("ingest does not listen just now: press again in a moment")
    connections, begun = ground.figures.connections, ground.elapsed
    ground.control.fault(fault)
    told.say(words)
    yield Wait(
        lambda: ground.figures.connections > connections and ground.figures.listening,
        limit_s,
        "ingest to listen on a new socket",
    )
    told.say(f"Ingest listens on a new socket, {ground.elapsed - begun:.0f} s later.")


def _kill_apply(ground: Ground, told: Telling) -> Iterator[Wait]:
    member = ground.members[0]
    if member.state is not State.RUNNING:
        raise RefusedError(f"{member.name} does not run just now: press again in a moment")
    killed = member.pid
    member.kill()
    told.say(f"Process {killed} ({member.name}) is killed.")
    yield _pause(ground, _RESTARTED_AFTER_S)
    member.start()
    told.say(f"Started again as process {member.pid}.")


def _hang_rest(ground: Ground, told: Telling) -> Iterator[Wait]:
    control = ground.control
    number = control.fault("rest_hang", count=0, method="GET", seconds=_HANGS_S)
    told.say(f"REST answers nothing for {_HANGS_S:.0f} s.")
    try:
        yield _pause(ground, _HANGS_S)
    finally:
        control.clear_faults(number)
    told.say("REST answers again.")


def _by_hand(ground: Ground, told: Telling) -> Iterator[Wait]:
    order_id = ground.place_by_hand()
    told.say("The broker has taken it: nobody had decided on it.")
    told.about([order_id])
    yield from ()


def _submit(ground: Ground, told: Telling) -> Iterator[Wait]:
    client_order_id = ground.submit_in_vain()
    told.say(f"{client_order_id} was decided and submitted; nothing was heard.")
    yield from ()


def _pause(ground: Ground, seconds: float) -> Wait:
    until = ground.elapsed + seconds
    return Wait(lambda: ground.elapsed >= until, seconds + _BACK_WITHIN_S, "its time")


SCRIPTS: Final[Mapping[str, Script]] = {
    "drop": _drop,
    "duplicate": _duplicate,
    "reorder": _reorder,
    "silence": _silence,
    "disconnect": _disconnect,
    "kill-apply": _kill_apply,
    "hang-rest": _hang_rest,
    "by-hand": _by_hand,
    "submit": _submit,
}
