"""One server process behind its guard: start, signal, stop within bounds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from stream_reconcile.core.errors import EmbeddedError
from stream_reconcile.embedded import guard

_GUARD = Path(guard.__file__)
_GUARD_GRACE = 10.0  # seconds between the stop signal and SIGKILL once this program has ended without stopping a server
_KILLED_WITHIN = 30.0  # seconds that the kernel and the guard get to clear up after SIGKILL
_TAIL_LINES = 15


class ServerProcess:
    """A server that dies with this program (see `guard`). Not for use by two threads at once."""

    def __init__(self, name: str, output: Path) -> None:
        """`name` begins messages ("the embedded Kafka"). Its output goes to `output`, that of the run before to .1"""
        self.name = name
        self.output = output
        self._guard: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None

    @property
    def pid(self) -> int:
        """The server's own pid (not its guard's). Raises EmbeddedError when it is not running."""
        if self._pid is None or not self.running:
            raise EmbeddedError(f"{self.name} is not running; start it first")
        return self._pid

    @property
    def running(self) -> bool:
        return self._guard is not None and self._guard.poll() is None

    def start(
        self,
        command: Sequence[str | Path],
        *,
        inherited: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        leave_root: str | None = None,
    ) -> None:
        """Start `command` (absolute path first) in `directory`. `inherited`: descriptors that the server keeps open."""
        if self.running:
            raise EmbeddedError(f"{self.name} is running already; stop it first")
        if self.output.exists():
            self.output.replace(self.output.with_name(self.output.name + ".1"))
        reader, writer = os.pipe()
        how = ["--leave-root", leave_root] if leave_root else []
        try:
            with self.output.open("wb") as output:
                self._guard = subprocess.Popen(  # noqa: S603 - our own file and command, no shell
                    [
                        *(sys.executable, "-I", "-S", str(_GUARD)),
                        *("--parent", str(os.getpid()), "--pid-fd", str(writer), "--grace", str(_GUARD_GRACE)),
                        *("--stop-signal", str(int(stop_signal)), *how),
                        *("--", *map(str, command)),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(writer, *inherited),
                    cwd=directory,
                    env=dict(os.environ if environment is None else environment),
                    start_new_session=True,  # Ctrl-C is for this program, which then stops its servers in order
                )
        finally:
            os.close(writer)
            with os.fdopen(reader) as answers:
                answer = answers.read() if self._guard is not None else ""
        if not answer.strip().isdigit():
            self._guard.wait(_KILLED_WITHIN)
            raise EmbeddedError(f"{self.name} could not be started: {self.tail() or 'no output'}")
        self._pid = int(answer)

    def wait(self, timeout: float) -> int | None:
        """Exit status once the server and all that it left behind have ended; None if that takes longer."""
        if self._guard is None:
            return None
        try:
            return self._guard.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the server itself; nothing happens if it has ended."""
        if self._pid is not None and self.running:
            try:
                os.kill(self._pid, number)
            except ProcessLookupError:
                return  # it ended just now; its guard is about to notice

    def stop(self, number: signal.Signals, grace: float) -> bool:
        """Send `number`, wait up to `grace` seconds, then SIGKILL. True if it ended by itself."""
        if not self.running:
            return True
        self.send(number)
        self.send(signal.SIGCONT)  # if it was paused it can only stop once it runs
        if self.wait(grace) is not None:
            return True
        self.kill()
        return False

    def kill(self) -> None:
        """SIGKILL, and wait until nothing of the server is left. Raises EmbeddedError if something is."""
        if not self.running:
            return
        self.send(signal.SIGKILL)
        if self.wait(_KILLED_WITHIN) is None:
            raise EmbeddedError(f"{self.name} (process {self._pid}) did not end after SIGKILL")

    def tail(self) -> str:
        """The last lines that the server printed, for messages."""
        if not self.output.exists():
            return ""
        lines = self.output.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])
