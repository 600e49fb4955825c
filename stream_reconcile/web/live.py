"""What is shown as it happens: a thread looks at the database, keeps the last hour of lag, and tells who listens.

However many pages are open, there is one look: quick while somebody listens, slow while nobody does.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

import psycopg
import structlog

from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.store import browse, readers
from stream_reconcile.store.browse_rows import Change, Sweep
from stream_reconcile.web.promise import Promise, Standing, promise_of_all
from stream_reconcile.web.reads import Reads

log = structlog.get_logger()

QUICK_S: Final = 1.0
SLOW_S: Final = 5.0
_LEAST_S: Final = 0.2  # between two looks, however many begin to listen
STALE_AFTER_S: Final = 20.0
"""Older than this, what was looked at last is shown as old."""
KEPT_S: Final = 3600.0
_MOST_SAMPLES: Final = 1_800
_RATE_OVER_S: Final = 30.0
_KEPT_MESSAGES: Final = 256
_MOST_CHANGES: Final = 200

END: Final = "end"
"""Kind of the last message: there are no more, for the program stops."""


class Sample(NamedTuple):
    """Lag at a time (seconds since the epoch), and how far log and cursors were, in records over all partitions."""

    at: float
    records: int
    seconds: float | None
    logged: int
    applied: int
    frames: int
    """Frames of the sessions that were open."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Records a second over the last half minute; None while there are no two looks."""

    received: float | None
    logged: float | None
    applied: float | None


@dataclass(frozen=True, slots=True)
class Look:
    """All that one look found. `status` is as docs/json/status.schema.json, `cursors` as the API's; `sizes` are rows of
    executions and fills, about."""

    at: datetime
    status: Mapping[str, Any]
    cursors: Sequence[Mapping[str, Any]]
    lag_read_at: float | None
    promise: Promise
    promises: Sequence[Promise]
    sweeps: Sequence[Sweep]
    sizes: tuple[int | None, int | None]
    rates: Rates


class Message(NamedTuple):
    """An event for listeners; `number` counts them."""

    number: int
    kind: str
    data: str


class Listener(Protocol):
    """Who is told; called from the thread, must not block."""

    def __call__(self, message: Message) -> None: ...


class Source(NamedTuple):
    """What is given from above. `look` reads status and cursors of a connection, and when lag was read (see `Look`);
    `due`: without a proof for so long, it is late."""

    look: Callable[[psycopg.Connection], tuple[Mapping[str, Any], Sequence[Mapping[str, Any]], float | None]]
    due: timedelta


class Live:
    """The looks. `start` it once the servers are known; everything else may be called at any time, by any thread."""

    def __init__(self) -> None:
        self.started_at = datetime.now(UTC)
        self._last: Look | None = None
        self._error: tuple[str, datetime] | None = None
        self._samples: deque[Sample] = deque(maxlen=_MOST_SAMPLES)
        self._listeners: set[Listener] = set()
        self._messages: deque[Message] = deque(maxlen=_KEPT_MESSAGES)
        self._number = time.time_ns() // 1_000_000  # so that a number of an earlier run is none of this one's
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._positions: dict[tuple[str, int], int] = {}
        self._said: dict[str, str] = {}
        self._thread: threading.Thread | None = None

    @property
    def last(self) -> Look | None:
        """The last look that succeeded, however old; None before the first."""
        return self._last

    @property
    def error(self) -> tuple[str, datetime] | None:
        """Why the newest look failed, and since when they do; None while they succeed."""
        return self._error

    @property
    def samples(self) -> list[Sample]:
        """Lag of the last hour, oldest first."""
        return list(self._samples)

    def start(self, reads: Reads, source: Source) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._run, args=(reads, source), name="web-live", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float = 5.0) -> None:
        """Stop; a look that hangs is left to end by its own limit."""
        self._stop.set()
        self._wake.set()
        self._publish(END, "{}")
        if self._thread is not None:
            self._thread.join(timeout_s)

    def listen(self, listener: Listener, after: int | None = None) -> tuple[list[Message], bool]:
        """Tell `listener` from now on. Gives what it missed since message `after`, and whether that is all of it.

        With None, or after messages that are no longer kept, it is given the newest of each kind that stands.
        """
        with self._lock:
            self._listeners.add(listener)
            kept = list(self._messages)
        self._wake.set()
        if after is not None and kept and kept[0].number <= after + 1 <= kept[-1].number + 1:
            return [one for one in kept if one.number > after], True
        newest = {one.kind: one for one in kept if one.kind in ("status", "sweeps", "discrepancies")}
        return sorted(newest.values()), after is None

    def leave(self, listener: Listener) -> None:
        """Tell it no more."""
        with self._lock:
            self._listeners.discard(listener)

    def _run(self, reads: Reads, source: Source) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self._look(reads, source)
                self._error = None
            except ReconcileError as error:
                self._failed(str(error))
            except Exception as error:
                log.exception("not_read", what="live")
                self._failed(f"looking at it failed ({type(error).__name__}); see the log")
            quick = bool(self._listeners)
            self._wake.wait(QUICK_S if quick else SLOW_S)
            self._stop.wait(_LEAST_S)

    def _failed(self, why: str) -> None:
        if self._error is None:
            log.warning("not_read", what="live", why=why)
        self._error = (why, self._error[1] if self._error else datetime.now(UTC))
        self._tell_if_new("status", {"error": why, "since": self._error[1].isoformat()})

    def _look(self, reads: Reads, source: Source) -> None:
        def read(connection: psycopg.Connection) -> tuple[Any, ...]:
            with readers.snapshot(connection):
                found = source.look(connection)
                moved = self._moved(found[1])
                return (
                    found,
                    moved,
                    browse.changes(connection, moved, limit=_MOST_CHANGES + 1) if self._listeners else [],
                    browse.last_sweeps(connection),
                    browse.blocked_since(connection),
                    browse.table_sizes(connection),
                )

        (status, cursors, lag_read_at), _, changes, sweeps, blocked, sizes = reads.now(read)
        self._positions = {(one["topic"], one["partition"]): one["next_offset"] for one in cursors}
        self._sample(status, cursors, lag_read_at)
        now = datetime.now(UTC)
        worst, each = promise_of_all(list(_standings(status, sweeps, blocked)), now, due=source.due)
        look = Look(now, status, cursors, lag_read_at, worst, each, sweeps, sizes, self._rates())
        self._last = look
        self._tell(look, changes)

    def _moved(self, cursors: Sequence[Mapping[str, Any]]) -> list[tuple[str, int, int, int]]:
        """Stretches of the log that were applied since the last look."""
        return [
            (one["topic"], one["partition"], before, one["next_offset"])
            for one in cursors
            if (before := self._positions.get((one["topic"], one["partition"]))) is not None
            and before < one["next_offset"]
        ]

    def _sample(self, status: Mapping[str, Any], cursors: Sequence[Mapping[str, Any]], read_at: float | None) -> None:
        lag = status["lag"]
        if lag is None or read_at is None or (self._samples and self._samples[-1].at >= read_at):
            return
        frames = sum(one["session"]["frames"] for one in status["accounts"] if one["session"])
        ends = [one for one in cursors if one["end_offset"] is not None and one["end_offset"] >= 0]
        logged = sum(one["end_offset"] for one in ends)
        applied = sum(one["end_offset"] - one["lag"] for one in ends)
        with self._lock:
            self._samples.append(Sample(read_at, lag["records"], lag["seconds"], logged, applied, frames))
            while self._samples[0].at < read_at - KEPT_S:
                self._samples.popleft()

    def _rates(self) -> Rates:
        samples = self.samples
        recent = [one for one in samples if one.at >= samples[-1].at - _RATE_OVER_S] if samples else []
        if len(recent) < 2 or time.time() - recent[-1].at > STALE_AFTER_S:
            return Rates(None, None, None)
        first, last = recent[0], recent[-1]
        took = last.at - first.at

        def rate(before: int, after: int) -> float | None:
            # A new session counts its frames from 0, a topic made anew its records.
            return (after - before) / took if after >= before and took > 0 else None

        return Rates(
            rate(first.frames, last.frames), rate(first.logged, last.logged), rate(first.applied, last.applied)
        )

    def _tell(self, look: Look, changes: Sequence[Change]) -> None:
        self._tell_if_new("status", headline(look))
        counts = look.status["open_discrepancies"]
        self._tell_if_new("discrepancies", {"open": sum(one["count"] for one in counts), "by_type": counts})
        newest = [
            {
                "sweep_id": str(one.sweep_id),
                "account_id": one.account_id,
                "kind": one.kind,
                "started_at": one.started_at.isoformat(),
                "finished_at": one.finished_at and one.finished_at.isoformat(),
                "complete": one.complete,
                "proven_equal_at": one.proven_equal_at and one.proven_equal_at.isoformat(),
            }
            for one in look.sweeps
        ]
        self._tell_if_new("sweeps", {"items": newest})
        if changes:
            items = [
                {
                    "account_id": one.account_id,
                    "order_id": one.alpaca_order_id,
                    "symbol": one.symbol,
                    "side": one.side,
                    "status": one.status,
                    "qty": None if one.qty is None else format(one.qty, "f"),
                    "filled_qty": None if one.filled_qty is None else format(one.filled_qty, "f"),
                    "updated_at": one.updated_at and one.updated_at.isoformat(),
                }
                for one in changes[:_MOST_CHANGES]
            ]
            self._publish("executions", json.dumps({"items": items, "more": len(changes) > _MOST_CHANGES}))

    def _tell_if_new(self, kind: str, said: Mapping[str, Any]) -> None:
        data = json.dumps(said, ensure_ascii=False)
        if self._said.get(kind) != data:
            self._said[kind] = data
            self._publish(kind, data)

    def _publish(self, kind: str, data: str) -> None:
        with self._lock:
            self._number += 1
            message = Message(self._number, kind, data)
            self._messages.append(message)
            told = list(self._listeners)
        for listener in told:
            listener(message)


def headline(look: Look) -> dict[str, Any]:
    """The sentence and the figures that change all the time, as the event `status` has them."""
    promise, lag = look.promise, look.status["lag"]
    return {
        "state": promise.state.value,
        "words": promise.words,
        "since": promise.since and promise.since.isoformat(),
        "why": promise.why,
        "lag": lag and {"records": lag["records"], "seconds": lag["seconds"]},
        "rates": {name: getattr(look.rates, name) for name in ("received", "logged", "applied")},
        "open_discrepancies": sum(one["count"] for one in look.status["open_discrepancies"]),
        "open_dead_letters": look.status["open_dead_letters"],
    }


def _standings(
    status: Mapping[str, Any], sweeps: Sequence[Sweep], blocked: Mapping[str, datetime]
) -> Sequence[Standing]:
    found = []
    for account in status["accounts"]:
        mine = account["account_id"]
        hot = next((one for one in account["agreement"] if one["scope"] == "hot"), None)
        ended = [one for one in sweeps if one.account_id == mine and one.finished_at is not None]
        newest = max(ended, key=lambda one: one.started_at, default=None)
        proven = hot and hot["proven_equal_at"]
        found.append(
            Standing(
                mine,
                datetime.fromisoformat(proven) if proven else None,
                len(hot["blocked_by"]) if hot else 0,
                blocked.get(mine),
                (newest and newest.error) or "",
            )
        )
    return found
