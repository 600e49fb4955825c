"""Programs of a benchmark run as processes of their own: settings go in as a line of JSON, results come out as such.

A child ends when its standard input does, so none outlives the benchmark, however that ends. Times that children
report are `time.time_ns()`: all processes of this machine share that clock.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog
from processes import peak_rss_mb

HERE = Path(__file__).resolve().parent
_ENDS_WITHIN_S = 60.0


class BenchmarkError(Exception):
    """A measurement that could not be made: the message says why."""


class Child:
    """A running `child_<name>.py`. Use it as a context manager; leaving the block ends it."""

    def __init__(self, name: str, output: Path, **settings: Any) -> None:
        self.name = name
        self._output = output / f"{name}.log"
        self._messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        with self._output.open("a", encoding="utf-8") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, str(HERE / f"child_{name}.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        threading.Thread(target=self._read, name=f"read {name}", daemon=True).start()
        self.tell(**settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_input()
        try:
            self._process.wait(_ENDS_WITHIN_S if error is None else 5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, **message: Any) -> None:
        """Send the child a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def hear(self, kind: str, within_s: float) -> dict[str, Any]:
        """The next message, which has to be of this kind. Raises BenchmarkError when it is not, or does not come."""
        try:
            message = self._messages.get(timeout=within_s)
        except queue.Empty:
            raise BenchmarkError(f"{self.name} did not say {kind!r} within {within_s:.0f} s: {self._tail()}") from None
        if message is None or message["kind"] != kind:
            raise BenchmarkError(f"{self.name} said {message and message['kind']!r}, not {kind!r}: {self._tail()}")
        return message

    def finish(self, within_s: float = _ENDS_WITHIN_S) -> dict[str, Any]:
        """Ask the child to end; its last message, `result`."""
        self._close_input()
        return self.hear("result", within_s)

    def check(self) -> None:
        """Raise BenchmarkError if the child has ended."""
        if self._process.poll() is not None:
            raise BenchmarkError(f"{self.name} ended with status {self._process.returncode}: {self._tail()}")

    def _close_input(self) -> None:
        with contextlib.suppress(OSError):
            if self._process.stdin is not None and not self._process.stdin.closed:
                self._process.stdin.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                self._messages.put(json.loads(line))
            except ValueError:
                self._messages.put({"kind": line.strip()[:200]})  # no message of ours: whoever listens shall say so
        self._messages.put(None)

    def _tail(self) -> str:
        return self._output.read_text("utf-8", "replace")[-2_000:].strip() or "it wrote nothing"


# --- the child's side -------------------------------------------------------------------------------------------------


def told() -> dict[str, Any] | None:
    """The next line from the parent; None when there are no more."""
    line = sys.stdin.readline()
    message: dict[str, Any] | None = json.loads(line) if line else None
    return message


def settings() -> dict[str, Any]:
    """The first line from the parent."""
    given = told()
    if given is None:
        raise SystemExit("started by bench.py, with settings on standard input")
    return given


def say(kind: str, **values: Any) -> None:
    """A message to the parent."""
    sys.stdout.write(json.dumps({"kind": kind, **values}) + "\n")
    sys.stdout.flush()


def when_told_to_end(action: Any) -> None:
    """Call `action` in another thread when the parent closes our input."""

    def wait() -> None:
        sys.stdin.read()
        action()

    threading.Thread(target=wait, name="parent", daemon=True).start()


def result_of_process(**values: Any) -> None:
    """Send the child's last message: the values given, and what the process had."""
    say("result", peak_rss_mb=peak_rss_mb("self"), **values)


class Commits:
    """Notes of commits: time_ns, records, and the processor time that this process has used so far, in ns."""

    def __init__(self) -> None:
        self.notes: list[tuple[int, int, int]] = []

    def note(self, records: int) -> None:
        """A commit of so many records has returned."""
        self.notes.append((time.time_ns(), records, time.process_time_ns()))


def log_to_stderr() -> None:
    """Warnings of the program go where the parent looks for them; standard output is for messages."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
