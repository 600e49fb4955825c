"""TLS before the real Postgres, as a pooler or a proxy ends it: the embedded one is built without TLS.

Speaks the beginning of Postgres's protocol only (postgresql.org/docs/current/protocol-flow.html, "SSL Session
Encryption"): a client asks for TLS with an SSLRequest, is told `S`, and what follows the handshake is passed on.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

HOST = "127.0.0.1"
_SSL_REQUEST = struct.pack("!II", 8, 80877103)


class TlsFront:
    """Listens on 127.0.0.1; a client that does not ask for TLS is cut off. `dsn` is the server's, through here."""

    def __init__(self, dsn: str, certificate: Path, key: Path) -> None:
        server = conninfo_to_dict(dsn)
        self._server = (str(server["host"]), int(str(server["port"])))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server((HOST, 0))
        self.dsn = make_conninfo(dsn, host=HOST, port=self._listener.getsockname()[1])
        self.refused = 0
        """Connections that did not become TLS."""
        self._threads: list[threading.Thread] = []
        self._sockets: set[socket.socket] = {self._listener}

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for each in list(self._sockets):
            with contextlib.suppress(OSError):  # closed by its other end
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def _start(self, target: object, *args: object) -> None:
        def run() -> None:
            with contextlib.suppress(OSError):  # ssl's errors too: a connection ends, or all of them do
                target(*args)  # type: ignore[operator]

        self._threads.append(threading.Thread(target=run, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            self._sockets.add(client)
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client:
            if client.recv(8, socket.MSG_WAITALL) != _SSL_REQUEST:
                self.refused += 1
                return
            client.sendall(b"S")
            try:
                encrypted = self._context.wrap_socket(client, server_side=True)
            except (OSError, ssl.SSLError):
                self.refused += 1
                return
        with encrypted, socket.create_connection(self._server) as server:
            self._sockets |= {encrypted, server}
            back = threading.Thread(target=_pass_on, args=(server, encrypted), daemon=True)
            back.start()
            _pass_on(encrypted, server)
            back.join(5)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
