"""What an answer of REST says: an object, a list, a true "not found", or nothing that can be used.

Bodies are handed on byte for byte; of their elements only ids and the times that paging needs are read. Bodies of
errors are `{"code", "message"}`, of gateways `{"message"}` alone or HTML.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from stream_reconcile.broker.http import Answer
from stream_reconcile.core.errors import CredentialsRefused, WireError
from stream_reconcile.core.timestamps import parse_ns

_NOT_FOUND: Final = 40410000
_MAX_REQUEST_ID: Final = 128


class Found(NamedTuple):
    """One object, its bytes as the broker sent them. `request_id`: X-Request-ID, "" if there was none."""

    raw: bytes
    received_at_ns: int
    request_id: str


class Page(NamedTuple):
    """Elements of a list, each one's bytes as the broker sent them, and each one's `id` ("" if it has none)."""

    items: tuple[bytes, ...]
    ids: tuple[str, ...]
    received_at_ns: int
    request_id: str


class Entry(NamedTuple):
    """One element, with what paging needs of it. `at_ns`: `submitted_at`, None where unreadable."""

    raw: bytes
    id: str
    at_ns: int | None


class Listing(NamedTuple):
    """A list as it came. `rows`: its elements, and the legs within them."""

    entries: tuple[Entry, ...]
    rows: int
    received_at_ns: int
    request_id: str


class UnusableError(Exception):
    """A 200 whose body is none; never leaves this package. `outcome`: empty, html or invalid."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class _Element(msgspec.Struct):
    id: Any = ""
    client_order_id: Any = None
    submitted_at: Any = None
    legs: msgspec.Raw = msgspec.Raw(b"null")


class _Error(msgspec.Struct):
    message: str
    code: Any = None


_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_element = msgspec.json.Decoder(_Element).decode
_decode_error = msgspec.json.Decoder(_Error).decode


def request_id(answer: Answer) -> str:
    """X-Request-ID, if it is one."""
    text = answer.headers.get("X-Request-ID", "")
    return text if len(text) <= _MAX_REQUEST_ID and text.isprintable() else ""


def read_object(answer: Answer, order_id: str | None = None, client_order_id: str | None = None) -> Found:
    """The one object; an order with an id, and with that one, if one is given. Raises UnusableError."""
    body = _body(answer)
    try:
        found = _decode_element(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise UnusableError("invalid") from None
    if order_id is not None and str(found.id).lower() != order_id.lower():
        raise UnusableError("invalid")
    if client_order_id is not None and (not isinstance(found.id, str) or not found.id):
        raise UnusableError("invalid")
    if client_order_id is not None and found.client_order_id != client_order_id:
        raise UnusableError("invalid")
    return Found(answer.body, answer.received_at_ns, request_id(answer))


def read_list(answer: Answer) -> Listing:
    """The list. Raises UnusableError."""
    body = _body(answer)
    entries = []
    rows = 0
    try:
        for raw in _decode_list(body):
            element = _decode_element(raw)
            at_ns = _time(element.submitted_at)
            entries.append(Entry(bytes(raw), element.id if isinstance(element.id, str) else "", at_ns))
            rows += 1 + _length(element.legs)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise UnusableError("invalid") from None
    return Listing(tuple(entries), rows, answer.received_at_ns, request_id(answer))


def page_of(listing: Listing, entries: list[Entry] | tuple[Entry, ...] | None = None) -> Page:
    """The list, or so much of it, for the caller."""
    chosen = listing.entries if entries is None else entries
    return Page(
        tuple([entry.raw for entry in chosen]),
        tuple([entry.id for entry in chosen]),
        listing.received_at_ns,
        listing.request_id,
    )


def is_not_found(answer: Answer) -> bool:
    """Whether the broker itself says that there is no such order.

    A gateway's 404 (HTML, or any message that does not speak of an order) is no word of the broker's books (I6).
    """
    error = _error(answer)
    if answer.status != 404 or error is None:
        return False
    message = error.message.lower()
    return error.code == _NOT_FOUND or (error.code is None and "order" in message and "not found" in message)


def is_refused_parameter(answer: Answer) -> bool:
    """Whether the broker's own program did not take the query."""
    return answer.status in (400, 404, 422) and _error(answer) is not None


def is_refused_id(answer: Answer) -> bool:
    """Whether the broker's own program did not take an id for one: no word of whether there is such an order.

    Its errors have a code. Who answers without one may answer otherwise in a while.
    """
    error = _error(answer)
    return answer.status in (400, 422) and error is not None and isinstance(error.code, int)


def may_pass(answer: Answer) -> bool:
    """Whether the same request may be answered otherwise in a while: trouble of the broker's, a gateway's page."""
    return answer.status >= 500 or answer.status in (408, 425) or (answer.status >= 400 and _error(answer) is None)


def key_refused(base_url: str, status: int) -> CredentialsRefused:
    """401 and 403."""
    return CredentialsRefused(
        f"{base_url} refused the key (HTTP {status}): check APCA_API_KEY_ID and APCA_API_SECRET_KEY, and that they "
        "belong to this address (paper and live have keys of their own)"
    )


def _body(answer: Answer) -> bytes:
    body = answer.body.strip()
    if not body:
        raise UnusableError("empty")
    if body.startswith(b"<"):
        raise UnusableError("html")
    return body


def _error(answer: Answer) -> _Error | None:
    try:
        return _decode_error(answer.body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _length(legs: msgspec.Raw) -> int:
    try:
        return len(_decode_list(legs))
    except msgspec.MsgspecError:
        return 0  # null: no legs


def _time(text: object) -> int | None:
    try:
        return parse_ns(text) if isinstance(text, str) else None
    except WireError:
        return None
