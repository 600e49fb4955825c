"""Keys, address and clock of Alpaca.

The websocket is not opened: an account has one, and a second connection may end that of the running ingest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import requests

from stream_reconcile.commands.check.findings import Finding, Level, attempt, skew_finding
from stream_reconcile.config import Settings
from stream_reconcile.config_account import Account
from stream_reconcile.core.errors import BrokerUnreachable

_LIMITS_S = (5.0, 10.0)  # to connect, between two reads


def check_broker(settings: Settings, seen: dict[str, str]) -> Iterator[Finding]:
    """Each account's key, and the clock of each address. Puts the name of each account found into `seen` by its id."""
    accounts = settings.require_accounts()
    for account in accounts:
        part = "broker" if len(accounts) == 1 else f"broker:{account.name}"
        yield from attempt(part, _check_key, account, part, seen)
    for base_url in dict.fromkeys(account.base_url for account in accounts):
        yield from attempt("broker", _check_clock, base_url)


def _check_key(account: Account, part: str, seen: dict[str, str]) -> Iterator[Finding]:
    from stream_reconcile.broker.account import read_account_id  # noqa: PLC0415 - slow to load: for those who ask

    account_id = read_account_id(account.base_url, account.key.get_secret_value(), account.secret.get_secret_value())
    if account.account_id not in (None, account_id):
        yield Finding(
            Level.WRONG,
            part,
            f"the key belongs to account {account_id}, and RECONCILE_ACCOUNT_ID says {account.account_id}: correct one",
        )
    elif account_id in seen:
        yield Finding(
            Level.WRONG, part, f"the keys of {seen[account_id]} and {account.name} belong to one account: list it once"
        )
    else:
        seen[account_id] = account.name
        yield Finding(Level.OK, part, f"{account.base_url} takes the key; it belongs to account {account_id}")


def _check_clock(base_url: str) -> Iterator[Finding]:
    begun = time.time()
    try:
        # Without the key: any answer has a Date header.
        answer = requests.get(f"{base_url}/v2/clock", timeout=_LIMITS_S)
    except requests.RequestException as error:
        raise BrokerUnreachable(
            f"{base_url} can't be reached ({type(error).__name__}): check APCA_API_BASE_URL and the network"
        ) from None
    ended = time.time()
    date = answer.headers.get("Date")
    if date is None:
        yield Finding(Level.WARNING, "clock", f"{base_url} does not say its time")
        return
    # The header is cut to seconds: its time is half a second later on average.
    ahead = parsedate_to_datetime(date).timestamp() + 0.5 - (begun + ended) / 2
    reason = "so received-at times and lag in seconds are wrong by that"
    yield skew_finding("clock", "the broker's", ahead, 0.5 + (ended - begun) / 2, reason=reason)
