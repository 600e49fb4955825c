"""The members: `stream-reconcile run --role apply` as a user starts it, each with what its log says of its lives."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psutil  # type: ignore[import-untyped]  # it has no types

from stream_reconcile.demo.programs import Program


class Member:
    """One member through all its lives."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._past: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return self._program.name

    @property
    def pid(self) -> int:
        return self._program.pid

    @property
    def owner(self) -> str | None:
        """Under which name this life has claimed cursors; None while it has claimed none."""
        claims = [line["owner"] for line in self._lines() if line.get("event") == "partitions_claimed"]
        return claims[-1] if claims else None

    @property
    def logged(self) -> Counter[str]:
        """How often each event stands in the logs of all lives."""
        return self._past + self._of_this_life()

    def kill_and_start_again(self) -> None:
        """SIGKILL, and the next life at once."""
        self._program.kill()
        self._past += self._of_this_life()
        self._program.start()

    def freeze(self) -> None:
        """SIGSTOP."""
        self._program.freeze()

    def thaw(self) -> None:
        """SIGCONT."""
        self._program.thaw()

    def require_alive(self) -> None:
        """Raise ProgramEnded if it has ended by itself."""
        self._program.require_alive()

    def ports(self) -> set[int]:
        """Its ends of TCP connections; none when it has just ended."""
        try:
            return {each.laddr.port for each in psutil.Process(self.pid).net_connections("tcp") if each.raddr}
        except psutil.NoSuchProcess:
            return set()

    def _of_this_life(self) -> Counter[str]:
        return Counter(str(line.get("event")) for line in self._lines())

    def _lines(self) -> Iterator[dict[str, Any]]:
        """Lines of the log of this life. A killed member may leave half a line behind."""
        for text in self._program.output.read_text("utf-8", "replace").splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                yield line
