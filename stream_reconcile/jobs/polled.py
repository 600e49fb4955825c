"""A value that a thread reads again and again, so that whoever wants it (a scrape) never waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

import structlog

from stream_reconcile.core.errors import ReconcileError

log = structlog.get_logger()

T = TypeVar("T")
Value_co = TypeVar("Value_co", covariant=True)


class Reader(Protocol[Value_co]):
    """Connections, and the value that is read over them."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def read(self) -> Value_co:
        """The value now. Raises ReconcileError while it can't be read."""
        ...


class Reading(NamedTuple, Generic[T]):
    """A value, and when it was read (seconds since the epoch)."""

    value: T
    read_at: float


class Polled(Generic[T]):
    """Reads every `every_s` seconds; `open_reader` is called in the thread, again after each failure."""

    def __init__(self, name: str, open_reader: Callable[[], Reader[T]], *, every_s: float, too_old_s: float) -> None:
        self._name = name
        self._open_reader = open_reader
        self._every_s, self._too_old_s = every_s, too_old_s
        self._reading: Reading[T] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def last(self) -> Reading[T] | None:
        """The last reading, however old; None before the first."""
        return self._reading

    @property
    def fresh(self) -> Reading[T] | None:
        """The last reading if it is not too old to be shown as what is."""
        reading = self._reading
        return reading if reading is not None and time.time() - reading.read_at <= self._too_old_s else None

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self, timeout_s: float = 5.0) -> None:
        """Stop reading; a read that hangs is left to end with the process."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        failing = False
        while not self._stop.is_set():
            try:
                with self._open_reader() as reader:
                    while not self._stop.is_set():
                        value = reader.read()
                        self._reading = Reading(value, time.time())
                        failing = False
                        self._stop.wait(self._every_s)
            except ReconcileError as error:
                if not failing:
                    log.warning("not_read", what=self._name, why=str(error))
                failing = True
            except Exception:
                log.exception("not_read", what=self._name)
            self._stop.wait(self._every_s)
