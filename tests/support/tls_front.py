"""TLS before the real Postgres, as a pooler or a proxy ends it: the embedded one is built without TLS.

Speaks the beginning of Postgres's protocol only (postgresql.org/docs/current/protocol-flow.html, "SSL Session
Encryption"): a client asks for TLS with an SSLRequest, is told `S`, and what follows the handshake is passed on.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from support.tcp_proxy import HOST, TcpProxy

_SSL_REQUEST: Final = struct.pack("!II", 8, 80877103)


class TlsFront(TcpProxy):
    """A client that does not ask for TLS is cut off."""

    def __init__(self, dsn: str, certificate: Path, key: Path) -> None:
        super().__init__(int(str(conninfo_to_dict(dsn)["port"])))
        self._dsn = dsn
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self.refused = 0
        """Connections that did not become TLS."""

    @property
    def dsn(self) -> str:
        """The server's, through here."""
        return make_conninfo(self._dsn, host=HOST, port=self.port)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            asked = await reader.readexactly(len(_SSL_REQUEST)) == _SSL_REQUEST
            if asked:
                writer.write(b"S")
                await writer.start_tls(self._context)
        except (OSError, asyncio.IncompleteReadError):  # ssl's errors too
            asked = False
        self.refused += not asked
        return asked
