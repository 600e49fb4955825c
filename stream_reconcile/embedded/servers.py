"""Both embedded servers on one data directory, for `demo` and RECONCILE_EMBEDDED=1."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from stream_reconcile.embedded.jars import default_cache_directory
from stream_reconcile.embedded.kafka import EmbeddedKafka
from stream_reconcile.embedded.lock import DirectoryLock
from stream_reconcile.embedded.obstacles import FreeBytes, free_bytes, make_directory, require_space
from stream_reconcile.embedded.postgres import EmbeddedPostgres

DEFAULT_DATA_DIR = Path(".reconcile")
"""Where RECONCILE_DATA_DIR is not set: below the working directory."""

SPACE_NEEDED = 1_000_000_000  # bytes: both servers, and room for a demo or a trial


class Addresses(NamedTuple):
    """Where the servers answer. `database_url` holds a password: show it to nobody but the user."""

    bootstrap_servers: str
    database_url: str


class EmbeddedServers:
    """A Kafka in `data_dir/kafka` and a Postgres in `data_dir/postgres`, started at once and stopped in order.

    One process at a time: the lock is `data_dir/lock`. The next start resumes with the data of this one.
    """

    def __init__(
        self,
        data_dir: Path = DEFAULT_DATA_DIR,
        *,
        cache_dir: Path | None = None,
        kafka_port: int | None = None,
        postgres_port: int | None = None,
        read_free: FreeBytes = free_bytes,
    ) -> None:
        self.data_dir = data_dir.absolute()
        cache_dir = cache_dir or default_cache_directory()
        self._read_free = read_free
        self._lock = DirectoryLock(self.data_dir)
        self.kafka = EmbeddedKafka(self.data_dir / "kafka", cache_dir=cache_dir, port=kafka_port, read_free=read_free)
        self.postgres = EmbeddedPostgres(self.data_dir / "postgres", port=postgres_port, read_free=read_free)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def addresses(self) -> Addresses:
        return Addresses(self.kafka.bootstrap_servers, self.postgres.dsn)

    def start(self) -> Addresses:
        """Start both, or resume. Raises EmbeddedError (nothing is left running then), which says what is in the way."""
        make_directory(self.data_dir, "data directory", "RECONCILE_DATA_DIR")
        if not self._lock.held:
            self._lock.acquire()
        try:
            require_space(self.data_dir, SPACE_NEEDED, "Kafka and Postgres", "RECONCILE_DATA_DIR", self._read_free)
            self.kafka.fetch()  # here, not in the thread below, so that Ctrl-C ends a long download
            with ThreadPoolExecutor(2, thread_name_prefix="embedded") as pool:
                for started in [pool.submit(self.kafka.start), pool.submit(self.postgres.start)]:
                    started.result()
        except BaseException:
            self.stop()
            raise
        return self.addresses

    def stop(self) -> None:
        """Stop both within their time limits; does nothing where they aren't running."""
        try:
            with ThreadPoolExecutor(2, thread_name_prefix="embedded") as pool:
                for stopped in [pool.submit(self.kafka.stop), pool.submit(self.postgres.stop)]:
                    stopped.result()
        finally:
            self._lock.release()
