"""Wrong tokens by address: how many, how soon again, and how much is remembered."""

from __future__ import annotations

import pytest

from stream_reconcile.web.attempts import _MOST_ADDRESSES, Attempts


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def client(host: str) -> dict[str, object]:
    return {"type": "http", "client": (host, 1)}


def test_ten_at_once_and_one_more_every_six_seconds() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    here = client("192.0.2.1")
    for _ in range(10):
        assert attempts.wait_s(here) == 0
        attempts.failed(here)
    assert attempts.wait_s(here) == 6
    clock.now += 5.9
    assert attempts.wait_s(here) == 1
    clock.now += 0.2
    assert attempts.wait_s(here) == 0
    attempts.failed(here)
    assert attempts.wait_s(here) == 6
    clock.now += 60
    for _ in range(10):
        assert attempts.wait_s(here) == 0
        attempts.failed(here)
    assert attempts.wait_s(here) > 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:ffff", True),  # one network has 2^64 of them
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_whose_tries_they_are(one: str, other: str, *, same: bool) -> None:
    attempts = Attempts(Clock())
    for _ in range(10):
        attempts.failed(client(one))
    assert (attempts.wait_s(client(other)) > 0) is same


def test_a_client_without_an_address_is_one_too() -> None:
    attempts = Attempts(Clock())
    for _ in range(10):
        attempts.failed({"type": "http", "client": None})
    assert attempts.wait_s({"type": "http"}) > 0


def test_memory_is_bounded_and_the_last_are_remembered() -> None:
    attempts = Attempts(Clock())
    for number in range(2 * _MOST_ADDRESSES + 5):
        attempts.failed(client(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"))
        assert len(attempts._used) <= _MOST_ADDRESSES
    guesser = client("192.0.2.1")
    for _ in range(10):
        attempts.failed(guesser)
    assert attempts.wait_s(guesser) > 0
