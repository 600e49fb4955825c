"""Simulated time, processes, and the one place where they take turns.

A task is a greenlet that runs the program's own code, and stops where that code waits or asks Kafka, Postgres or the
broker: `pause` is called by the models there. Between two pauses nothing else runs, so a run is a function of its
seed. A step is one turn of one task.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from greenlet import GreenletExit, getcurrent, greenlet

SECOND: Final = 1_000_000_000
BEGIN_NS: Final = 1_790_000_000 * SECOND
"""When each run begins."""
_REMEMBERED: Final = 60

Aim = tuple[str, str]
"""Name of a process, and the point at which it is to be met."""


class Process:
    """What lives and dies as one. `stopped_until_ns`: it makes no step before that (SIGSTOP)."""

    def __init__(self, name: str, number: int) -> None:
        self.name, self.number = name, number
        self.alive = True
        self.stopped_until_ns = 0
        self.stopped_since_ns = 0
        self.died_ns = 0
        self.tasks: list[Task] = []

    def __repr__(self) -> str:
        return f"{self.name}#{self.number}"


class Task:
    """`ticket`: of the one turn that it waits for; an older one was given up for an earlier turn. `raises`: what the
    wait ends with."""

    __slots__ = ("greenlet", "process", "raises", "ticket")

    def __init__(self, process: Process, body: greenlet) -> None:
        self.process, self.greenlet = process, body
        self.raises: BaseException | None = None
        self.ticket = 0


class Signal:
    """Something that tasks wait for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: list[Task] = []

    def wait(self, seconds: float) -> None:
        """Until `tell`, or for so long."""
        task = self._world.current
        self._waiting.append(task)
        self._world.pause(seconds)
        if task in self._waiting:
            self._waiting.remove(task)

    def tell(self) -> None:
        """Whoever waits goes on a moment later."""
        waiting, self._waiting = self._waiting, []
        for task in waiting:
            self._world.hurry(task)


class World:
    """One run's clock and scheduler. `failure`: what a task raised that nobody expected."""

    def __init__(self, seed: int) -> None:
        self.now_ns = BEGIN_NS
        self.rng = random.Random(seed)
        self.steps = 0
        self.processes: dict[str, Process] = {}
        self.trace: deque[str] = deque(maxlen=_REMEMBERED)
        self.aims: dict[Aim, list[Callable[[Process], None]]] = {}
        self.on_death: list[Callable[[Process], None]] = []
        self.failure: BaseException | None = None
        self.over = False
        self._starts = 0
        self._order = 0
        self._heap: list[tuple[int, int, Any]] = []
        self._hub = getcurrent()
        self._current: Task | None = None

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return (self.now_ns - BEGIN_NS) / SECOND

    @property
    def waiting(self) -> int:
        """How many turns are to come."""
        return len(self._heap)

    def note(self, what: str) -> None:
        """Remember for the report of a failure."""
        self.trace.append(f"{self.seconds:9.3f} s  {what}")

    # -- processes -----------------------------------------------------------------------------------------------

    def start(self, name: str, body: Callable[[Process], None]) -> Process:
        """A new process under this name."""
        self._starts += 1
        process = self.processes[name] = Process(name, self._starts)
        self.spawn(process, lambda: body(process))
        return process

    def spawn(self, process: Process, body: Callable[[], None]) -> Task:
        """One more thread of a process."""

        def run() -> None:
            try:
                if process.alive:
                    body()
            except GreenletExit:
                pass
            except BaseException as error:  # noqa: BLE001 - a bug of the program or of a model; the run ends with it
                if not self.over and process.alive:
                    self.failure = self.failure or error

        task = Task(process, greenlet(run, self._hub))
        process.tasks.append(task)
        self._push(self.now_ns, task)
        return task

    def interrupt(self, task: Task, error: BaseException) -> None:
        """What it waits for ends with this error."""
        if not task.greenlet.dead:
            task.raises = error
            self.hurry(task)

    def kill(self, process: Process) -> None:
        """SIGKILL: nothing of it runs any more, no `finally` has any effect."""
        if not process.alive:
            return
        process.alive, process.died_ns = False, self.now_ns
        self.note(f"{process} is killed")
        for task in process.tasks:
            self._end(task)
        for told in self.on_death:
            told(process)

    def stop(self, process: Process, seconds: float) -> None:
        """SIGSTOP for so long; what it was about to do, it does then."""
        if process.alive:
            self.note(f"{process} is stopped for {seconds:.1f} s")
            process.stopped_since_ns = self.now_ns
            process.stopped_until_ns = self.now_ns + round(seconds * SECOND)

    def is_stopped(self, process: Process) -> bool:
        return process.stopped_until_ns > self.now_ns

    def end(self) -> None:
        """All tasks end; what their `finally` does has no effect."""
        self.over = True
        for process in list(self.processes.values()):
            process.alive = False
            for task in process.tasks:
                self._end(task)

    # -- turns ---------------------------------------------------------------------------------------------------

    def pause(self, seconds: float, point: str = "") -> None:
        """Called by a task: others run for so long. `point` names what is about to be done."""
        task = self._current
        assert task is not None
        process = task.process
        if not process.alive:
            raise GreenletExit
        if point and self.aims:
            self._meet(process, point)
        self._push(self.now_ns + int(seconds * SECOND), task)
        self._hub.switch()
        if not process.alive:
            raise GreenletExit
        if task.raises is not None:
            error, task.raises = task.raises, None
            raise error

    def io(self, point: str = "") -> None:
        """The time that a request takes: a millisecond or so, sometimes many."""
        rng = self.rng.random()
        self.pause(0.0005 + 0.002 * rng if rng < 0.97 else rng * 0.3, point)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Have something of the surroundings happen in so many seconds."""
        self._push(self.now_ns + int(seconds * SECOND), action)

    @property
    def current(self) -> Task:
        """Whose turn it is."""
        assert self._current is not None
        return self._current

    def hurry(self, task: Task) -> None:
        """Its turn comes now, and not when it was due."""
        self._push(self.now_ns + int(self.rng.random() * 0.002 * SECOND), task)

    @property
    def process(self) -> Process:
        """Whose turn it is. Raises GreenletExit in one that was killed: it has no effect on anything any more."""
        assert self._current is not None
        if not self._current.process.alive:
            raise GreenletExit
        return self._current.process

    def step(self) -> bool:
        """One turn; False when nothing is left to do."""
        if not self._heap:
            return False
        at_ns, ticket, item = heapq.heappop(self._heap)
        is_task = item.__class__ is Task
        if is_task and item.ticket != ticket:
            return True
        self.now_ns = max(self.now_ns, at_ns)
        if not is_task:
            self.steps += 1
            item()
            return True
        process = item.process
        if not process.alive:
            return True
        if process.stopped_until_ns > self.now_ns:
            self._push(process.stopped_until_ns, item)
            return True
        self.steps += 1
        self._current = item
        item.greenlet.switch()
        self._current = None
        return True

    def _push(self, at_ns: int, item: Any) -> None:
        self._order += 1
        if item.__class__ is Task:
            item.ticket = self._order
        heapq.heappush(self._heap, (at_ns, self._order, item))

    def _meet(self, process: Process, point: str) -> None:
        waiting = self.aims.get((process.name, point))
        if waiting:
            action = waiting.pop(0)
            if not waiting:
                del self.aims[process.name, point]
            self.note(f"{process} is met at {point}")
            # Not from here: a greenlet that ends itself would go on in its own finally.
            self._push(self.now_ns, lambda: action(process))

    def _end(self, task: Task) -> None:
        body = task.greenlet
        if body.dead:
            return
        before, self._current = self._current, task
        try:
            # A body that has not begun has nothing to end.
            body.throw(GreenletExit)
        finally:
            self._current = before
