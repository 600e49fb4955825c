"""Every fault that can be ordered, as a table: what it is called, where it strikes, and what can be set.

Parameters that every fault has: `count` (how often it strikes; 0: until cleared), `after` (so many chances pass
first), `probability` (of striking at each chance). What a chance is depends on the place: a frame about to be sent, a
handshake, an answer to `auth` or `listen`, a REST request.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from stream_reconcile.core.errors import ConfigError

Value = str | int | float | bool


class Place(Enum):
    """Where a fault strikes, and thereby what its chances are."""

    FRAME = "each trade_updates frame"
    SOCKET = "the open websocket, at once; with `after` or `probability`, before a frame"
    HANDSHAKE = "each websocket handshake"
    AUTH = "each `auth` message"
    LISTEN = "each `listen` message"
    REST = "each request to /v2"
    BOOKS = "after a frame, in the broker's own books"
    STATE = "as long as it is armed"


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One line of the catalogue. `parameters` are those beside `count`, `after` and `probability`, with defaults."""

    name: str
    place: Place
    summary: str
    parameters: dict[str, Value]


_FRAMES: dict[str, Value] = {"events": "", "order_id": "", "symbol": ""}
_REQUESTS: dict[str, Value] = {"method": "", "path": "", "perform": False}

CATALOGUE = (
    FaultKind("drop", Place.FRAME, "The frame is never sent.", _FRAMES),
    FaultKind(
        "duplicate",
        Place.FRAME,
        "The frame is sent again: `copies` times, each up to `within` frames later (0: at once).",
        {**_FRAMES, "copies": 1, "within": 0},
    ),
    FaultKind(
        "reorder",
        Place.FRAME,
        "The frame is held back until up to `window` later ones have gone out, at most `seconds`.",
        {**_FRAMES, "window": 5, "seconds": 2.0},
    ),
    FaultKind(
        "delay", Place.FRAME, "The frame is sent `seconds` later, past those behind it.", {**_FRAMES, "seconds": 1.0}
    ),
    FaultKind(
        "unknown_field",
        Place.FRAME,
        "The frame carries fields that nobody knows, in the envelope and in the order.",
        {**_FRAMES, "name": "field_of_tomorrow"},
    ),
    FaultKind("disconnect", Place.SOCKET, "The server closes with close code `code`.", {"code": 1001}),
    FaultKind("disconnect_abrupt", Place.SOCKET, "The TCP connection is cut, no close frame.", {}),
    FaultKind("silent", Place.SOCKET, "The socket stays open and answers pings, but carries nothing more.", {}),
    FaultKind("frozen", Place.SOCKET, "The socket stays open and does nothing more, not even answer pings.", {}),
    FaultKind(
        "error_frame",
        Place.SOCKET,
        "The documented error message, then the server closes.",
        {"message": "internal server error", "code": 1011},
    ),
    FaultKind("null_data", Place.SOCKET, 'A message `{"stream":"trade_updates","data":null}`.', {}),
    FaultKind("heartbeat", Place.SOCKET, "A binary message of the one byte 0x01.", {}),
    FaultKind("html_frame", Place.SOCKET, "A text message of HTML.", {}),
    FaultKind(
        "refuse_handshake",
        Place.HANDSHAKE,
        "The handshake is answered with HTTP `status` (429, 401, 403, 503 …).",
        {"status": 429},
    ),
    FaultKind(
        "refuse_auth",
        Place.AUTH,
        "Right credentials are refused. `shape` of the answer: `401` (2026), `key` (2020) or `plain` (docs).",
        {"shape": "401"},
    ),
    FaultKind("ignore_auth", Place.AUTH, "`auth` gets no answer at all.", {}),
    FaultKind("refuse_listen", Place.LISTEN, "The acknowledgement grants nothing: `streams: []`.", {}),
    FaultKind("ignore_listen", Place.LISTEN, "`listen` gets no answer at all.", {}),
    FaultKind(
        "rest_rate_limit",
        Place.REST,
        "HTTP 429, and the window counts as used up: 429 for all that follows until its reset.",
        _REQUESTS,
    ),
    FaultKind(
        "rest_status",
        Place.REST,
        "HTTP `status` with a JSON body, which has the broker's `code` (0: none, as gateways answer).",
        {**_REQUESTS, "status": 503, "code": 0},
    ),
    FaultKind("rest_html", Place.REST, "HTTP `status` with the HTML page of a gateway.", {**_REQUESTS, "status": 502}),
    FaultKind("rest_hang", Place.REST, "No answer for `seconds`, then the true one.", {**_REQUESTS, "seconds": 60.0}),
    FaultKind("rest_cut", Place.REST, "The body breaks off in the middle.", _REQUESTS),
    FaultKind("rest_empty", Place.REST, "HTTP 200 with an empty body.", _REQUESTS),
    FaultKind("rest_reset", Place.REST, "The TCP connection is reset, no answer.", _REQUESTS),
    FaultKind(
        "ambiguous_submit",
        Place.REST,
        "The order is placed, but after `seconds` the caller gets a gateway's `status` (0: a reset connection).",
        {"method": "POST", "path": "/v2/orders", "perform": True, "seconds": 5.0, "status": 504},
    ),
    FaultKind(
        "unknown_event",
        Place.BOOKS,
        "The broker sends one more event of the same order, by a name that nobody knows.",
        {**_FRAMES, "name": "event_of_tomorrow"},
    ),
    FaultKind(
        "unknown_status",
        Place.BOOKS,
        "The broker restates the order with a status that nobody knows, REST included, until its next change.",
        {**_FRAMES, "name": "status_of_tomorrow"},
    ),
    FaultKind("withhold_activities", Place.STATE, "New activities are not listed until it is cleared.", {}),
    FaultKind(
        "late_activities",
        Place.STATE,
        "Activities are listed `seconds` later; `after` and `until` go by when they should have been.",
        {"seconds": 30.0},
    ),
    FaultKind(
        "stale_orders",
        Place.STATE,
        "Lists of orders are as they stood `seconds` ago (not before it was armed); each order by its id is true.",
        {"seconds": 10.0},
    ),
    FaultKind(
        "miss_in_list",
        Place.STATE,
        "The order `order_id` (or those of `symbol`, or all) is in no list, but found by its ids.",
        {"order_id": "", "symbol": ""},
    ),
    FaultKind(
        "forget_order",
        Place.STATE,
        "The order `order_id` (or of `client_order_id`) is nowhere: in no list, and HTTP 404 by its ids.",
        {"order_id": "", "client_order_id": ""},
    ),
    FaultKind(
        "lagging_positions",
        Place.STATE,
        "Positions are as they stood `seconds` ago (not before it was armed).",
        {"seconds": 10.0},
    ),
    FaultKind(
        "wrong_account",
        Place.STATE,
        "GET /v2/account names another account (`account_id`) until it is cleared.",
        {"account_id": "00000000-bad0-4000-8000-000000000000"},
    ),
)

KINDS = {kind.name: kind for kind in CATALOGUE}

COMMON: dict[str, Value] = {"count": 1, "after": 0, "probability": 1.0}


def settle_parameters(name: str, given: dict[str, object]) -> dict[str, Value]:
    """All parameters of a fault, those given converted to the type of their default. Raises ConfigError."""
    kind = KINDS.get(name)
    if kind is None:
        raise ConfigError(f"there is no fault {name!r}; there are {', '.join(sorted(KINDS))}")
    known = {**COMMON, **kind.parameters}
    settled = dict(known)
    for key, value in given.items():
        if key not in known:
            raise ConfigError(f"fault {name} has no parameter {key!r}; it has {', '.join(known)}")
        settled[key] = _convert(name, key, value, known[key])
    if not 0.0 <= float(settled["probability"]) <= 1.0:
        raise ConfigError(f"fault {name}: probability must be from 0 to 1")
    # By default a fault strikes once; given a probability alone, at each chance that the dice say.
    if kind.place is Place.STATE or ("probability" in given and "count" not in given):
        settled["count"] = 0
    return settled


def read_fault(text: str) -> tuple[str, dict[str, object]]:
    """A fault as flags give it: `name` or `name:parameter=value,parameter=value`. Raises ConfigError."""
    name, _, rest = text.partition(":")
    given: dict[str, object] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ConfigError(f"fault {text!r}: {part!r} is not parameter=value")
        given[key.strip()] = value.strip()
    settle_parameters(name.strip(), given)
    return name.strip(), given


def _convert(name: str, key: str, value: object, default: Value) -> Value:
    try:
        if isinstance(default, bool):
            return value if isinstance(value, bool) else {"true": True, "false": False}[str(value).lower()]
        if isinstance(default, int):
            return int(str(value))
        if isinstance(default, float):
            return float(str(value))
    except (ValueError, KeyError) as error:
        kind = type(default).__name__
        raise ConfigError(f"fault {name}: {key} must be of type {kind}, not {value!r}") from error
    if isinstance(value, list | tuple):
        # The control endpoint may name events as a JSON list, flags can't hold a comma: they use `+`.
        return "+".join(str(item) for item in value)
    return str(value)
