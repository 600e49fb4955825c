"""A small schema registry over real sockets: the part of Confluent's API that its client uses to look up and register.

It does what it is told to go wrong: `status` answers every request with that code, `delay` seconds late.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit


class SchemaRegistry:
    """Runs from `__enter__` to `__exit__`; `url` is its address, `requests` the paths that were asked for."""

    def __init__(self, *, first_id: int = 1, user_info: str | None = None) -> None:
        self.schemas: dict[int, str] = {}
        self.subjects: dict[str, list[int]] = {}
        self.requests: list[tuple[str, str]] = []
        self.status: int | None = None
        self.body = b'{"error_code": 50001, "message": "store is away"}'
        self.delay = 0.0
        self.read_only = False
        self._next_id = first_id
        self._authorization = "Basic " + base64.b64encode(user_info.encode()).decode() if user_info else None
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.answer(self)

            def do_POST(self) -> None:
                registry.answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def add(self, subject: str, text: str) -> int:
        """Register a schema as another program would; the same text has the same id."""
        numbers = {known: number for number, known in self.schemas.items()}
        number = numbers.get(text, self._next_id)
        if text not in numbers:
            self.schemas[number] = text
            self._next_id += 1
        self.subjects.setdefault(subject, []).append(number)
        return number

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length", 0))
        body = json.loads(request.rfile.read(length)) if length else {}
        path = urlsplit(request.path).path
        self.requests.append((request.command, path))
        time.sleep(self.delay)
        if self._authorization and request.headers.get("Authorization") != self._authorization:
            self._send(request, 401, {"error_code": 401, "message": "Unauthorized"})
        elif self.status is not None:
            self._send(request, self.status, self.body)
        else:
            self._send(request, *self._found(request.command, path.strip("/").split("/"), body))

    def _found(self, method: str, path: list[str], body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if method == "GET" and path[:2] == ["schemas", "ids"]:
            text = self.schemas.get(int(path[2]))
            return (200, {"schema": text}) if text else (404, {"error_code": 40403, "message": "Schema not found"})
        if method == "POST" and path[0] == "subjects":
            subject = unquote(path[1])
            return self._looked_up(subject, body["schema"]) if len(path) == 2 else self._added(subject, body["schema"])
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def _looked_up(self, subject: str, text: str) -> tuple[int, dict[str, Any]]:
        if subject not in self.subjects:
            return 404, {"error_code": 40401, "message": f"Subject '{subject}' not found."}
        for number in self.subjects[subject]:
            # As a registry does: white space makes no other schema.
            if json.loads(self.schemas[number]) == json.loads(text):
                return 200, {"subject": subject, "id": number, "version": 1, "schema": text}
        return 404, {"error_code": 40403, "message": "Schema not found"}

    def _added(self, subject: str, text: str) -> tuple[int, dict[str, Any]]:
        if self.read_only:
            return 403, {"error_code": 40301, "message": "User is denied operation Write"}
        return 200, {"id": self.add(subject, text)}

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, body: dict[str, Any] | bytes) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            request.send_response(status)
            request.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            request.send_header("Content-Length", str(len(content)))
            request.end_headers()
            request.wfile.write(content)
        except OSError:
            return  # the client has given up waiting
