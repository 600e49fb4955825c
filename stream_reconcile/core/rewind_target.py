"""What a rewind is asked for: where to, and of which partitions, as people and machines write it. Pure.

The words are those of Kafka's own `kafka-consumer-groups --reset-offsets`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from stream_reconcile.core.errors import ConfigError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_NUMBER: Final = r"(\d+(?:[.,]\d+)?)"
# As java.time.Duration reads it, and weeks, which ISO 8601 has besides.
_ISO_DURATION: Final = re.compile(
    rf"P(?:{_NUMBER}W)?(?:{_NUMBER}D)?(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?", re.IGNORECASE
)
_SHORT_DURATION: Final = re.compile(rf"(?:{_NUMBER}w)?(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?")
_UNIT_MS: Final = (7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000)


class How(StrEnum):
    """Ways to say where to; the values are the names in JSON, and with dashes those of the options."""

    OFFSET = "to_offset"
    DATETIME = "to_datetime"
    DURATION = "by_duration"
    SHIFT = "shift_by"
    EARLIEST = "to_earliest"

    @property
    def option(self) -> str:
        """`--to-offset`, …"""
        return f"--{self.value.replace('_', '-')}"

    @property
    def is_time(self) -> bool:
        """Whether `Target.number` is a time."""
        return self in (How.DATETIME, How.DURATION)


class Target(NamedTuple):
    """Where to. `number`: an offset; ms since the epoch; records (negative: back); 0 for the earliest."""

    how: How
    number: int
    asked: str
    """As it was asked for, e.g. `--by-duration PT15M`."""
    notes: tuple[str, ...] = ()
    """What was understood of it and should be said."""


def target(asked: Mapping[str, object], *, now_ms: int) -> Target:
    """The one way that `asked` names (keys: values of How; None and False stand for not given). Raises ConfigError."""
    given = {How(name): value for name, value in asked.items() if value is not None and value is not False}
    if len(given) != 1:
        options = ", ".join(how.option for how in How)
        but = f", not {' and '.join(how.option for how in given)}" if given else ""
        raise ConfigError(f"say where to with one of {options}{but}")
    ((how, value),) = given.items()
    words = how.option if how is How.EARLIEST else f"{how.option} {value}"
    if how is How.EARLIEST:
        if value is not True:
            raise ConfigError(f"{how.option}: it takes no value ({value!r})")
        return Target(how, 0, words)
    if how is How.DATETIME:
        return _datetime(str(value), words)
    if how is How.DURATION:
        back_ms = duration_ms(str(value))
        at = (_EPOCH + max(0, now_ms - back_ms) * _MS).isoformat(timespec="milliseconds")
        return Target(how, max(0, now_ms - back_ms), words, (f"{value} before now is {at}",))
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigError(f"{how.option}: {value!r} is no whole number")
    if how is How.OFFSET and value < 0:
        raise ConfigError(f"{how.option}: an offset is not negative ({value}); {How.SHIFT.option} goes back by records")
    return Target(how, value, words)


def _datetime(text: str, words: str) -> Target:
    try:
        at = datetime.fromisoformat(text.strip())
        in_utc = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{How.DATETIME.option}: {text!r} is no time: write 2026-01-31T14:30:00Z or 2026-01-31T09:30:00-05:00"
        ) from None
    notes = () if at.tzinfo is not None else (f"{text} names no zone and is taken as UTC",)
    return Target(How.DATETIME, max(0, (in_utc - _EPOCH) // _MS), words, notes)


def duration_ms(text: str) -> int:
    """`PT15M`, `P1DT2H30.5S`, or short `15m`, `1h30m`, in ms. Raises ConfigError for anything else, 0 included."""
    written = text.strip()
    found = _ISO_DURATION.fullmatch(written) or _SHORT_DURATION.fullmatch(written.lower())
    amounts = [float(group.replace(",", ".")) if group else 0.0 for group in found.groups()] if found else []
    total = round(sum(amount * unit for amount, unit in zip(amounts, _UNIT_MS, strict=True))) if amounts else 0
    if total <= 0 or total > 10**15:
        raise ConfigError(
            f"{How.DURATION.option}: {text!r} is no duration: write PT15M, P1DT12H (ISO 8601), or 15m, 1h30m, 2d"
        )
    return total


def chosen_topics(written: Iterable[str], *, prefix: str, applied: Sequence[str]) -> dict[str, frozenset[int] | None]:
    """`t`, `t:p` or `t:p,p…` as topics of ours and their partitions; None: all of them. Nothing written: all topics.

    A name may come with the prefix or without. Raises ConfigError for a topic that apply does not read.
    """
    chosen: dict[str, frozenset[int] | None] = {}
    for text in written:
        name, colon, numbers = text.strip().partition(":")
        topic = next((topic for topic in applied if name in (topic, topic.removeprefix(prefix))), None)
        if topic is None:
            raise ConfigError(f"--topic: {name!r} is no topic that apply reads: {', '.join(applied)}")
        partitions = _partitions(text, numbers) if colon else None
        before = chosen.get(topic, frozenset())
        chosen[topic] = None if partitions is None or before is None else before | partitions
    return chosen or dict.fromkeys(applied)


def _partitions(text: str, numbers: str) -> frozenset[int]:
    parts = [part.strip() for part in numbers.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ConfigError(f"--topic: {text!r} names no partitions: write topic:0 or topic:0,3,5")
    return frozenset(map(int, parts))
