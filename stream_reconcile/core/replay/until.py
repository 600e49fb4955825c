"""Places in the log as people write them: `now`, offsets, or a time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeAlias

from stream_reconcile.core.errors import ConfigError

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,18}", re.ASCII)


class Now(NamedTuple):
    """The end of each partition at the start of the command."""


class Offsets(NamedTuple):
    """An offset for each partition named, by (topic, partition)."""

    by_partition: Mapping[tuple[str, int], int]


class Moment(NamedTuple):
    """The first record of each partition that is not older: Kafka's timestamp, ms since the epoch."""

    ms: int


Until: TypeAlias = Now | Offsets | Moment


def parse_until(text: str, *, option: str = "--until") -> Until:
    """`now`, `TOPIC:PARTITION:OFFSET[,…]`, or an ISO time (UTC where it names no offset). Raises ConfigError."""
    words = text.strip()
    if words == "now":
        return Now()
    # A time has colons too, but no topic is called like a date.
    if _DATE.match(words):
        return parse_moment(words, option=option)
    if "," in words or words.count(":") >= 2:
        return parse_offsets(words, option=option)
    raise ConfigError(
        f"{option}: {text!r} is neither `now`, nor offsets (TOPIC:PARTITION:OFFSET, commas between), nor a time "
        "(2026-01-31T14:30:00Z)"
    )


def parse_offsets(text: str, *, option: str) -> Offsets:
    """`TOPIC:PARTITION:OFFSET`, any number of them with commas between. Raises ConfigError."""
    found: dict[tuple[str, int], int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        topic, _, rest = part.partition(":")
        number, _, offset = rest.partition(":")
        if not (topic and _NUMBER.fullmatch(number) and _NUMBER.fullmatch(offset)):
            raise ConfigError(f"{option}: {part!r} is no place in the log: write TOPIC:PARTITION:OFFSET")
        place = (topic, int(number))
        if place in found:
            raise ConfigError(f"{option} names {topic}:{number} twice")
        found[place] = int(offset)
    if not found:
        raise ConfigError(f"{option} names no place in the log: write TOPIC:PARTITION:OFFSET, commas between")
    return Offsets(found)


def parse_moment(text: str, *, option: str) -> Moment:
    """An ISO date or time; UTC where it names no offset. Raises ConfigError."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError(f"{option}: {text!r} is no time: write 2026-01-31 or 2026-01-31T14:30:00Z") from None
    return Moment(round((time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp() * 1000))
