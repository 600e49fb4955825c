"""Input that is nearly good: bytes changed here and there, and values of a JSON text changed, dropped, doubled."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from fuzz.corpus import WORDS

_MOST_BYTES = 20_000
_NUMBERS = [0, -1, 1, 2**31, 2**63, 2**64, 1e308, -0.0, 0.1, 10**30, True, None]


def mutate(seeds: list[bytes], random: Random) -> bytes:
    """One input made of the seeds."""
    data = random.choice(seeds)
    if data[:1] in (b"{", b"[") and random.random() < 0.6:
        data = _other_json(data, random)
    for _ in range(random.choice((0, 1, 1, 2, 3, 8))):
        data = _other_bytes(data, seeds, random)
    return data[:_MOST_BYTES]


def _other_bytes(data: bytes, seeds: list[bytes], random: Random) -> bytes:
    at = random.randint(0, len(data))
    end = min(len(data), at + random.choice((1, 1, 2, 8, 64)))
    other = random.choice(seeds)
    flipped = bytes((data[at] ^ 1 << random.randrange(8),)) if at < len(data) else b""
    return random.choice(
        (
            data[:at] + bytes((random.randrange(256),)) + data[at + 1 :],
            data[:at] + random.randbytes(end - at) + data[at:],
            data[:at] + data[end:],
            data[:at] + data[at:end] * random.choice((2, 3, 50)) + data[end:],
            data[:at] + random.choice(WORDS) + data[random.choice((at, end)) :],
            data[:at] + other[random.randint(0, len(other)) :],
            data[:at] + flipped + data[at + 1 :],
        )
    )


def _other_json(data: bytes, random: Random) -> bytes:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return data
    for _ in range(random.choice((1, 1, 2, 4))):
        value = _other_value(value, random)
    return json.dumps(value, ensure_ascii=random.random() < 0.5, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _other_value(value: Any, random: Random) -> Any:
    """The value with one thing in it changed, somewhere."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        name = random.choice(list(value))
        kind = random.randrange(8)
        if kind == 0:
            return {key: item for key, item in value.items() if key != name}
        if kind == 1:
            return value | {random.choice(("brand_new", "id", "legs", "", "order", name + "x")): value[name]}
        return value | {name: _other_value(value[name], random)}
    if isinstance(value, list) and value and random.random() < 0.8:
        at = random.randrange(len(value))
        return random.choice(
            ([*value, value[at]], value[:at], [*value[:at], _other_value(value[at], random), *value[at + 1 :]])
        )
    return _anything(value, random)


def _anything(value: Any, random: Random) -> Any:
    word = random.choice(WORDS).decode("latin-1")
    return random.choice((word, random.choice(_NUMBERS), [value], {"a": value}, str(value), f"{value}{word}", [], {}))
