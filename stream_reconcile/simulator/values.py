"""How numbers, times and ids look on Alpaca's wire.

Inside the simulator a quantity or price is an integer of 1e-9 units ("nanos"), a time is an integer of nanoseconds
since the epoch (UTC): exact, fast and never a float. On the wire both are text: decimals with at most nine places and
no trailing zeros, times in RFC 3339 with nanoseconds where they are not zero.
"""

from __future__ import annotations

import random
import time
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

NANO = 1_000_000_000
"""One unit of quantity, one dollar, one second: all kept as so many nanos."""

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = NANO
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_ULID_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Two characters for every ten bits: a ULID is thirteen look-ups.
_PAIRS = [first + second for first in _ULID_ALPHABET for second in _ULID_ALPHABET]
_SHIFTS = range(120, -10, -10)
_UUID4_CLEAR = ~((0xF << 76) | (0x3 << 62))
_UUID4_SET = (0x4 << 76) | (0x2 << 62)


def decimal_text(nanos: int) -> str:
    """Nanos as Alpaca writes a quantity or price: `129.7`, `0`, `-3`; never an exponent, never a trailing zero."""
    if nanos < 0:
        return "-" + decimal_text(-nanos)
    whole, fraction = divmod(nanos, NANO)
    if not fraction:
        return str(whole)
    return f"{whole}.{fraction:09d}".rstrip("0")


def parse_decimal(value: object) -> int:
    """A decimal string or JSON number as nanos. Raises ValueError if it is no finite decimal of at most nine places."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("not a decimal")
    try:
        scaled = Decimal(value) * NANO
        nanos = int(scaled)
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise ValueError("not a decimal") from error
    if scaled != nanos:
        raise ValueError("more than nine decimal places")
    return nanos


def average_price(value: int, quantity: int) -> int:
    """The average price in nanos of `quantity` nanos that cost `value` (price nanos times quantity nanos), rounded."""
    return (2 * value + quantity) // (2 * quantity)


@lru_cache(maxsize=4096)
def _second_text(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def rfc3339(ns: int) -> str:
    """Nanoseconds since the epoch as UTC text with up to nine fraction digits, trailing zeros left out (as Go does)."""
    seconds, fraction = divmod(ns, SECOND)
    if fraction % 10:
        return f"{_second_text(seconds)}.{fraction:09d}Z"
    if not fraction:
        return _second_text(seconds) + "Z"
    return f"{_second_text(seconds)}.{fraction:09d}".rstrip("0") + "Z"


def rfc3339_micros(ns: int) -> str:
    """As `rfc3339`, cut to microseconds: the form of the envelope's `at`."""
    return rfc3339(ns - ns % MICROSECOND)


@lru_cache(maxsize=4096)
def date_text(day: int) -> str:
    """Days since the epoch as `YYYY-MM-DD`."""
    return time.strftime("%Y-%m-%d", time.gmtime(day * 86400))


def parse_time(text: str) -> int:
    """An RFC 3339 time (any offset, up to nine fraction digits) or a bare date, as nanoseconds since the epoch.

    A time without offset is taken as UTC. Raises ValueError.
    """
    head, dot, rest = text.strip().partition(".")
    nanos = 0
    if dot:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        if not 1 <= len(digits) <= 9:
            raise ValueError("not an RFC 3339 time")
        nanos = int(digits.ljust(9, "0"))
        head += rest[len(digits) :]
    moment = datetime.fromisoformat(head)
    if moment.tzinfo is None:
        moment = datetime.fromisoformat(head + ("+00:00" if "T" in head or " " in head else "T00:00:00+00:00"))
    return int(moment.timestamp()) * SECOND + nanos


def seeded(seed: int | str) -> random.Random:
    """A generator of numbers that are the same for the same seed."""
    return random.Random(seed)  # noqa: S311 - a simulation must be repeatable; nothing here is a secret


class Ids:
    """Identifiers drawn from a seeded generator, in the shapes that Alpaca uses."""

    __slots__ = ("_bits",)

    def __init__(self, rng: random.Random) -> None:
        self._bits = rng.getrandbits

    def uuid(self) -> str:
        """A UUID of version 4."""
        digits = f"{self._bits(128) & _UUID4_CLEAR | _UUID4_SET:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def ulid(self, ns: int) -> str:
        """A ULID: ten characters of the millisecond, shared by all of that millisecond, then sixteen random ones."""
        bits = ns // MILLISECOND << 80 | self._bits(80)
        return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])
