"""A REST server that misbehaves as it is told, over real HTTP: for what a well-behaved simulator does not do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Talk(BaseHTTPRequestHandler):
    """One connection. `answer` and `write` are what scripts use."""

    protocol_version = "HTTP/1.1"
    server: StubRest

    def do_GET(self) -> None:
        server = self.server
        with server.lock:
            number = len(server.paths)
            server.paths.append(self.path)
            server.headers_seen.append(dict(self.headers.items()))
        try:
            server.script(self, number)
        except OSError:
            self.close_connection = True

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """A whole answer; `_` in names of headers stands for `-`."""
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def write(self, raw: bytes) -> None:
        """Bytes past all rules."""
        self.wfile.write(raw)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the one it replaces
        """Says nothing."""


class StubRest(ThreadingHTTPServer):
    """`script(talk, number)` answers each request, counted from 0. `enough` is set when the test is over."""

    daemon_threads = True

    def __init__(self, script: Callable[[Talk, int], None]) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.script = script
        self.lock = threading.Lock()
        self.paths: list[str] = []
        self.headers_seen: list[dict[str, str]] = []
        self.enough = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def stub_rest(script: Callable[[Talk, int], None]) -> Iterator[StubRest]:
    """Serves from a thread for the length of the block."""
    with StubRest(script) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.enough.set()
            server.shutdown()
            thread.join()
