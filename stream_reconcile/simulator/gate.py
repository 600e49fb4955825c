"""What every REST request passes: key and secret, the rate limit, the headers of the answer, and ordered faults."""

from __future__ import annotations

import asyncio
import math
import time

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream_reconcile.simulator.fault_catalogue import Place
from stream_reconcile.simulator.faults import ArmedFault, Chance
from stream_reconcile.simulator.live import Simulator
from stream_reconcile.simulator.protocols import HttpConnection
from stream_reconcile.simulator.sessions import HTML
from stream_reconcile.simulator.values import Ids, seeded

_JSON = "application/json; charset=UTF-8"
_MESSAGES = {401: "unauthorized.", 403: "forbidden.", 404: "Not Found", 429: "too many requests."}


class _Answer:
    """An answer that is written down before it is sent."""

    def __init__(self, status: int, body: bytes, content_type: str = _JSON) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type

    @classmethod
    def message(cls, status: int, code: int = 0) -> _Answer:
        """A body that has a message, and the broker's own code; none (0), as gateways answer."""
        said = {"message": _MESSAGES.get(status, "internal server error occurred")}
        return cls(status, msgspec.json.encode({"code": code, **said} if code else said))


class RestGate:
    """Wraps the REST application. Counts requests in fixed windows, as the `X-Ratelimit-*` headers describe them."""

    def __init__(self, app: ASGIApp, simulator: Simulator) -> None:
        self._app = app
        self._sim = simulator
        self._ids = Ids(seeded(f"requests {simulator.settings.seed}"))
        self._window_ends = 0.0
        self._used = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._sim.requests += 1
        chance = Chance(method=scope["method"], path=scope["path"])
        faults = self._sim.faults.strikes(Place.REST, chance)
        answer = await self._respond(scope, receive, faults)
        empty = cut = reset = False
        for fault in faults:
            name = fault.kind.name
            if name in {"rest_hang", "ambiguous_submit"}:
                await self._hang(float(fault.parameters["seconds"]))
            empty |= name == "rest_empty"
            cut |= name == "rest_cut"
            reset |= name == "rest_reset" or (name == "ambiguous_submit" and not fault.parameters["status"])
        if reset:
            connection: HttpConnection = scope["state"]["connection"]
            connection.reset()
            await asyncio.sleep(0)  # uvicorn hears of it, and asks for no answer
            return
        if empty:
            answer = _Answer(200, b"")
        await self._send(answer, scope, send, cut=cut)

    async def _respond(self, scope: Scope, receive: Receive, faults: list[ArmedFault]) -> _Answer:
        """The true answer, or a false one instead of it; with `perform` the request is carried out all the same."""
        refused = self._refuse(scope)
        if refused is not None:
            return refused
        false = None
        for fault in faults:
            false = _false_answer(fault) or false
            if fault.kind.name == "rest_rate_limit":
                self._used = max(self._used, self._sim.settings.rate_limit)
        withheld = any(fault.kind.name in {"rest_empty", "rest_reset"} for fault in faults)
        perform = any(fault.parameters["perform"] for fault in faults)
        if (false is None and not withheld) or perform:
            true = await self._capture(scope, receive)
            return false or true
        return false or _Answer(200, b"")

    def _refuse(self, scope: Scope) -> _Answer | None:
        settings = self._sim.settings
        headers = dict(scope["headers"])
        key = headers.get(b"apca-api-key-id", b"").decode("latin-1")
        secret = headers.get(b"apca-api-secret-key", b"").decode("latin-1")
        if (key, secret) != (settings.key, settings.secret):
            return _Answer.message(401)
        now = time.time()
        if now >= self._window_ends:
            window = settings.rate_window_seconds
            self._window_ends = math.floor(now / window) * window + window
            self._used = 0
        self._used += 1
        too_many = bool(settings.rate_limit and self._used > settings.rate_limit)
        self._sim.windows.count(self._window_ends, scope["method"], refused=too_many)
        return _Answer.message(429) if too_many else None

    async def _capture(self, scope: Scope, receive: Receive) -> _Answer:
        answer = _Answer(500, b"")

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.content_type = dict(message["headers"]).get(b"content-type", b"").decode("latin-1")
            else:
                answer.body += message.get("body", b"")

        await self._app(scope, receive, note)
        if answer.status in {404, 405} and "json" not in answer.content_type:
            return _Answer.message(answer.status)
        return answer

    async def _hang(self, seconds: float) -> None:
        """Wait so long, or until the simulator stops."""
        stopping = asyncio.ensure_future(self._sim.stopping.wait())
        await asyncio.wait({stopping}, timeout=seconds)
        stopping.cancel()

    async def _send(self, answer: _Answer, scope: Scope, send: Send, *, cut: bool) -> None:
        settings = self._sim.settings
        headers = [
            (b"content-length", str(len(answer.body)).encode()),
            (b"x-request-id", self._ids.uuid().replace("-", "").encode()),
        ]
        if answer.content_type:
            headers.append((b"content-type", answer.content_type.encode()))
        if settings.rate_limit and answer.status != 401:
            remaining = max(settings.rate_limit - self._used, 0)
            headers += [
                (b"x-ratelimit-limit", str(settings.rate_limit).encode()),
                (b"x-ratelimit-remaining", str(remaining).encode()),
                (b"x-ratelimit-reset", str(math.ceil(self._window_ends)).encode()),
            ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if cut:
            await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
            connection: HttpConnection = scope["state"]["connection"]
            connection.break_off()
            return
        await send({"type": "http.response.body", "body": answer.body})


def _false_answer(fault: ArmedFault) -> _Answer | None:
    parameters = fault.parameters
    match fault.kind.name:
        case "rest_rate_limit":
            return _Answer.message(429)
        case "rest_status":
            return _Answer.message(int(parameters["status"]), int(parameters["code"]))
        case "rest_html":
            return _Answer(int(parameters["status"]), HTML, "text/html")
        case "ambiguous_submit" if parameters["status"]:
            return _Answer(int(parameters["status"]), HTML, "text/html")
        case _:
            return None
