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
        process = _FORKS.Process(target=_command, args=(arguments, environment(settings), folder, outputs))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join(20)
            raise subprocess.TimeoutExpired(arguments, timeout)
        stdout, stderr = (path.read_text(encoding="utf-8") for path in outputs)
        return subprocess.CompletedProcess(arguments, process.exitcode, stdout, stderr)


def _command(arguments: Sequence[str], settings: dict[str, str], folder: Path, outputs: Sequence[Path]) -> None:
    """In the process: just what `python -m stream_reconcile` would find."""
    os.environ.clear()
    os.environ.update(settings)
    os.chdir(folder)
    for number, path in enumerate(outputs, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.argv = ["stream-reconcile", *arguments]
    main()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class RunningCommand:
    """A `run` that is up; `url` is where it answers HTTP."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, output: Path) -> None:
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
def running(*arguments: str, settings: Mapping[str, str], folder: Path) -> Iterator[RunningCommand]:
    """`stream-reconcile run …` in `folder`, killed at the end if it still runs."""
    port = free_port()
    output = folder / f"run-{port}.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "stream_reconcile", "run", *arguments],
            env=environment({"RECONCILE_HTTP_ADDR": f"127.0.0.1:{port}"} | dict(settings)),
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield RunningCommand(process, f"http://127.0.0.1:{port}", output)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(20)


@contextmanager
def simulated_broker(folder: Path, *arguments: str) -> Iterator[dict[str, str]]:
    """`stream-reconcile simulate …`; gives the three APCA settings that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "stream_reconcile", "simulate", "--port", "0", *arguments],
        env=environment({}),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        settings: dict[str, str] = {}
        while len(settings) < 3:
            line = process.stdout.readline()
            assert line, "the simulator ended"
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").strip().partition("=")
                settings[name] = value
        yield settings
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()
