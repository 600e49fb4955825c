"""A simulator to test against, in three places: a thread, a process of its own, or the loop you are on.

    with running_simulator(seed=7, rate=50) as sim:              # a thread of this process
    with running_simulator(seed=7, in_process=False) as sim:     # a process of its own
        os.environ["APCA_API_BASE_URL"] = sim.base_url
        sim.control.fault("disconnect_abrupt")

    async with simulator_on_loop(seed=7) as sim:                 # the running asyncio loop
        ...

The thread shares this process's interpreter lock with the program under test: fine for tests, not for measuring.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from typing import Any

from stream_reconcile.core.errors import UnreachableError
from stream_reconcile.simulator.client import Control
from stream_reconcile.simulator.server import listen, serving
from stream_reconcile.simulator.settings import SimulatorSettings

_START_SECONDS = 120.0  # a great many preloaded orders take their time
_STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """Where a simulator is and how to get in. `stream_url` is what TradingStream takes as `url_override`."""

    base_url: str
    settings: SimulatorSettings
    control: Control = field(repr=False)

    @property
    def key(self) -> str:
        return self.settings.key

    @property
    def secret(self) -> str:
        return self.settings.secret

    @property
    def account_id(self) -> str:
        return self.settings.account_id

    @property
    def stream_url(self) -> str:
        return self.base_url.replace("http", "ws", 1) + "/stream"

    @property
    def environment(self) -> dict[str, str]:
        """What a program that trades with Alpaca reads from its environment."""
        return {
            "APCA_API_BASE_URL": self.base_url,
            "APCA_API_KEY_ID": self.key,
            "APCA_API_SECRET_KEY": self.secret,
        }


def _running(settings: SimulatorSettings, port: int) -> RunningSimulator:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    base_url = f"http://{host}:{port}"
    return RunningSimulator(base_url, settings, Control(base_url))


@contextlib.contextmanager
def running_simulator(*, in_process: bool = True, **settings: Any) -> Iterator[RunningSimulator]:
    """A simulator for the length of a `with` block; `settings` are the fields of SimulatorSettings.

    With `in_process` it serves from a thread of this process, else from a process of its own, which ends with the
    block, and with this process. Raises UnreachableError if it does not come up.
    """
    chosen = SimulatorSettings(**settings)
    with _in_thread(chosen) if in_process else _in_subprocess(chosen) as port:
        yield _running(chosen, port)


@contextlib.asynccontextmanager
async def simulator_on_loop(**settings: Any) -> AsyncIterator[RunningSimulator]:
    """A simulator on the running loop. Its `control` blocks: call it with asyncio.to_thread."""
    chosen = SimulatorSettings(**settings)
    async with serving(chosen) as (_, port):
        yield _running(chosen, port)


@contextlib.contextmanager
def _in_thread(settings: SimulatorSettings) -> Iterator[int]:
    listener = listen(settings.host, settings.port)
    ready: Future[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def main() -> None:
        enough = asyncio.Event()
        async with serving(settings, listener) as (_, port):
            ready.set_result((port, asyncio.get_running_loop(), enough))
            await enough.wait()

    def body() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=body, name="simulator", daemon=True)
    thread.start()
    port, loop, enough = ready.result(_START_SECONDS)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(enough.set)
        thread.join(_STOP_SECONDS)
        if thread.is_alive():
            raise UnreachableError(f"the simulator's thread did not end within {_STOP_SECONDS} s")


@contextlib.contextmanager
def _in_subprocess(settings: SimulatorSettings) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "stream_reconcile.simulator.runner"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for whoever runs it: it ends when its input does
    )
    assert process.stdin is not None  # noqa: S101 - for the type checker: both are pipes
    assert process.stdout is not None  # noqa: S101 - likewise
    try:
        process.stdin.write(json.dumps(asdict(settings)) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line.strip().isdecimal():
            raise UnreachableError("the simulator's process ended before it listened; its standard error says why")
        yield int(line)
    finally:
        # The child ends when its standard input does: so it ends even if this process is killed.
        process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _child() -> None:
    """The process of its own: settings come as a line of JSON, the port goes back, the end of input is the end."""
    given = json.loads(sys.stdin.readline())
    given["faults"] = tuple(given["faults"])

    async def main() -> None:
        async with serving(SimulatorSettings(**given)) as (_, port):
            sys.stdout.write(f"{port}\n")
            sys.stdout.flush()
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

    asyncio.run(main())


if __name__ == "__main__":
    _child()
