"""One thing that `check` found, and what it means for the exit status."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple, ParamSpec, Self

from stream_reconcile.core.errors import ConfigError, ReconcileError, RefusedError, UnreachableError

Arguments = ParamSpec("Arguments")

# Seconds. NTP keeps a machine within milliseconds; headers are cut to seconds.
CLOCK_WARNING_S = 2.0
CLOCK_BAD_S = 30.0


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"  # works, but less well or less safely than it could
    BAD = "bad"  # set up right, and something is wrong all the same
    WRONG = "wrong"  # set up wrong
    UNREACHABLE = "unreachable"


_STATUSES = {Level.OK: 0, Level.WARNING: 0, Level.BAD: 1, Level.WRONG: 2, Level.UNREACHABLE: 3}


class Finding(NamedTuple):
    """`message` says what was found, and where it is not `ok` what to do."""

    level: Level
    part: str
    message: str

    @classmethod
    def of(cls, part: str, error: ReconcileError) -> Self:
        """What an error means."""
        if isinstance(error, UnreachableError) or error.exit_status == UnreachableError.exit_status:
            level = Level.UNREACHABLE
        elif isinstance(error, ConfigError | RefusedError):
            level = Level.WRONG
        else:
            level = Level.BAD
        return cls(level, part, str(error))


def exit_status(findings: Iterable[Finding]) -> int:
    """3 if something can't be reached, else 2 if something is wrong, else 1 for bad news, else 0."""
    return max((_STATUSES[finding.level] for finding in findings), default=0)


def attempt(
    part: str, look: Callable[Arguments, Iterable[Finding]], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Iterator[Finding]:
    """What `look` finds; an error ends it and is a finding too."""
    try:
        yield from look(*args, **kwargs)
    except ReconcileError as error:
        yield Finding.of(part, error)


def skew_finding(part: str, whose: str, ahead_s: float, uncertain_s: float, *, reason: str) -> Finding:
    """Whether a clock differs from ours. `ahead_s`: seconds that it is ahead of ours; `reason`: why that matters."""
    off = max(0.0, abs(ahead_s) - uncertain_s)
    if off <= CLOCK_WARNING_S:
        return Finding(Level.OK, part, f"{whose} clock and ours agree within {max(1.0, abs(ahead_s)):.0f} s")
    way = "ahead of" if ahead_s > 0 else "behind"
    return Finding(
        Level.BAD if off > CLOCK_BAD_S else Level.WARNING,
        part,
        f"{whose} clock is {off:.0f} s {way} ours, {reason}: let NTP (chrony, systemd-timesyncd) set the clocks",
    )
