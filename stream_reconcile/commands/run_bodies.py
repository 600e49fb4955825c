"""Reading the objects that are posted to `run`: each name is known, each value of its kind. All raise ConfigError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stream_reconcile.core.errors import ConfigError

Body = Mapping[str, Any]


def only(body: Body, *known: str) -> None:
    """A name that is written wrong must not be taken for one that is left out."""
    if unknown := sorted(body.keys() - set(known)):
        raise ConfigError(f"there is no {', '.join(map(repr, unknown))} here; there are {', '.join(known)}")


def flag(body: Body, name: str, default: bool) -> bool:
    """True or false."""
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise ConfigError(f'"{name}" is true or false')
    return value


def text(body: Body, name: str) -> str:
    """Without spaces around it; empty where it is left out."""
    value = body.get(name, "")
    if not isinstance(value, str):
        raise ConfigError(f'"{name}" is a text')
    return value.strip()


def number(body: Body, name: str, advice: str) -> int | None:
    """A number of a row, from 1; None where it is left out."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
        raise ConfigError(f'"{name}": {advice}')
    return value


def texts(body: Body, name: str, advice: str) -> list[str]:
    """A list of texts; empty where it is left out."""
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ConfigError(f'"{name}": {advice}')
    return value


def who(body: Body) -> str:
    """Who says that they ask."""
    return f"{text(body, 'who') or 'holder of the token'} over HTTP"
