"""The simulator on a port: one listening socket for REST, the websocket and the control endpoints."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from stream_reconcile.core.errors import ConfigError, UnreachableError
from stream_reconcile.simulator.control import ControlApi
from stream_reconcile.simulator.gate import RestGate
from stream_reconcile.simulator.live import Simulator
from stream_reconcile.simulator.protocols import HttpConnection, SocketConnection
from stream_reconcile.simulator.rest import RestApi
from stream_reconcile.simulator.settings import SimulatorSettings

log = structlog.get_logger()

_STOP_SECONDS = 1


def application(simulator: Simulator) -> ASGIApp:
    """The whole of the simulator as one ASGI application."""
    rest = RestGate(Starlette(routes=list(RestApi(simulator).routes())), simulator)
    control = ControlApi(simulator).app()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            websocket = WebSocket(scope, receive, send)
            if scope["path"] == "/stream":
                await simulator.sessions.serve(websocket)
            else:
                await websocket.send_denial_response(JSONResponse({"message": "Not Found"}, 404))
        elif scope["path"] == "/sim" or scope["path"].startswith("/sim/"):
            await control(scope, receive, send)
        else:
            await rest(scope, receive, send)

    return app


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs us: this server often runs inside a test or beside other things."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """Take the port. Raises UnreachableError if somebody else has it, ConfigError for an impossible address."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigError(
            f"the simulator can't listen on {host!r}: {error.strerror}; give an address of this host"
        ) from error
    listener = socket.socket(family, kind, proto)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise UnreachableError(
            f"the simulator can't take {host}:{port}: {error.strerror}; choose another --port or end what holds it"
        ) from error
    listener.listen(128)
    return listener


def _say_why(working: asyncio.Task[None]) -> None:
    """The order flow ends with the simulator; should it end by a fault of ours, that must not go unseen till then."""
    error = None if working.cancelled() else working.exception()
    if error is not None:
        log.error("simulator_stopped_working", exc_info=error)


@contextlib.asynccontextmanager
async def serving(
    settings: SimulatorSettings, listener: socket.socket | None = None
) -> AsyncIterator[tuple[Simulator, int]]:
    """The simulator, serving on the running loop; yields it and its port. Closed without waiting for clients.

    Raises UnreachableError or ConfigError if the port can't be had.
    """
    listener = listener or listen(settings.host, settings.port)
    simulator = Simulator(settings)
    simulator.prepare()
    config = uvicorn.Config(
        application(simulator),
        http=HttpConnection,
        ws=SocketConnection,
        ws_ping_interval=settings.ping_interval_seconds or None,
        ws_ping_timeout=settings.ping_timeout_seconds or None,
        ws_per_message_deflate=False,
        ws_max_size=1 << 20,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        # Who asks decides over /sim: no header may say otherwise.
        proxy_headers=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    working = asyncio.create_task(simulator.run())
    working.add_done_callback(_say_why)
    try:
        while not server.started:
            if running.done():
                await running
            await asyncio.sleep(0.002)
        yield simulator, listener.getsockname()[1]
    finally:
        simulator.stop()
        server.should_exit = True
        await asyncio.gather(running, working)
        listener.close()
