"""In place of time, threading, concurrent.futures, asyncio, uuid and random, in the modules of the jobs.

Coroutines run to their end within a task: what they await pauses the task, as a blocking call would.
"""

from __future__ import annotations

import asyncio as real_asyncio
import uuid as real_uuid
from collections.abc import Callable, Coroutine, Iterable
from types import SimpleNamespace
from typing import Any, Final

from .world import SECOND, Signal, Task, World

_FOR_EVER_S: Final = 3_600.0


class Null:
    """Takes every call, attribute and item: metrics, logs, what readiness is told."""

    def __getattr__(self, _name: str) -> Null:
        return self

    def __call__(self, *_: Any, **__: Any) -> Null:
        return self

    def __getitem__(self, _key: Any) -> Null:
        return self


def drive(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine whose every wait is one of ours."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("a coroutine awaits what is no part of the simulation")


class Time:
    """In place of the module time."""

    def __init__(self, world: World) -> None:
        self._world = world

    def monotonic(self) -> float:
        return self._world.now_ns / SECOND

    time = monotonic

    def monotonic_ns(self) -> int:
        return self._world.now_ns

    time_ns = monotonic_ns

    def sleep(self, seconds: float) -> None:
        self._world.pause(seconds)


class Chance:
    """In place of the module random."""

    def __init__(self, world: World) -> None:
        self.random, self.uniform = world.rng.random, world.rng.uniform


class Uuid:
    """In place of the module uuid."""

    def __init__(self, world: World) -> None:
        self._world = world

    def uuid4(self) -> real_uuid.UUID:
        return real_uuid.UUID(int=self._world.rng.getrandbits(128))


class Event:
    """A threading.Event, and, by `AsyncEvent`, one of asyncio."""

    def __init__(self, world: World) -> None:
        self._signal = Signal(world)
        self._set = False

    def set(self) -> None:
        self._set = True
        self._signal.tell()

    def clear(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def wait(self, seconds: float | None = None) -> bool:
        if not self._set:
            self._signal.wait(_FOR_EVER_S if seconds is None else seconds)
        return self._set


class Future:
    """A concurrent.futures.Future, and a task of asyncio."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._signal = Signal(world)
        self._done = False
        self._error: BaseException | None = None
        self._value: Any = None
        self.task: Task | None = None

    def run(self, body: Callable[[], Any]) -> None:
        try:
            self._value = body()
        except (Exception, real_asyncio.CancelledError) as error:  # noqa: BLE001 - kept, and raised by `result`
            self._error = error
        self._done = True
        self._signal.tell()

    def done(self) -> bool:
        return self._done

    def cancelled(self) -> bool:
        return isinstance(self._error, real_asyncio.CancelledError)

    def exception(self) -> BaseException | None:
        return self._error

    def cancel(self) -> None:
        if not self._done and self.task is not None:
            self._world.interrupt(self.task, real_asyncio.CancelledError())

    def join(self, _seconds: float | None = None) -> None:
        while not self._done:
            self._signal.wait(_FOR_EVER_S)

    def result(self) -> Any:
        self.join()
        if self._error is not None:
            raise self._error
        return self._value


class Executor:
    """In place of ThreadPoolExecutor: of one thread."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._last: Future | None = None

    def submit(self, function: Callable[..., Any], *args: Any) -> Future:
        before, future = self._last, Future(self._world)

        def body() -> None:
            if before is not None:
                before.join()
            future.run(lambda: function(*args))

        future.task = self._world.spawn(self._world.process, body)
        self._last = future
        return future

    def shutdown(self, **_: Any) -> None:
        if self._last is not None:
            self._last.join()


def wait(futures: Iterable[Future]) -> None:
    """In place of concurrent.futures.wait."""
    for future in futures:
        future.join()


class Thread:
    """In place of threading.Thread."""

    def __init__(self, world: World, target: Callable[[], None]) -> None:
        self._world, self._target = world, target
        self._future = Future(world)

    def start(self) -> None:
        self._world.spawn(self._world.process, lambda: self._future.run(self._target))

    def join(self, _seconds: float | None = None) -> None:
        self._future.join()


def threading_of(world: World) -> SimpleNamespace:
    """In place of the module threading."""
    return SimpleNamespace(Event=lambda: Event(world), Thread=lambda *, target, **_: Thread(world, target))


class AsyncEvent(Event):
    """An asyncio.Event; how long it waits stands in the timeout around it."""

    def __init__(self, world: World, limits: dict[Task, float]) -> None:
        super().__init__(world)
        self._world, self._limits = world, limits

    async def wait(self) -> bool:  # type: ignore[override]
        limit_s = self._limits.get(self._world.current)
        while not super().wait(limit_s):
            if limit_s is not None:
                raise TimeoutError
        return True


class _Timeout:
    def __init__(self, world: World, limits: dict[Task, float], seconds: float) -> None:
        self._world, self._limits, self._seconds = world, limits, seconds

    async def __aenter__(self) -> None:
        self._limits[self._world.current] = self._seconds

    async def __aexit__(self, *_: object) -> None:
        self._limits.pop(self._world.current, None)


class Asyncio:
    """In place of the module asyncio."""

    FIRST_COMPLETED = real_asyncio.FIRST_COMPLETED

    def __init__(self, world: World) -> None:
        self._world = world
        self._limits: dict[Task, float] = {}

    def Event(self) -> AsyncEvent:  # noqa: N802 - the name in asyncio
        return AsyncEvent(self._world, self._limits)

    def timeout(self, seconds: float) -> _Timeout:
        return _Timeout(self._world, self._limits, seconds)

    async def sleep(self, seconds: float) -> None:
        self._world.pause(min(seconds, _FOR_EVER_S))

    def create_task(self, coroutine: Coroutine[Any, Any, Any]) -> Future:
        future = Future(self._world)
        future.task = self._world.spawn(self._world.process, lambda: future.run(lambda: drive(coroutine)))
        return future

    async def wait(self, futures: Iterable[Future], return_when: str = "") -> None:
        """Until one is done; looked at each so often, as nothing tells of several."""
        del return_when
        waiting = list(futures)
        while not any(future.done() for future in waiting):
            self._world.pause(0.2)

    async def gather(self, *futures: Future, return_exceptions: bool = False) -> list[Any]:
        del return_exceptions
        wait(futures)
        return [future.exception() for future in futures]

    async def to_thread(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return function(*args, **options)

    def get_running_loop(self) -> SimpleNamespace:
        return SimpleNamespace(call_soon_threadsafe=lambda function, *args: function(*args))
