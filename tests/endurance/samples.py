"""What is looked at every so often, from a thread: each process, the broker, the log, the tables."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, NamedTuple, Self

import psutil  # type: ignore[import-untyped]  # it has no types

from stream_reconcile.core.errors import ReconcileError

from .place import ROLES, SIMULATOR, Scene

_ENOUGH: Final = 4
_CONNECTIONS: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'stream-reconcile%%'
"""


class Taken(NamedTuple):
    """Of one process."""

    rss_mb: float
    fds: int
    threads: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. Counts are since the begin; times in seconds."""

    at_s: float
    phase: str
    processes: dict[str, Taken]
    published: int
    """Frames that the broker sent or would have sent."""
    received: int
    """Frames that ingest has read."""
    acknowledged: int
    """Records of them that Kafka has."""
    committed: int
    """Records that apply has committed."""
    lag_s: float
    """Age of the oldest record that is not applied, by the role web."""
    queue_records: int
    """Of ingest, waiting for Kafka."""
    queue_bytes: int
    lost: int
    """Frames that Kafka did not take."""
    unsent_bytes: int
    """Bytes that ingest has left in its socket so long that the broker holds them."""
    connections: int
    """To Postgres, all of the program."""

    @property
    def lag(self) -> int:
        """Records not applied."""
        return max(self.acknowledged - self.committed, 0)


class Sampler:
    """Looks as long as the `with` block lasts; `phase` names what is going on. What went wrong is raised at the end."""

    def __init__(self, made: Scene, every_s: float, output: Path | None = None) -> None:
        """Each sample is a line of JSON in `output`, as soon as it is taken."""
        self._made, self._every_s, self._output = made, every_s, output
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, name="samples", daemon=True)
        self._fault: BaseException | None = None
        self._known: dict[int, psutil.Process] = {}
        self._began = time.monotonic()
        self._last_ingest: dict[str, float] = {}
        self.phase = "start"
        self.samples: list[Sample] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._enough.set()
        self._thread.join(60)
        if self._fault is not None and error is None:
            raise self._fault

    def of(self, *phases: str) -> list[Sample]:
        """Samples of these phases."""
        return [sample for sample in self.samples if sample.phase in phases]

    def enough(self) -> bool:
        """Whether there are samples enough of this phase to say something of it."""
        self.check()
        return len(self.of(self.phase)) >= _ENOUGH

    def check(self) -> None:
        """Raise what ended it before its time."""
        if self._fault is not None:
            raise self._fault

    def _run(self) -> None:
        try:
            if self._output is None:
                self._loop(None)
                return
            self._output.parent.mkdir(parents=True, exist_ok=True)
            with self._output.open("w", encoding="utf-8", buffering=1) as lines:
                self._loop(lines)
        except BaseException as error:  # noqa: BLE001 - raised again by `check` and at the end
            self._fault = error

    def _loop(self, lines: IO[str] | None) -> None:
        while not self._enough.is_set():
            sample = self._look()
            self.samples.append(sample)
            if lines is not None:
                lines.write(json.dumps(asdict(sample)) + "\n")
            self._enough.wait(self._every_s)

    def _look(self) -> Sample:
        made, phase = self._made, self.phase
        processes = {SIMULATOR: made.simulator.pid}
        for role in ROLES:
            try:
                processes[role] = made.roles[role].pid
            except ReconcileError:
                continue
        overview = made.whole.simulator.control.overview()
        # Of a process that starts anew nothing is known for a moment: what it said last stands.
        self._last_ingest = ingest = made.metrics("ingest") or self._last_ingest
        committed = made.committed()
        return Sample(
            at_s=round(time.monotonic() - self._began, 2),
            phase=phase,
            processes={name: taken for name, pid in processes.items() if (taken := self._take(pid)) is not None},
            published=overview["counters"]["frames_published"],
            received=int(ingest.get("reconcile_ingest_frames_total", 0)),
            acknowledged=made.acknowledged(),
            committed=committed,
            lag_s=round(made.metrics("web").get("reconcile_consumergroup_lag_seconds", 0.0), 2),
            queue_records=int(ingest.get("reconcile_ingest_queue_records", 0)),
            queue_bytes=int(ingest.get("reconcile_ingest_queue_bytes", 0)),
            lost=int(ingest.get("reconcile_ingest_frames_lost_total", 0)),
            unsent_bytes=sum(session["unsent_bytes"] for session in overview["sessions"]),
            connections=int(made.whole.value(_CONNECTIONS)),
        )

    def _take(self, pid: int) -> Taken | None:
        try:
            process = self._known.setdefault(pid, psutil.Process(pid))
            with process.oneshot():
                cpu = process.cpu_times()
                return Taken(
                    round(process.memory_info().rss / 1e6, 2),
                    process.num_fds(),
                    process.num_threads(),
                    round(cpu.user + cpu.system, 2),
                )
        except psutil.NoSuchProcess:
            return None


def column(samples: Sequence[Sample], of: Callable[[Sample], float]) -> list[float]:
    """One figure of all samples."""
    return [of(sample) for sample in samples]


def taken(samples: Sequence[Sample], name: str) -> list[Taken]:
    """What was seen of one process."""
    return [sample.processes[name] for sample in samples if name in sample.processes]
