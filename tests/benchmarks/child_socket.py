"""A broker's socket that sends what it is told to, and the one REST answer that ingest asks for.

Settings: account. Says `ready` with its port, `listening` once a client has subscribed. Commands:
`{"do": "pace", "rate": …, "seconds": …, "letter": "T", "seed": …}` sends stamped frames at a rate;
`{"do": "blast", "frames": …, "seed": …}` sends as fast as the client takes them. Each is answered by `sent`.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from http import HTTPStatus

from children import say, settings, told
from frames import generated, stamped, with_room
from pacing import paced
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

_DIFFERENT = 10_000  # frames of a blast that differ; made before it begins
_AT_ONCE = 100  # frames of one write


def subscribe(connection: ServerConnection) -> None:
    """The broker's side of the opening."""
    connection.recv()
    connection.send(b'{"stream":"authorization","data":{"status":"authorized","action":"authenticate"}}')
    connection.recv()
    connection.send(b'{"stream":"listening","data":{"streams":["trade_updates"]}}')


def pace(connection: ServerConnection, rate: float, seconds: float, letter: str, seed: str) -> int:
    frames = [with_room(raw) for raw in generated(seed, round(rate * seconds))]
    for frame in paced(frames, rate):
        connection.send(stamped(frame, letter.encode()))
    return len(frames)


def blast(connection: ServerConnection, frames: int, seed: str) -> int:
    """Frames made before and written many at once: what is measured is the client, not this server."""
    different = [Frame(Opcode.BINARY, raw).serialize(mask=False) for raw in generated(seed, min(frames, _DIFFERENT))]
    say("started", at=time.time_ns())
    for first in range(0, frames, _AT_ONCE):
        some = range(first, min(first + _AT_ONCE, frames))
        connection.socket.sendall(b"".join([different[number % len(different)] for number in some]))
    return frames


def main() -> None:
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    account = json.dumps({"id": settings()["account"], "status": "ACTIVE"}).encode()
    over = threading.Event()

    def answer(connection: ServerConnection, request: Request) -> Response | None:
        if request.path != "/v2/account":
            return None
        response = connection.respond(HTTPStatus.OK, account.decode())
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "application/json"
        return response

    def attend(connection: ServerConnection) -> None:
        subscribe(connection)
        say("listening")
        while (command := told()) is not None:
            send = pace if command.pop("do") == "pace" else blast
            say("sent", frames=send(connection, **command))
        over.set()

    with serve(attend, "127.0.0.1", 0, process_request=answer, compression=None, ping_interval=None) as server:
        threading.Thread(target=server.serve_forever, name="server", daemon=True).start()
        say("ready", port=server.socket.getsockname()[1])
        over.wait()
        say("result")


if __name__ == "__main__":
    main()
