"""Cursors of lists: where a list goes on, and of which list and filters. Opaque to callers, checked when they return.

A cursor is no secret and gives no right: it holds values of the row that a page ended with.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from stream_reconcile.core.errors import ConfigError

_MOST: Final = 2_000
_WRONG: Final = "cursor: it is none of this list; leave it out to begin anew"

Kinds = Sequence[type]
"""Types of a key's values, in order; `datetime` stands for its text, or "-infinity"."""


def write(path: str, filters: Mapping[str, Any], key: Sequence[Any]) -> str:
    """The cursor that goes on after the row with this key."""
    body = json.dumps([_mark(path, filters), *key], separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(body).decode("ascii").rstrip("=")


def read(text: str, path: str, filters: Mapping[str, Any], kinds: Kinds) -> list[Any]:
    """The key of a cursor. Raises ConfigError if it is damaged, or of another list or other filters."""
    if len(text) > _MOST:
        raise ConfigError(_WRONG)
    try:
        body = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise ConfigError(_WRONG) from None
    if not isinstance(body, list) or len(body) != len(kinds) + 1:
        raise ConfigError(_WRONG)
    mark, *key = body
    if mark != _mark(path, filters):
        raise ConfigError("cursor: it is of a list with other filters; go on with the filters that it began with")
    if not all(_fits(value, kind) for value, kind in zip(key, kinds, strict=True)):
        raise ConfigError(_WRONG)
    return key


def _mark(path: str, filters: Mapping[str, Any]) -> str:
    said = json.dumps([path, sorted(filters.items())], default=str)
    return hashlib.blake2b(said.encode(), digest_size=6).hexdigest()


def _fits(value: Any, kind: type) -> bool:
    if kind is int:
        return type(value) is int and -(2**63) <= value < 2**63
    if not isinstance(value, str) or "\x00" in value or not _is_utf8(value):
        return False
    try:
        if kind is datetime:
            return value == "-infinity" or datetime.fromisoformat(value).tzinfo is not None
        if kind is UUID:
            UUID(value)
    except ValueError:
        return False
    return True


def _is_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
