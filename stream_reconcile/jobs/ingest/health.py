"""What readiness says of ingest: two parts, `broker` (the websocket) and `ingest` (all that it needs besides)."""

from __future__ import annotations

from typing import Protocol


class Health(Protocol):
    """Where a job reports the state of its parts; `web.readiness.Readiness` is one."""

    def report(self, part: str, *, ready: bool, why: str = "") -> None:
        """Set the state of a part; `why` says in a sentence what is wrong and what to do."""
        ...


class IngestHealth:
    """One account's two parts; with several accounts their names are told apart by `name`."""

    def __init__(self, health: Health, name: str = "") -> None:
        self._health = health
        self._suffix = f":{name}" if name else ""
        self._troubles: dict[str, str] = {}
        self.broker_is_away("not connected yet")
        self.trouble("start", "starting")

    def broker_is_there(self) -> None:
        """The websocket listens, or another process's does and this one stands by."""
        self._health.report(f"broker{self._suffix}", ready=True)

    def broker_is_away(self, why: str) -> None:
        """No websocket listens."""
        self._health.report(f"broker{self._suffix}", ready=False, why=why)

    def trouble(self, source: str, why: str) -> None:
        """Something that ingest needs is not there; it stays so until `well` of the same source."""
        self._troubles[source] = why
        self._report()

    def well(self, source: str) -> None:
        """What `source` stands for is there again."""
        self._troubles.pop(source, None)
        self._report()

    def forget(self) -> None:
        """Nothing is known to be wrong any more: what the troubles were about has ended."""
        self._troubles.clear()
        self._report()

    def _report(self) -> None:
        why = "; ".join(self._troubles.values())
        self._health.report(f"ingest{self._suffix}", ready=not why, why=why)
