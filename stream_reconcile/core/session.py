"""One websocket session with Alpaca's `/stream`, without IO: feed what happened and `now`, get what to do.

    OPENING ──opened──▶ AUTHENTICATING ──authorized──▶ SUBSCRIBING ──trade_updates granted──▶ LISTENING
       └─────────────────────┴──────────── deadline, refusal, error, silence ────┴───────────────┴──▶ CLOSED

The client speaks first; there is no greeting (docs.alpaca.markets/docs/websocket-streaming). A rule is a row of
`_RULES`; a pair of state and frame that has no row is a bug here and raises. `now_ns` is any clock that only goes
forward.

What counts as alive is any frame and any pong. A ping is asked for when nothing was heard for a while, and its answer
has a deadline: so every state but CLOSED has one, and no wait is without limit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from stream_reconcile.core.wire.peek import Kind, Peek, peek

_SECOND = 1_000_000_000


class State(Enum):
    """Where the session stands."""

    OPENING = "opening"
    AUTHENTICATING = "authenticating"
    SUBSCRIBING = "subscribing"
    LISTENING = "listening"
    CLOSED = "closed"


class End(Enum):
    """Why a session ended. The value is a metric label and the `close_reason` of its row."""

    STOPPED = "stopped"
    LEASE_LOST = "lease_lost"
    RECYCLED = "recycled"
    DISCONNECTED = "disconnected"
    UNREACHABLE = "unreachable"
    RATE_LIMITED = "rate_limited"
    HANDSHAKE_REFUSED = "handshake_refused"
    OPEN_TIMEOUT = "open_timeout"
    AUTH_TIMEOUT = "auth_timeout"
    LISTEN_TIMEOUT = "listen_timeout"
    SILENT = "silent"
    MUTE = "mute"
    READER_STUCK = "reader_stuck"
    CREDENTIALS_REFUSED = "credentials_refused"
    CONNECTION_LIMIT = "connection_limit"
    NOT_GRANTED = "not_granted"
    STREAM_ERROR = "stream_error"


class Send(NamedTuple):
    """Send these bytes as one text frame."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Ping:
    """Send a ping and report its answer with `pong`."""


@dataclass(frozen=True, slots=True)
class Authorized:
    """The broker took the key."""


@dataclass(frozen=True, slots=True)
class Listening:
    """The broker granted trade_updates: from here on frames are expected."""


class Close(NamedTuple):
    """Close the socket; the session is over."""

    end: End


Output = Send | Ping | Authorized | Listening | Close


@dataclass(frozen=True)
class Timing:
    """How long the session waits, in seconds."""

    open_s: float = 10.0  # TCP, TLS and HTTP handshake
    auth_s: float = 10.0  # the answer to our auth message
    listen_s: float = 10.0  # the answer to our listen message
    ping_every_s: float = 20.0  # nothing heard for so long: ask
    pong_within_s: float = 20.0  # no answer and no frame for so long after: the socket is dead


class _Do(Enum):
    STAY = "stay"
    SUBSCRIBE = "subscribe"
    LISTEN = "listen"
    REFUSED = "refused"  # the broker said no; its words tell what kind of no
    NOT_GRANTED = "not_granted"
    FAIL = "fail"


_PASSIVE = (Kind.UPDATE, Kind.HEARTBEAT, Kind.OTHER, Kind.JUNK)

# Frames that carry no answer change nothing in any state: an update may overtake an ack, a gateway may send HTML.
_RULES: dict[tuple[State, Kind], _Do] = {
    **{(state, kind): _Do.STAY for state in State if state is not State.OPENING for kind in _PASSIVE},
    (State.AUTHENTICATING, Kind.AUTHORIZED): _Do.SUBSCRIBE,
    (State.AUTHENTICATING, Kind.UNAUTHORIZED): _Do.REFUSED,
    (State.AUTHENTICATING, Kind.GRANTED): _Do.STAY,  # nobody asked yet; it authorizes nothing
    (State.AUTHENTICATING, Kind.NOT_GRANTED): _Do.STAY,
    (State.AUTHENTICATING, Kind.ERROR): _Do.FAIL,
    (State.SUBSCRIBING, Kind.AUTHORIZED): _Do.STAY,
    (State.SUBSCRIBING, Kind.UNAUTHORIZED): _Do.REFUSED,
    (State.SUBSCRIBING, Kind.GRANTED): _Do.LISTEN,
    (State.SUBSCRIBING, Kind.NOT_GRANTED): _Do.NOT_GRANTED,
    (State.SUBSCRIBING, Kind.ERROR): _Do.FAIL,
    (State.LISTENING, Kind.AUTHORIZED): _Do.STAY,
    (State.LISTENING, Kind.UNAUTHORIZED): _Do.REFUSED,
    (State.LISTENING, Kind.GRANTED): _Do.STAY,
    (State.LISTENING, Kind.NOT_GRANTED): _Do.NOT_GRANTED,  # the set was replaced: we hear nothing any more
    (State.LISTENING, Kind.ERROR): _Do.FAIL,
    **{(State.CLOSED, kind): _Do.STAY for kind in Kind if kind not in _PASSIVE},  # read before the close
}

# An "unauthorized" that is not about the key; first match wins, all else is a refusal of the key. Wordings: the status
# that Alpaca's C# SDK maps to too many connections, and "code=NNN, message=…" of captures.
_REFUSALS: tuple[tuple[str, End], ...] = (
    ("too many connections", End.CONNECTION_LIMIT),
    ("connection limit", End.CONNECTION_LIMIT),
    ("code=406", End.CONNECTION_LIMIT),
    ("code=429", End.CONNECTION_LIMIT),
    ("code=5", End.STREAM_ERROR),
    ("internal", End.STREAM_ERROR),
)

_TIMEOUTS = {
    State.OPENING: End.OPEN_TIMEOUT,
    State.AUTHENTICATING: End.AUTH_TIMEOUT,
    State.SUBSCRIBING: End.LISTEN_TIMEOUT,
}

_LISTEN = json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}).encode()


class StreamSession:
    """The session from the first attempt to connect until it is closed; a new socket needs a new one."""

    def __init__(self, key_id: str, secret_key: str, *, now_ns: int, timing: Timing | None = None) -> None:
        self._auth = json.dumps({"action": "auth", "key": key_id, "secret": secret_key}).encode()
        self._timing = timing or Timing()
        self._state = State.OPENING
        self._pinged = False
        self._deadline = now_ns + _ns(self._timing.open_s)
        self._ping_every = _ns(self._timing.ping_every_s)

    @property
    def state(self) -> State:
        """Where the session stands now."""
        return self._state

    @property
    def deadline_ns(self) -> int | None:
        """When `tick` must be called at the latest; None once closed."""
        return None if self._state is State.CLOSED else self._deadline

    def opened(self, now_ns: int) -> tuple[Output, ...]:
        """The HTTP handshake succeeded: authenticate. Raises RuntimeError if it was opened or closed before."""
        if self._state is not State.OPENING:
            raise RuntimeError(f"a session can't be opened while {self._state.value}")
        self._state = State.AUTHENTICATING
        self._deadline = now_ns + _ns(self._timing.auth_s)
        return (Send(self._auth),)

    def received(self, raw: bytes, now_ns: int) -> tuple[Peek, tuple[Output, ...]]:
        """A frame arrived, text or binary; returns what it says and what to do. RuntimeError before `opened`."""
        seen = peek(raw)
        rule = _RULES.get((self._state, seen.kind))
        if rule is None:
            raise RuntimeError(f"no rule for a frame of kind {seen.kind.value} while {self._state.value}")
        self._heard(now_ns)
        return seen, () if rule is _Do.STAY else self._follow(rule, seen, now_ns)

    def pong(self, now_ns: int) -> None:
        """A ping was answered."""
        self._heard(now_ns)

    def tick(self, now_ns: int) -> tuple[Output, ...]:
        """Time has passed. Does nothing before the deadline."""
        if self._state is State.CLOSED or now_ns < self._deadline:
            return ()
        if self._state in _TIMEOUTS:
            return self.close(_TIMEOUTS[self._state])
        if self._pinged:
            return self.close(End.SILENT)
        self._pinged = True
        self._deadline = now_ns + _ns(self._timing.pong_within_s)
        return (Ping(),)

    def close(self, end: End) -> tuple[Output, ...]:
        """End the session, by our own wish or because the socket is gone. A second end is ignored."""
        if self._state is State.CLOSED:
            return ()
        self._state = State.CLOSED
        return (Close(end),)

    def _heard(self, now_ns: int) -> None:
        # Before LISTENING the deadline is that of an answer; frames that are no answer must not put it off.
        if self._state is State.LISTENING:
            self._pinged = False
            self._deadline = now_ns + self._ping_every

    def _follow(self, rule: _Do, seen: Peek, now_ns: int) -> tuple[Output, ...]:
        if rule is _Do.SUBSCRIBE:
            self._state = State.SUBSCRIBING
            self._deadline = now_ns + _ns(self._timing.listen_s)
            return Authorized(), Send(_LISTEN)
        if rule is _Do.LISTEN:
            self._state = State.LISTENING
            self._heard(now_ns)
            return (Listening(),)
        if rule is _Do.NOT_GRANTED:
            return self.close(End.NOT_GRANTED)
        if rule is _Do.REFUSED:
            return self.close(refusal(seen.message))
        return self.close(End.STREAM_ERROR)


def refusal(message: str) -> End:
    """What kind of no the broker's words to an `unauthorized` mean."""
    words = message.lower()
    return next((end for wording, end in _REFUSALS if wording in words), End.CREDENTIALS_REFUSED)


def _ns(seconds: float) -> int:
    return int(seconds * _SECOND)
