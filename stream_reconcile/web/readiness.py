"""What /readyz says: for each part whether it is ready, and if not, why.

A part's state comes from its own reports (`report`) or from a probe that runs every few seconds in a thread of its own
(`watch`). Reading never waits: a probe that hangs makes its part unready by its silence.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from stream_reconcile.core.errors import ReconcileError

log = structlog.get_logger()

# With a probe's own time limits (at most 15 s) a loss shows within 30 s (DESIGN §6).
PROBE_EVERY_S = 5.0
SILENT_AFTER_S = 20.0
RED_EVERY_S = 1.0

STARTING = "it has not been looked at yet"


@dataclass(frozen=True, slots=True)
class PartStatus:
    """State of one part; `why` is empty where it is ready; `since` is when it became so (UTC)."""

    ready: bool
    why: str
    since: datetime


@dataclass(slots=True)
class _Part:
    ready: bool
    why: str
    since: datetime
    checked_at: float
    silent_after_s: float | None


class Readiness:
    """States of all parts. Thread-safe."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._parts: dict[str, _Part] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._probes: list[threading.Thread] = []

    def expect(self, part: str, *, silent_after_s: float | None = None) -> None:
        """Name a part before its first report: it is not ready until then.

        `silent_after_s`: without a report for so long it is not ready either.
        """
        with self._lock:
            self._parts[part] = _Part(False, STARTING, datetime.now(UTC), self._clock(), silent_after_s)

    def report(self, part: str, *, ready: bool, why: str = "") -> None:
        """Set the state of a part; `why` says in a sentence what is wrong and what to do."""
        with self._lock:
            known = self._parts.get(part)
            changed = known is None or known.ready != ready
            if known is None:
                known = self._parts[part] = _Part(ready, why, datetime.now(UTC), self._clock(), None)
            if changed:
                known.since = datetime.now(UTC)
            said_before = known.why
            known.ready, known.why, known.checked_at = ready, "" if ready else why, self._clock()
        if changed or known.why != said_before:
            (log.info if ready else log.warning)("readiness", part=part, ready=ready, why=known.why)

    def watch(
        self,
        part: str,
        check: Callable[[], None],
        *,
        every_s: float = PROBE_EVERY_S,
        silent_after_s: float = SILENT_AFTER_S,
    ) -> None:
        """Probe a part until `close`: it is ready as long as `check` returns; its ReconcileError says why not.

        `check` runs in a thread of its own and bounds its own waits.
        """
        self.expect(part, silent_after_s=silent_after_s)
        probe = threading.Thread(target=self._probe, args=(part, check, every_s), name=f"probe-{part}", daemon=True)
        self._probes.append(probe)
        probe.start()

    def statuses(self) -> dict[str, PartStatus]:
        """State of every part, now."""
        with self._lock:
            now = self._clock()
            return {name: self._status(part, now) for name, part in self._parts.items()}

    def is_ready(self) -> bool:
        """Whether every part is ready."""
        return all(status.ready for status in self.statuses().values())

    def as_json(self) -> dict[str, Any]:
        """What /readyz answers; the shape is docs/json/readyz.schema.json."""
        statuses = self.statuses()
        return {
            "ready": all(status.ready for status in statuses.values()),
            "parts": {
                name: {"ready": status.ready, "why": status.why, "since": status.since.isoformat(timespec="seconds")}
                for name, status in sorted(statuses.items())
            },
        }

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop the probes; one that hangs is left to end with the process."""
        self._stop.set()
        deadline = time.monotonic() + timeout_s
        for probe in self._probes:
            probe.join(max(0.0, deadline - time.monotonic()))

    def _probe(self, part: str, check: Callable[[], None], every_s: float) -> None:
        while not self._stop.is_set():
            try:
                check()
            except ReconcileError as error:
                self.report(part, ready=False, why=str(error))
            except Exception as error:
                log.exception("probe_failed", part=part)
                self.report(part, ready=False, why=f"looking at it failed ({type(error).__name__}); see the log")
            else:
                self.report(part, ready=True)
                self._stop.wait(every_s)
                continue
            self._stop.wait(min(every_s, RED_EVERY_S))

    def _status(self, part: _Part, now: float) -> PartStatus:
        silence = now - part.checked_at
        if part.ready and part.silent_after_s is not None and silence > part.silent_after_s:
            return PartStatus(False, f"it has not answered for {silence:.0f} s", part.since)
        return PartStatus(part.ready, part.why, part.since)


class ReadinessMetrics(Collector):
    """`reconcile_ready` for each part, equal to /readyz at the moment of the scrape."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """One family."""
        ready = GaugeMetricFamily(
            "reconcile_ready", "1 if this part is ready, as in /readyz, else 0.", labels=("part",)
        )
        for part, status in self._readiness.statuses().items():
            ready.add_metric([part], status.ready)
        return (ready,)
