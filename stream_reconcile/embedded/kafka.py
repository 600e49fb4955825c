"""A real Kafka, one node in KRaft mode, started by us for the demo, for trials and for tests."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from stream_reconcile.core.errors import EmbeddedError
from stream_reconcile.embedded.jars import default_cache_directory, ensure_jars
from stream_reconcile.embedded.java import find_java
from stream_reconcile.embedded.kafka_storage import ensure_formatted, write_properties
from stream_reconcile.embedded.lock import DirectoryLock
from stream_reconcile.embedded.obstacles import (
    LOOPBACK,
    FreeBytes,
    find_port,
    free_bytes,
    make_directory,
    require_port,
    require_space,
)
from stream_reconcile.embedded.process import ServerProcess

SPACE_NEEDED = 300_000_000  # bytes: empty data take little, this is room to work
_DATA_VARIABLE = "RECONCILE_DATA_DIR"
_ANSWERS_WITHIN = 60.0  # seconds; 2 s on two idle cores, but recovery after a kill and a busy machine take longer
_STOPS_WITHIN = 20.0
_START_TRIES = 3
_QUICK_START = ("-XX:TieredStopAtLevel=1",)  # compile at once and simply, as for a client; never optimize

_LOG4J = Path(__file__).with_name("log4j2.xml")

_log = structlog.get_logger()


class EmbeddedKafka:
    """One Kafka broker (and controller) on loopback, its data in `data_dir`, resumed by the next start.

    `port` fixes the port of clients; without it a free one is found at the first `start()` and kept by this object, so
    that clients find the broker again after `restart()`. `properties` are Kafka's own and win over ours. `long_lived`
    is for one under load for minutes: Java optimizes then, which makes its start take twice the processor time.
    Paths: `data_dir/log` (the topics), `data_dir/server.properties`, `data_dir/output.log`.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        cache_dir: Path | None = None,
        port: int | None = None,
        properties: Mapping[str, str] | None = None,
        heap_megabytes: int = 512,
        long_lived: bool = False,
        read_free: FreeBytes = free_bytes,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self._cache_dir = cache_dir or default_cache_directory()
        self._fixed_port = port
        self._port: int | None = port
        self._properties = dict(properties or {})
        self._java_options = [f"-Xmx{heap_megabytes}m", *(() if long_lived else _QUICK_START)]
        self._read_free = read_free
        self._lock = DirectoryLock(self.data_dir)
        self._process = ServerProcess("the embedded Kafka", self.data_dir / "output.log")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def bootstrap_servers(self) -> str:
        """`host:port`. Raises EmbeddedError before the first start."""
        if self._port is None:
            raise EmbeddedError("the embedded Kafka has no port yet; start it first")
        return f"{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int:
        """The broker's pid: SIGSTOP pauses it, SIGCONT lets it go on."""
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.running

    def start(self) -> str:
        """Start, or resume with the data of the last run; returns the bootstrap servers once the broker answers.

        The first start on a machine fetches Kafka (44 MB). Raises EmbeddedError, which says what is in the way.
        """
        if self.running:
            return self.bootstrap_servers
        make_directory(self.data_dir, "data directory", _DATA_VARIABLE)
        if not self._lock.held:
            self._lock.acquire()
        try:
            require_space(self.data_dir, SPACE_NEEDED, "Kafka", _DATA_VARIABLE, self._read_free)
            if self._fixed_port is not None:
                require_port(self._fixed_port, "the embedded Kafka")
            self._start_broker()
        except BaseException:
            self.stop()
            raise
        _log.info("embedded_kafka_started", bootstrap_servers=self.bootstrap_servers, data_dir=str(self.data_dir))
        return self.bootstrap_servers

    def fetch(self) -> None:
        """Fetch Kafka into the cache without starting it (44 MB; nothing to do when it is there already)."""
        ensure_jars(self._cache_dir, read_free=self._read_free)

    def stop(self) -> None:
        """SIGTERM, SIGKILL after 20 s; the data directory is free afterwards. Does nothing if it isn't running."""
        if self.running and not self._process.stop(signal.SIGTERM, _STOPS_WITHIN):
            _log.warning("embedded_kafka_killed", waited_seconds=_STOPS_WITHIN)
        self._lock.release()

    def kill(self) -> None:
        """SIGKILL, as a crash would; `start()` resumes on the same port."""
        self._process.kill()

    def restart(self) -> str:
        """Stop and start on the same port."""
        self.stop()
        return self.start()

    def _start_broker(self) -> None:
        java = find_java()
        classpath = ":".join(map(str, ensure_jars(self._cache_dir, read_free=self._read_free)))
        environment = os.environ | {"CLASSPATH": classpath}  # on the command line it would fill a screen of `ps`
        logging = f"-Dlog4j2.configurationFile={_LOG4J}"
        log = self.data_dir / "log"
        cluster_id = ensure_formatted(
            log,
            [str(java), "-XX:+UseSerialGC", *_QUICK_START, logging],
            environment,
            inherited=[self._lock.fileno()],
            extra=self._properties,
        )
        config = self.data_dir / "server.properties"
        may_move = self._port is None
        for attempt in range(1, _START_TRIES + 1):
            if may_move or self._port is None:
                self._port = find_port()
            write_properties(config, log, self._port, find_port(), self._properties)
            self._process.start(
                [
                    *(str(java), *self._java_options, "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
                    *("-XX:+ExitOnOutOfMemoryError", logging, "kafka.Kafka", str(config)),
                ],
                inherited=[self._lock.fileno()],
                environment=environment,
            )
            if self._answers(cluster_id):
                return
            # Between our look at a port and Kafka's bind somebody else may have taken it.
            if attempt == _START_TRIES or "Address already in use" not in self._process.output.read_text("utf-8"):
                break
        raise EmbeddedError(
            f"the embedded Kafka did not start; the end of {self._process.output}:\n{self._process.tail()}"
        )

    def _answers(self, cluster_id: str) -> bool:
        """Wait for the broker of this cluster; False once the process has ended."""
        deadline = time.monotonic() + _ANSWERS_WITHIN
        while not self._accepts():
            if not self.running:
                return False
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"the embedded Kafka does not answer after {_ANSWERS_WITHIN:.0f} s; see {self._process.output}"
                )
            time.sleep(0.02)
        client = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        try:
            found = client.list_topics(timeout=max(1.0, deadline - time.monotonic())).cluster_id
        except KafkaException as error:
            raise EmbeddedError(f"the embedded Kafka at {self.bootstrap_servers} does not answer: {error}") from error
        if found != cluster_id:
            raise EmbeddedError(f"another Kafka (cluster {found}) answers at {self.bootstrap_servers}; stop it")
        return True

    def _accepts(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self._port or 0), timeout=1):
                return True
        except OSError:
            return False
