"""What a caller may say in a query string: declared once, for the check and for the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from starlette.datastructures import QueryParams

from stream_reconcile.core.errors import ConfigError

MOST_CHARACTERS: Final = 200
MOST_ROWS: Final = 500
USUAL_ROWS: Final = 100

# What Postgres can't hold in a text, and what no id has.
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_NO_CONTROL: Final = r"^[^\u0000-\u001f\u007f]+$"
_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2261, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter. `read` takes the text and raises ConfigError; `many`: it may be given several times."""

    name: str
    meaning: str
    read: Callable[[str], Any]
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    many: bool = False


def text(name: str, meaning: str) -> Param:
    """Any text of one line."""

    def read(given: str) -> str:
        if _CONTROL.search(given):
            raise ConfigError(f"{name}: there are control characters in it")
        return given

    schema = {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS, "pattern": _NO_CONTROL}
    return Param(name, meaning, read, schema)


def texts(name: str, meaning: str) -> Param:
    """Several of them, any of which fits."""
    one = text(name, meaning)
    return Param(name, meaning, one.read, one.schema, many=True)


def choice(name: str, meaning: str, of: Iterable[str]) -> Param:
    """One word of a few."""
    words = tuple(of)

    def read(given: str) -> str:
        if given not in words:
            raise ConfigError(f"{name}: write one of {', '.join(words)}")
        return given

    return Param(name, meaning, read, {"type": "string", "enum": list(words)})


def flag(name: str, meaning: str) -> Param:
    """true or false."""

    def read(given: str) -> bool:
        if given not in ("true", "false"):
            raise ConfigError(f"{name}: write true or false")
        return given == "true"

    return Param(name, meaning, read, {"type": "boolean"})


def moment(name: str, meaning: str) -> Param:
    """A time in RFC 3339; without an offset it is UTC."""

    def read(given: str) -> datetime:
        # A plus that was not escaped arrives as a space.
        written = given.upper().replace(" ", "+") if "T" in given.upper() else given
        try:
            at = datetime.fromisoformat(written)
        except ValueError:
            raise ConfigError(f"{name}: write a time as 2026-01-05T14:30:00Z") from None
        # Nothing is older or newer than these, and what is beyond them Postgres or an offset might not bear.
        if at.year < _FIRST.year:
            return _FIRST
        return _LAST if at.year > _LAST.year else (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)

    return Param(name, meaning, read, {"type": "string", "format": "date-time"})


def number(name: str, meaning: str) -> Param:
    """A number of a row, from 1."""

    def read(given: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", given) or int(given) < 1:
            raise ConfigError(f"{name}: write a number from 1")
        return int(given)

    return Param(name, meaning, read, {"type": "integer", "minimum": 1, "maximum": 10**18 - 1})


def rows() -> Param:
    """How many rows a page may have."""

    def read(given: str) -> int:
        if not re.fullmatch(r"[0-9]{1,6}", given) or not 1 <= int(given) <= MOST_ROWS:
            raise ConfigError(f"limit: write a number from 1 to {MOST_ROWS}")
        return int(given)

    schema = {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": USUAL_ROWS}
    return Param("limit", "At most so many rows.", read, schema)


def read_all(declared: Sequence[Param], given: QueryParams) -> dict[str, Any]:
    """What was given, by name. Raises ConfigError for what is not declared, given twice, or not as declared."""
    known = {param.name: param for param in declared}
    if unknown := sorted(given.keys() - known.keys()):
        raise ConfigError(f"there is no parameter {', '.join(map(repr, unknown))} here; there are {', '.join(known)}")
    found: dict[str, Any] = {}
    for name in given.keys():  # noqa: SIM118 - of a multi-dict: each name once
        param, values = known[name], given.getlist(name)
        for value in values:
            if not value or (len(value) > MOST_CHARACTERS and name != "cursor"):
                raise ConfigError(f"{name}: write 1 to {MOST_CHARACTERS} characters, or leave it out")
        if len(values) > (50 if param.many else 1):
            raise ConfigError(f"{name}: given {len(values)} times")
        found[name] = [param.read(value) for value in values] if param.many else param.read(values[0])
    return found
