"""The command `stream-reconcile` as a process of its own, with an environment of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from stream_reconcile.cli import COMMANDS, main
from support.waiting import wait_until

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([place.partition(":")[0] for place in COMMANDS.values()])
_OURS = ("RECONCILE_", "APCA_", "KAFKA_", "SCHEMA_REGISTRY_", "PG", "DATABASE_URL")


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without any setting of ours, and with `settings`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return kept | {"RECONCILE_LOG_FORMAT": "json"} | dict(settings)


def stream_reconcile(
    *arguments: str, settings: Mapping[str, str], folder: Path, timeout: float = 90
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in `folder`, as a process of its own.

    It is forked from one that has loaded what commands need: to load it takes longer than most commands do.
    """
    with tempfile.TemporaryDirectory() as written:
        outputs = [Path(written) / name for name in ("stdout", "stderr")]
        process = Forked(arguments, settings, folder, *outputs)
        try:
            status = process.wait(timeout)
        finally:
            process.kill()
        stdout, stderr = (path.read_text(encoding="utf-8") for path in outputs)
        return subprocess.CompletedProcess(arguments, status, stdout, stderr)


class Forked:
    """A command in a process that is forked from one that has loaded what commands need; to be used as a Popen."""

    def __init__(
        self, arguments: Sequence[str], settings: Mapping[str, str], folder: Path, stdout: Path, stderr: Path
    ) -> None:
        self.args = arguments
        outputs = (stdout, stderr)
        self._process = _FORKS.Process(target=_command, args=(arguments, environment(settings), folder, outputs))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self._process.exitcode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait for the end; does nothing if it has ended."""
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join(20)


def _command(arguments: Sequence[str], settings: dict[str, str], folder: Path, outputs: Sequence[Path]) -> None:
    """In the process: just what `python -m stream_reconcile` would find."""
    os.environ.clear()
    os.environ.update(settings)
    os.chdir(folder)
    for number, path in enumerate(outputs, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)  # may be one file for both
    sys.argv = ["stream-reconcile", *arguments]
    main()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class RunningCommand:
    """A `run` that is up; `url` is where it answers HTTP."""

    def __init__(self, process: Forked | subprocess.Popen[bytes], url: str, output: Path) -> None:
        self.process = process
        self.url = url
        self._output = output

    @property
    def output(self) -> str:
        """What it has written so far, log and all."""
        return self._output.read_text(encoding="utf-8")

    def readyz(self) -> tuple[int, dict[str, Any]]:
        """Status and parts of /readyz; (0, {}) while nobody answers."""
        assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.output[-4000:]}"
        try:
            answer = requests.get(f"{self.url}/readyz", timeout=5)
        except requests.ConnectionError:
            return 0, {}
        return answer.status_code, answer.json()["parts"]

    def wait_ready(self, timeout: float = 60) -> None:
        """Until /readyz answers 200."""

        def ready() -> bool:
            self.last = self.readyz()
            return self.last[0] == 200

        try:
            wait_until(ready, timeout=timeout, what="/readyz to answer 200")
        except AssertionError as error:
            raise AssertionError(f"{error}; /readyz: {self.last}\n{self.output[-4000:]}") from None

    def wait_not_ready(self, part: str, timeout: float = 30) -> str:
        """Until /readyz answers 503 because of `part`; gives why."""

        def why() -> str:
            status, parts = self.readyz()
            return parts[part]["why"] if status == 503 and part in parts else ""

        return str(wait_until(why, timeout=timeout, what=f"/readyz to say that {part} is not ready"))

    def stop(self, timeout: float = 40) -> int:
        """SIGTERM; gives the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)


@contextmanager
def running(
    *arguments: str, settings: Mapping[str, str], folder: Path, forked: bool = True
) -> Iterator[RunningCommand]:
    """`stream-reconcile run …` in `folder`, killed at the end if it still runs; not `forked`: as a user starts it."""
    port = free_port()
    output = folder / f"run-{port}.log"
    output.touch()
    words, given = ("run", *arguments), {"RECONCILE_HTTP_ADDR": f"127.0.0.1:{port}"} | dict(settings)
    process = Forked(words, given, folder, output, output) if forked else _started(words, given, folder, output)
    try:
        yield RunningCommand(process, f"http://127.0.0.1:{port}", output)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(20)


def _started(
    arguments: Sequence[str], settings: Mapping[str, str], folder: Path, output: Path
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "stream_reconcile", *arguments]
    with output.open("wb") as log:
        return subprocess.Popen(command, env=environment(settings), cwd=folder, stdout=log, stderr=subprocess.STDOUT)


@contextmanager
def simulated_broker(folder: Path, *arguments: str) -> Iterator[dict[str, str]]:
    """`stream-reconcile simulate …`; gives the three APCA settings that it prints."""
    output, said = folder / "simulate.out", folder / "simulate.err"
    process = Forked(("simulate", "--port", "0", *arguments), {}, folder, output, said)

    def printed() -> dict[str, str]:
        assert process.poll() is None, f"the simulator ended: {said.read_text(encoding='utf-8')}"
        lines = output.read_text(encoding="utf-8").splitlines(keepends=True) if output.exists() else []
        whole = (line.strip().removeprefix("export ") for line in lines if line.endswith("\n"))
        settings = dict(line.split("=", 1) for line in whole if line.startswith("APCA_"))
        return settings if len(settings) == 3 else {}

    try:
        yield wait_until(printed, timeout=60, what="the simulator to say where it is")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
