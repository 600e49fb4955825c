"""Which account this installation is for. Nothing is published or applied for another (F6).

The first account seen behind a key is pinned; from then on only that one will do. `RECONCILE_ACCOUNT_ID` (here
`expected`) says which it has to be instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from stream_reconcile.core.errors import WrongAccount
from stream_reconcile.store import queries

_SQL = queries.load("accounts.sql")


def pinned(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Key fingerprint of each account pinned, the first pinned first."""
    return dict(connection.execute(_SQL["pinned"]).fetchall())


def pinned_by_key(connection: psycopg.Connection[Any], key_fingerprint: str, *, expected: str | None) -> str | None:
    """The account pinned with this key, to go on with while the broker does not answer; None if there is none.

    Raises WrongAccount while an F6 of it is open.
    """
    for account_id, fingerprint in pinned(connection).items():
        if fingerprint == key_fingerprint and expected in (None, account_id):
            refuse_open_f6(connection, account_id)
            return account_id
    return None


def pin(
    connection: psycopg.Connection[Any], seen: str, key_fingerprint: str, *, expected: str | None, sole: bool
) -> None:
    """Pin the account `seen` behind the key, or make sure that it is the pinned one.

    `expected`: the only account that may be behind this key, if configured. `sole`: this is the only account of the
    configuration, so another one pinned here was pinned through the same setting.

    Raises WrongAccount, after F6 was recorded, if it is another; also while an F6 of the account is open.
    """
    with connection.transaction():
        connection.execute(_SQL["lock"])
        ours = whose_place(pinned(connection), seen, key_fingerprint, expected=expected, sole=sole)
        if ours is None:
            refuse_open_f6(connection, seen)
            connection.execute(_SQL["pin"], {"account_id": seen, "key_fingerprint": key_fingerprint})
            return
        evidence = {"broker": {"account_id": seen}, "ours": {"account_id": ours}}
        values = {"account_id": ours, "subject": seen, "evidence": Jsonb(evidence)}
        connection.execute(_SQL["open_wrong_account"], values)
    raise WrongAccount(
        f"the key belongs to account {seen}, but this installation is for account {ours}: nothing was written. "
        f"Correct the key (or RECONCILE_ACCOUNT_ID, or use another database), then accept the discrepancy "
        f"wrong_account of account {ours}"
    )


def whose_place(
    pinned_keys: Mapping[str, str], seen: str, key_fingerprint: str, *, expected: str | None, sole: bool
) -> str | None:
    """None if `seen` may be (or is) pinned, else the account that should have been there. Arguments as in `pin`."""
    if expected is not None:
        return None if seen == expected else expected
    if seen in pinned_keys or not pinned_keys:
        return None
    same_key = next((account_id for account_id, key in pinned_keys.items() if key == key_fingerprint), None)
    if same_key is not None or not sole:
        return same_key
    return next(iter(pinned_keys))


def refuse_open_f6(connection: psycopg.Connection[Any], account_id: str) -> None:
    """Raise WrongAccount while an F6 of the account is open: all its jobs stand still until a person accepts it."""
    row = connection.execute(_SQL["has_wrong_account"], {"account_id": account_id}).fetchone()
    if row is not None and row[0]:
        raise WrongAccount(
            f"another account than {account_id} was seen behind its key, and the discrepancy wrong_account that says "
            "so is open: nothing was written. Make sure that the key is right, then accept the discrepancy"
        )
