"""The demo's processes: commands of this program with settings in their environment, as a user would start them.

Each runs behind a guard (`embedded.guard`), so it ends with the demo however the demo ends.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.embedded.process import ServerProcess

PROGRAM: Final = "stream_reconcile"
"""The module that is the command `stream-reconcile`."""

_STOPS_WITHIN: Final = 30.0  # seconds; `run` gives its jobs 25
# What would reach into somebody's real installation is not handed on.
_PREFIXES: Final = ("APCA_", "KAFKA_", "RECONCILE_")
_NAMES: Final = ("DATABASE_URL", "SCHEMA_REGISTRY_URL")


class ProgramEnded(ReconcileError):
    """A process of the demo ended that should run. During the story that spoils the verdict, before it all is over."""

    exit_status = 3


class State(StrEnum):
    """What became of a process, by the demo's own doing."""

    RUNNING = "running"
    KILLED = "killed"
    FROZEN = "frozen"
    STOPPED = "stopped"


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without settings of this program, and `own`."""
    kept = {name: value for name, value in os.environ.items() if not (name.startswith(_PREFIXES) or name in _NAMES)}
    return {**kept, **own}


class Program:
    """One command in a process of its own. What it prints goes to `output`."""

    def __init__(
        self,
        name: str,
        arguments: tuple[str, ...],
        own: Mapping[str, str],
        directory: Path,
        *,
        module: str = PROGRAM,
        inherited: Sequence[int] = (),
    ) -> None:
        """`own`: its settings; `directory`: where it runs, away from any stream-reconcile.toml of the user.

        `module` is what `python -m` runs, `inherited` the descriptors that it keeps open.
        """
        self.name = name
        self.output = directory / f"{name.replace(' ', '-')}.log"
        self.state = State.RUNNING
        self.starts = self.freezes = 0
        self._arguments, self._own, self._directory = arguments, own, directory
        self._module, self._inherited = module, tuple(inherited)
        self._process = ServerProcess(name, self.output)

    @property
    def pid(self) -> int:
        """Its process id. Raises EmbeddedError where it does not run."""
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.running

    @property
    def exit_status(self) -> int | None:
        """Its exit status (128 + n after signal n); None while it runs."""
        return self._process.wait(0)

    def start(self) -> None:
        """Start it, or start it again."""
        command = [sys.executable, "-m", self._module, *self._arguments]
        self._process.start(
            command, inherited=self._inherited, environment=environment(self._own), directory=self._directory
        )
        self.state = State.RUNNING
        self.starts += 1

    def kill(self) -> None:
        """SIGKILL: it has no say in it."""
        self._process.kill()
        self.state = State.KILLED

    def freeze(self) -> None:
        """SIGSTOP: it stands still and knows nothing of it."""
        self._process.send(signal.SIGSTOP)
        self.state = State.FROZEN
        self.freezes += 1

    def thaw(self) -> None:
        """SIGCONT."""
        self._process.send(signal.SIGCONT)
        self.state = State.RUNNING

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting."""
        self._process.send(signal.SIGTERM)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if that does not help."""
        self._process.stop(signal.SIGTERM, _STOPS_WITHIN)
        self.state = State.STOPPED

    @property
    def ended_by_itself(self) -> bool:
        """It does not run, and nobody killed or stopped it."""
        return not self.running and self.state not in (State.KILLED, State.STOPPED)

    def require_alive(self) -> None:
        """Raise ProgramEnded, with the end of its log, if it ended by itself."""
        if not self.ended_by_itself:
            return
        status, tail = self.exit_status, self._process.tail()
        raise ProgramEnded(f"{self.name} ended by itself (status {status}); the end of its log:\n{tail}")


class Programs:
    """All of them. Leaving the `with` block stops them, the last started first."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._all: list[Program] = []

    def __enter__(self) -> Programs:
        return self

    def __exit__(self, *_: object) -> None:
        for program in self._all:
            program.ask_to_stop()
        for program in reversed(self._all):
            program.stop()

    def __iter__(self) -> Iterator[Program]:
        return iter(self._all)

    def start(self, name: str, *arguments: str, **own: str) -> Program:
        """Start `stream-reconcile` with these arguments and settings."""
        return self.add(Program(name, arguments, own, self._directory))

    def start_module(self, name: str, module: str, *arguments: str, inherited: Sequence[int], **own: str) -> Program:
        """Start `python -m module` likewise, with descriptors of ours that it keeps open."""
        return self.add(Program(name, arguments, own, self._directory, module=module, inherited=inherited))

    def add(self, program: Program) -> Program:
        """Start it, and stop it with the others."""
        self._all.append(program)
        program.start()
        return program

    def require_alive(self) -> None:
        """Raise ProgramEnded if one has ended that should run."""
        for program in self._all:
            program.require_alive()
