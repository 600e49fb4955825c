"""RFC 3339 timestamps of the broker as integer nanoseconds since the epoch, UTC.

Alpaca writes 0 to 9 fraction digits and `Z` or a numeric offset (samples 05, 14, 32); `datetime` keeps six digits only,
and versions of an order can differ in the seventh (I7). The years are 1 to 9999: Go, in which the broker's servers are
written, writes a time that was never set as `0001-01-01T00:00:00Z`. 64 bits hold 1677 to 2262 alone: what a table has
in nanoseconds, or what is reckoned in them, has to lie there (`bounded_ns`).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from stream_reconcile.core.errors import WireError

NANOSECONDS = 1_000_000_000
BOUNDED_FROM: Final = "1678"
BOUNDED_TO: Final = "2262"
"""A time between these, as text, is one that 64 bits hold, wherever its zone; some months at either end are as well."""
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_SCALE: tuple[int, ...] = tuple(int(10 ** (9 - digits)) for digits in range(10))
_CACHE_LIMIT = 65_536
_seconds: dict[str, int] = {}
_ms_texts: dict[int, str] = {}


def parse_ns(text: str) -> int:
    """`2026-09-18T13:24:50.019957863Z` → nanoseconds since the epoch. Raises WireError for anything else."""
    seconds = _seconds.get(text[:19])
    if seconds is None:
        seconds = _parse_seconds(text[:19])
    rest = text[19:]
    if rest == "Z":
        return seconds * NANOSECONDS
    try:
        if rest[-1] == "Z":
            offset = 0
            digits = rest[1:-1]
        else:
            sign = {"+": 1, "-": -1}[rest[-6]]
            if rest[-3] != ":":
                raise ValueError
            hours, minutes = _number(rest[-5:-3]), _number(rest[-2:])
            if hours > 15 or minutes > 59:  # the bounds of Postgres; no place on Earth is further than 14 hours off
                raise ValueError
            offset = sign * (hours * 3600 + minutes * 60)
            digits = rest[1:-6]
            if rest[:-6] == "":
                return (seconds - offset) * NANOSECONDS
        if rest[0] != "." or not digits.isdigit() or not digits.isascii():
            raise ValueError
        return (seconds - offset) * NANOSECONDS + int(digits) * _SCALE[len(digits)]
    except (ValueError, IndexError, KeyError):
        raise WireError("bad_timestamp") from None


def bounded_ns(text: str) -> int:
    """The same of a time that 64 bits hold. Raises WireError for any other too."""
    nanoseconds = parse_ns(text)
    if not -(2**63) <= nanoseconds < 2**63:
        raise WireError("bad_timestamp")
    return nanoseconds


def plain_ns(text: str) -> int | None:
    """`bounded_ns` of a text whose look is known: digits where digits belong, `Z` or an offset. None: it refuses it."""
    seconds = _seconds.get(text[:19])
    if seconds is None or text[-1] != "Z" or len(text) < 22:
        try:
            return bounded_ns(text)
        except WireError:
            return None
    return seconds * NANOSECONDS + int(text[20:-1]) * _SCALE[len(text) - 21]


def ms_text(milliseconds: int) -> str:
    """Milliseconds since the epoch as Postgres reads it, `2026-09-18T13:24:50.019Z`; 1970 to 9999."""
    text = _ms_texts.get(milliseconds)
    if text is None:
        second, rest = divmod(milliseconds, 1000)
        days, second = divmod(second, 86_400)
        day = date.fromordinal(_EPOCH_DAY + days).isoformat()
        if len(_ms_texts) >= _CACHE_LIMIT:
            _ms_texts.clear()
        text = f"{day}T{second // 3_600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{rest:03d}Z"
        _ms_texts[milliseconds] = text
    return text


def ns_text(nanoseconds: int) -> str:
    """Nanoseconds since the epoch as RFC 3339 in UTC with all nine digits. ValueError outside years 1 to 9999."""
    second, rest = divmod(nanoseconds, NANOSECONDS)
    days, second = divmod(second, 86_400)
    day = date.fromordinal(_EPOCH_DAY + days).isoformat()
    return f"{day}T{second // 3_600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{rest:09d}Z"


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError
    return int(text)


def _parse_seconds(text: str) -> int:
    try:
        if len(text) != 19 or (text[4], text[7], text[10], text[13], text[16]) != ("-", "-", "T", ":", ":"):
            raise ValueError
        day = date(_number(text[0:4]), _number(text[5:7]), _number(text[8:10])).toordinal() - _EPOCH_DAY
        hour, minute, second = _number(text[11:13]), _number(text[14:16]), _number(text[17:19])
        # A leap second is the first of the next minute, as Postgres has it.
        if hour > 23 or minute > 59 or second > 60:
            raise ValueError
    except (ValueError, IndexError):
        raise WireError("bad_timestamp") from None
    seconds = day * 86_400 + hour * 3_600 + minute * 60 + second
    if BOUNDED_FROM <= text < BOUNDED_TO:  # so that `plain_ns` need not look at the bounds of what is found here
        if len(_seconds) >= _CACHE_LIMIT:
            _seconds.clear()
        _seconds[text] = seconds
    return seconds


def ns_of(moment: datetime) -> int:
    """Nanoseconds since the epoch, of a moment with a time zone, to the microsecond."""
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000
