"""uvicorn in a thread, on a socket that is bound before anything else starts, so that a taken port ends the start."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable
from functools import partial

import structlog
import uvicorn
from starlette.types import ASGIApp

from stream_reconcile.core.errors import ConfigError, ReconcileError
from stream_reconcile.web.patience import READS_WITHIN_S, PatientProtocol

log = structlog.get_logger()

_START_LIMIT_S = 10.0
_BACKLOG = 128
_REASONS = {
    errno.EADDRINUSE: "another program listens there (perhaps another stream-reconcile)",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
    errno.EACCES: "this user may not listen there",
}


class HttpServer:
    """Serves `app` on `host:port` until `stop`. Port 0 takes a free one; `port` is the one taken."""

    def __init__(self, app: ASGIApp, host: str, port: int, on_cut_off: Callable[[], None] = lambda: None) -> None:
        """Bind the address. Raises ConfigError if it can't be had.

        `on_cut_off` is told of connections that the kernel gave up, since the peer took nothing.
        """
        self._socket = _listen(host, port)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            http=partial(PatientProtocol, on_timed_out=on_cut_off),  # type: ignore[arg-type]  # it makes protocols
            h11_max_incomplete_event_size=32 * 1024,
            server_header=False,
            limit_concurrency=200,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="web", daemon=True
        )

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether the serving thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to answer. Raises ReconcileError if that takes longer than ten seconds."""
        self._thread.start()
        deadline = time.monotonic() + _START_LIMIT_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise ReconcileError(f"the web server did not start on {self.url}; see the log")
            self._thread.join(0.01)
        log.info("web_started", url=self.url)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Answer what is under way, then close the socket."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        self._socket.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except socket.gaierror:
        raise ConfigError(f"RECONCILE_HTTP_ADDR: there is no host {host}. Write one such as 127.0.0.1:8080") from None
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port that our own last run has just left may be taken at once; one that is listened on may not.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # A peer that vanished, or that has stopped reading for good, is given up by the kernel (Linux; ms).
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(READS_WITHIN_S * 1500))
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        reason = _REASONS.get(error.errno or 0, error.strerror)
        raise ConfigError(
            f"RECONCILE_HTTP_ADDR: can't listen on {host}:{port}: {reason}. Stop it, or write another address, such as "
            "127.0.0.1:8081"
        ) from None
    return listener
