"""A TCP proxy before one Kafka broker, through which a test may change what clients and broker say to each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final

from support.tcp_proxy import HOST, TcpProxy, Way

_MOST_CONNECTIONS: Final = 64


class KafkaProxy(TcpProxy):
    """Passes on what `request` and `answer` make of each message's body; they may not change its length.

    They run in threads and may wait: what comes after, the same way on that connection, waits too.
    """

    def __init__(
        self, bootstrap_servers: str, request: Callable[[bytes], bytes], answer: Callable[[bytes], bytes]
    ) -> None:
        super().__init__(int(bootstrap_servers.rpartition(":")[2]), kafka=True)
        self._change = {Way.THERE: request, Way.BACK: answer}
        self._threads = ThreadPoolExecutor(2 * _MOST_CONNECTIONS, "kafka-proxy")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, traceback)
        self._threads.shutdown()

    @property
    def bootstrap_servers(self) -> str:
        return f"{HOST}:{self.port}"

    async def _send(self, way: Way, piece: bytes, writer: asyncio.StreamWriter, client: int) -> None:
        body = await self._loop.run_in_executor(self._threads, self._change[way], piece[4:])
        await super()._send(way, piece[:4] + body, writer, client)
