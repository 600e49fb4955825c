"""One GET through alpaca-py's client, its answer as it came: bytes, status, headers; and a limit to every wait.

alpaca-py's REST client has no time limits, retries 429 and 504 by itself, and parses decimals into floats. It builds
the request here (address, version, key and secret, no redirects); sending it and taking the answer is ours. It offers
no argument for that, so its private `_session`, `_retry` and `_one_request` are replaced, and tests hold that they
still do what we think.

requests limits the wait between two reads, never the whole: a broker that sends a byte now and then would hold us for
ever. So each request is watched from a thread, which cuts its connection when time is up or the program stops.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from socket import SHUT_RDWR, socket
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import requests
from alpaca.common.rest import RESTClient
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import DecodeError, HTTPError, ProtocolError, ReadTimeoutError

from stream_reconcile.broker.addresses import check_rest_url, is_loopback
from stream_reconcile.core.errors import ConfigError

MAX_BODY_BYTES: Final = 64 * 1024 * 1024  # 500 orders with their legs are some 2 MB
_CHUNK_BYTES: Final = 256 * 1024
_LOOK_S: Final = 0.05


class Limits(NamedTuple):
    """Seconds: to connect, between two reads, and for the whole request with its body."""

    connect_s: float = 5.0
    read_s: float = 10.0
    request_s: float = 30.0


_LIMITS: Final = Limits()


class Answer(NamedTuple):
    """What the broker said, any status. `received_at_ns`: our clock, when the body was whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at_ns: int


class NoAnswer(NamedTuple):
    """None came, or only a part. `outcome`: timeout, cut, unreachable, too_large or stopped."""

    outcome: str
    detail: str  # the error's name: neither address nor payload


class Http:
    """GETs of one account. A context manager; for one thread at a time."""

    def __init__(
        self,
        base_url: str,
        key_id: str,
        secret_key: str,
        *,
        limits: Limits = _LIMITS,
        stop: threading.Event | None = None,
        allow_plain: bool = False,
    ) -> None:
        """Raises ConfigError for an address that must not see the secret, or keys that can be none."""
        self.base_url = check_rest_url(base_url, allow_plain=allow_plain)
        if not all(word and word.isascii() and word.isprintable() for word in (key_id, secret_key)):
            # requests would fail on it with an exception that holds it
            raise ConfigError("the key or its secret has characters that no key has: copy both anew")
        self._limits = limits
        self._stop = stop or threading.Event()
        self._watch = _Watch()
        self._session = requests.Session()
        # The environment is read once: requests would read it, and a .netrc with its own idea of who we are, each time.
        self._session.trust_env = False
        self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        if not is_loopback(self.base_url):  # a proxy is for the way out, not for this machine's own simulator
            self._session.proxies.update(requests.utils.get_environ_proxies(self.base_url))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter(self._watch))
        self._client = _Client(key_id, secret_key, self.base_url, self._session, self._send)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer | NoAnswer:
        """`GET /v2{path}`; blocks for `request_s` at most. Never raises for what the network or the broker does."""
        with self._watch.over(self._limits.request_s, self._stop):
            try:
                answer: Answer | NoAnswer = self._client.get(  # type: ignore[assignment]  # not JSON: `_one_request` is ours
                    path, dict(query or {})
                )
            except (requests.RequestException, HTTPError, OSError) as error:
                # Not passed on: the request, and with it our secret, hangs on the exception.
                answer = NoAnswer(_outcome(error), type(error).__name__)
        # A body that ends with its connection looks whole when we end it ourselves.
        return NoAnswer(self._watch.cut, "ended by us") if self._watch.cut else answer

    def _send(self, method: str, url: str, options: dict[str, Any]) -> Answer | NoAnswer:
        timeout = (self._limits.connect_s, self._limits.read_s)
        with self._session.request(method, url, stream=True, timeout=timeout, **options) as response:
            body = bytearray()
            for chunk in response.iter_content(_CHUNK_BYTES):
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    return NoAnswer("too_large", f"more than {MAX_BODY_BYTES} bytes")
            return Answer(response.status_code, response.headers, bytes(body), time.time_ns())


class _Client(RESTClient):
    """alpaca-py's client as far as the request.

    TradingClient inherits all of this, and adds models, which bring pandas: 46 MB, and four tenths of the time in
    which a program starts, for nothing that is used here.
    """

    def __init__(
        self,
        key_id: str,
        secret_key: str,
        base_url: str,
        session: requests.Session,
        send: Callable[[str, str, dict[str, Any]], Answer | NoAnswer],
    ) -> None:
        super().__init__(base_url, key_id, secret_key, raw_data=True)
        self._session.close()
        self._session = session
        self._retry = 0
        self._send = send

    def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:
        return self._send(method, url, opts)


class _Watch:
    """Cuts the connection of the request under way. `cut` says why it did: timeout, stopped; "" if it did not."""

    def __init__(self) -> None:
        self.cut = ""
        self.line: socket | None = None  # of the newest connection: the one in use

    @contextmanager
    def over(self, limit_s: float, stop: threading.Event) -> Iterator[None]:
        """Watch what is requested within the block."""
        self.cut = ""
        done = threading.Event()
        ends = time.monotonic() + limit_s
        thread = threading.Thread(target=self._guard, args=(done, ends, stop), name="rest-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _guard(self, done: threading.Event, ends: float, stop: threading.Event) -> None:
        while not done.wait(_LOOK_S):
            if not self.cut:
                self.cut = "stopped" if stop.is_set() else "timeout" if time.monotonic() > ends else ""
            if self.cut:  # again and again: the connection may just be in the making
                line = self.line
                if line is not None:
                    with suppress(OSError):
                        socket.shutdown(line, SHUT_RDWR)  # a TLS socket's own would pull its state away from the reader


class _Adapter(HTTPAdapter):
    """Tells the watch which connection is in use: one at a time, and not more than one is kept."""

    def __init__(self, watch: _Watch) -> None:
        class PlainConnection(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                watch.line = self.sock

        class SecureConnection(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                watch.line = self.sock

        class Plain(HTTPConnectionPool):
            ConnectionCls = PlainConnection

        class Secure(HTTPSConnectionPool):
            ConnectionCls = SecureConnection

        self._pools = {"http": Plain, "https": Secure}
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _outcome(error: Exception) -> str:
    cause = error.args[0] if error.args else None
    if isinstance(error, requests.Timeout) or isinstance(cause, ReadTimeoutError):
        return "timeout"
    if isinstance(cause, ProtocolError | DecodeError):
        return "cut"
    return "unreachable"
