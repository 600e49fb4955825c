"""Which account is behind a key: one read of `GET /v2/account` through alpaca-py's client, with real time limits.

alpaca-py's REST client has none, and retries 429 and 504 by itself three times with fixed pauses; both are taken away
from it here. It offers no argument for either, so its private `_session` and `_retry` are set, and a test holds that
they still do what we think.
"""

from __future__ import annotations

import hashlib
import warnings
from typing import Any, Final

import requests

from stream_reconcile.core.errors import BrokerUnreachable, CredentialsRefused, RateLimited, ReconcileError

with warnings.catch_warnings():
    # alpaca-py 0.44 still imports websockets.legacy for its own stream, which is not used here.
    warnings.filterwarnings("ignore", message=r"websockets\.legacy is deprecated", category=DeprecationWarning)
    from alpaca.common.exceptions import APIError
    from alpaca.trading.client import TradingClient

CONNECT_S: Final = 5.0
READ_S: Final = 10.0
_MAX_ID_LENGTH: Final = 128


def key_fingerprint(key_id: str) -> str:
    """16 hex digits that tell keys apart without telling the key."""
    return hashlib.sha256(key_id.encode()).hexdigest()[:16]


def read_account_id(
    base_url: str, key_id: str, secret_key: str, *, connect_s: float = CONNECT_S, read_s: float = READ_S
) -> str:
    """`id` of the account behind the key. Blocks for about `connect_s` + `read_s` seconds at most; call it in a thread.

    Raises CredentialsRefused, RateLimited, BrokerUnreachable (no answer, or none that can be used).
    """
    client = TradingClient(key_id, secret_key, raw_data=True, url_override=base_url)
    with BoundedSession(connect_s, read_s) as session:
        client._session.close()
        client._session = session
        client._retry = 0
        try:
            account: Any = client.get_account()
        except APIError as error:
            raise _refusal(error.status_code, base_url) from None
        except requests.RequestException as error:
            # Not chained: the request, and with it our secret, hangs on the exception.
            raise BrokerUnreachable(
                f"{base_url} did not answer for its account ({type(error).__name__}): check APCA_API_BASE_URL and the "
                "network"
            ) from None
    account_id = account.get("id") if isinstance(account, dict) else None
    if not isinstance(account_id, str) or not (0 < len(account_id) <= _MAX_ID_LENGTH) or not account_id.isprintable():
        raise BrokerUnreachable(f"{base_url} answered without an account id: check APCA_API_BASE_URL")
    return account_id


class BoundedSession(requests.Session):
    """A session whose every request has a limit to connect and one between any two reads, in seconds."""

    def __init__(self, connect_s: float, read_s: float) -> None:
        super().__init__()
        self._limits = (connect_s, read_s)

    def request(self, method: str, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        """As `requests.Session.request`, with our limits unless others are given."""
        if options.get("timeout") is None:
            options["timeout"] = self._limits
        return super().request(method, url, *args, **options)


def _refusal(status: int | None, base_url: str) -> ReconcileError:
    if status in (401, 403):
        return CredentialsRefused(
            f"{base_url} refused the key (HTTP {status}): check APCA_API_KEY_ID and APCA_API_SECRET_KEY, and that they "
            "belong to this address (paper and live have keys of their own)"
        )
    if status == 429:
        return RateLimited(f"{base_url} answered HTTP 429: this account's requests of the minute are used up")
    return BrokerUnreachable(f"{base_url} answered HTTP {status} for its account: try again later")
