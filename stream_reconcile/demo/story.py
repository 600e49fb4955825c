"""What goes wrong in the demo, and when: a script over its stage, as a generator of what it waits for.

The stream has no replay: what the broker sends while nobody listens is gone, and so is a frame that it drops. Sweeps of
its REST API bring orders and fills back. What a bust or a correction said that nobody heard, REST can't tell; so those
are not dropped, and the broker pauses while the socket is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol

from stream_reconcile.demo.figures import Figures
from stream_reconcile.demo.programs import Program
from stream_reconcile.simulator.client import Control

DUPLICATES: Final = 0.08
REORDERED: Final = 0.08
DROPPED: Final = 0.05
"""Shares of the frames."""
DROPPED_EVENTS: Final = "new+fill+partial_fill+canceled+expired+replaced+rejected"

KAFKA_SESSION_S: Final = 10.0
"""After so long without a heartbeat Kafka gives a member's partitions to another (`embedded.kafka_storage`)."""

_BACK_WITHIN: Final = 60.0  # seconds for a step of ours to show, on a machine that is busy with other things


class Wait(NamedTuple):
    """The story goes on once `met`; without that it is a failure after `limit_s`. `what` completes "waited for"."""

    met: Callable[[], bool]
    limit_s: float
    what: str


class Stage(Protocol):
    """What the story acts on."""

    control: Control
    members: tuple[Program, Program]
    """The two processes of apply."""

    @property
    def elapsed(self) -> float:
        """Seconds since the story began."""

    @property
    def figures(self) -> Figures:
        """The newest look."""

    def say(self, text: str) -> None:
        """Tell those who watch."""

    def submit_in_vain(self) -> str:
        """Decide on an order and submit it to a broker that takes it and does not answer; its client order id."""


class Plan(NamedTuple):
    """When what happens, in seconds since the story began."""

    duplicates: float
    reorders: float
    drops: float
    kill: float
    restart: float
    submit: float
    cut: float
    freeze: float
    thaw: float
    end: float


def plan(seconds: float) -> Plan:
    """A story of so many seconds. The longer ones freeze a member for longer than Kafka waits for it."""
    frozen = max(KAFKA_SESSION_S + 4, 0.2 * seconds) if seconds >= 50 else 0.2 * seconds
    return Plan(
        duplicates=0.03 * seconds,
        reorders=0.08 * seconds,
        drops=0.13 * seconds,
        kill=0.2 * seconds,
        restart=0.2 * seconds + min(2.0, 0.1 * seconds),
        submit=0.42 * seconds,
        cut=0.48 * seconds,
        freeze=0.6 * seconds,
        thaw=0.6 * seconds + frozen,
        end=seconds,
    )


def story(stage: Stage, seconds: float) -> Iterator[Wait]:
    """The whole story; the broker trades already when it begins, and still does when it ends."""
    times = plan(seconds)
    first, second = stage.members
    yield _at(stage, times.duplicates)
    stage.control.fault("duplicate", probability=DUPLICATES, within=10)
    stage.say(f"the broker sends {DUPLICATES:.0%} of its frames twice from now on")
    yield _at(stage, times.reorders)
    stage.control.fault("reorder", probability=REORDERED, window=8, seconds=1)
    stage.say(f"the broker sends {REORDERED:.0%} of its frames after later ones from now on")
    yield _at(stage, times.drops)
    stage.control.fault("drop", probability=DROPPED, events=DROPPED_EVENTS)
    stage.say(f"the broker loses {DROPPED:.0%} of its frames from now on: only sweeps of its REST API can tell")
    yield _at(stage, times.kill)
    stage.say(f"kill -9 of {first.name} (process {first.pid}); Kafka waits {KAFKA_SESSION_S:.0f} s for a sign of life")
    first.kill()
    yield _at(stage, times.restart)
    first.start()
    stage.say(f"{first.name} is started again (process {first.pid})")
    yield _at(stage, times.submit)
    client_order_id = stage.submit_in_vain()
    stage.say(f"a program decides, submits {client_order_id} and hears nothing; the broker has taken it all the same")
    yield _at(stage, times.cut)
    yield from _cut(stage)
    yield _at(stage, times.freeze)
    second.freeze()
    longer = "longer" if times.thaw - times.freeze > KAFKA_SESSION_S else "less long"
    stage.say(
        f"{second.name} is frozen (SIGSTOP) for {times.thaw - times.freeze:.0f} s, {longer} than Kafka waits for it"
    )
    yield _at(stage, times.thaw)
    second.thaw()
    stage.say(f"{second.name} goes on (SIGCONT), and knows nothing of the time that has passed")
    yield _at(stage, times.end)


def _cut(stage: Stage) -> Iterator[Wait]:
    stage.control.pause()
    yield Wait(lambda: stage.figures.all_logged, _BACK_WITHIN, "all that the broker had sent to be in Kafka")
    connections = stage.figures.connections
    stage.control.fault("disconnect_abrupt")
    stage.say("the socket is cut without a close frame, in a pause of trading: what is missed on this stream is gone")
    yield Wait(
        lambda: stage.figures.connections > connections and stage.figures.listening,
        _BACK_WITHIN,
        "ingest to listen again",
    )
    stage.control.resume()
    stage.say("ingest listens again; trading goes on")


def _at(stage: Stage, moment: float) -> Wait:
    return Wait(lambda: stage.elapsed >= moment, moment + _BACK_WITHIN, "its time")
