"""Which account is behind a key: one read of `GET /v2/account`, asked once."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from stream_reconcile.broker.http import Http, Limits, NoAnswer
from stream_reconcile.broker.rest_answers import key_refused
from stream_reconcile.core.errors import BrokerUnreachable, RateLimited

CONNECT_S: Final = 5.0
READ_S: Final = 10.0
_MAX_ID_LENGTH: Final = 128


class _Account(msgspec.Struct):
    id: str


_decode = msgspec.json.Decoder(_Account).decode


def key_fingerprint(key_id: str) -> str:
    """16 hex digits that tell keys apart without telling the key."""
    return hashlib.sha256(key_id.encode()).hexdigest()[:16]


def read_account_id(
    base_url: str,
    key_id: str,
    secret_key: str,
    *,
    connect_s: float = CONNECT_S,
    read_s: float = READ_S,
) -> str:
    """`id` of the account behind the key. Blocks for `connect_s` + `read_s` seconds at most; call it in a thread.

    Raises CredentialsRefused, RateLimited, BrokerUnreachable (no answer, or none that can be used). Whether the address
    may see the secret is the configuration's to check.
    """
    limits = Limits(connect_s, read_s, connect_s + read_s)
    with Http(base_url, key_id, secret_key, limits=limits, allow_plain=True) as http:
        answer = http.get("/account")
    if isinstance(answer, NoAnswer):
        raise BrokerUnreachable(
            f"{base_url} did not answer for its account ({answer.detail}): check APCA_API_BASE_URL and the network"
        )
    if answer.status in (401, 403):
        raise key_refused(base_url, answer.status)
    if answer.status == 429:
        raise RateLimited(f"{base_url} answered HTTP 429: this account's requests of the minute are used up")
    if answer.status >= 400:
        raise BrokerUnreachable(f"{base_url} answered HTTP {answer.status} for its account: try again later")
    try:
        account_id = _decode(answer.body).id
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        account_id = ""
    if not (0 < len(account_id) <= _MAX_ID_LENGTH) or not account_id.isprintable():
        raise BrokerUnreachable(f"{base_url} answered without an account id: check APCA_API_BASE_URL")
    return account_id
