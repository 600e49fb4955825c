"""RFC 3339 → nanoseconds: examples of the broker, and what is no time."""

from __future__ import annotations

import pytest

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.timestamps import bounded_ns, parse_ns, plain_ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1969-12-31T23:59:59.9Z", -100_000_000),
        ("2026-09-18T13:24:50.019957863Z", 1789737890_019957863),
        ("2026-09-18T13:24:50.0000000Z", 1789737890_000000000),
        ("2026-09-18T09:24:50.5-04:00", 1789737890_500000000),
        ("2026-09-18T18:54:50+05:30", 1789737890_000000000),
        ("2024-02-29T00:00:00Z", 1709164800_000000000),
        ("2016-12-31T23:59:60Z", 1483228800_000000000),  # a leap second
        ("0001-01-01T00:00:00Z", -62135596800_000000000),  # Go's time that was never set
        ("9999-12-31T23:59:59Z", 253402300799_000000000),
    ],
)
def test_times(text: str, ns: int) -> None:
    assert parse_ns(text) == ns


@pytest.mark.parametrize(
    "text",
    [
        "", "Z", "now", "infinity", "-infinity", "2026-09-18", "2026-09-18T13:24:50", "2026-09-18T13:24Z",
        "2026-09-18 13:24:50Z", "2026-09-18t13:24:50z", "2026-09-18T13:24:50.Z", "2026-09-18T13:24:50.0123456789Z",
        "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "0000-01-01T00:00:00Z",
        "2026-09-18T24:00:00Z", "2026-09-18T13:60:00Z", "2026-09-18T13:24:61Z", "2026-09-18T13:24:50+5:30",
        "2026-09-18T13:24:50+0530", "2026-09-18T13:24:50+16:00", "2026-09-18T13:24:50+05:60",
        "2026-09-18T13:24:50 05:00", "２０26-09-18T13:24:50Z", "2026-09-18T13:24:50.٣Z", "2026-09-18T13:24:50.1_0Z",
        "+026-09-18T13:24:50Z", "2026-09-18T13:24:50.+1Z", "2026-09-18T-1:24:50Z", "2026-09-18T13:24:50.5ZZ",
        "1789737890",
    ],
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(WireError) as error:
        parse_ns(text)
    assert error.value.reason == "bad_timestamp"
    assert text == "" or text not in str(error.value)


def test_a_refused_time_is_not_remembered() -> None:
    for _ in range(2):
        with pytest.raises(WireError):
            parse_ns("2026-02-30T00:00:00Z")


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1677-09-21T00:12:43.145224192Z", -(2**63)),
        ("1677-09-21T00:12:43.145224191Z", None),
        ("2262-04-11T23:47:16.854775807Z", 2**63 - 1),
        ("2262-04-11T23:47:16.854775808Z", None),
        ("1678-01-01T00:00:00.5+15:59", -9214617539_500000000),
        ("0001-01-01T00:00:00.0Z", None),
        ("2300-01-01T00:00:00.0Z", None),
        ("9999-12-31T23:59:59.9999999Z", None),
        ("2026-02-30T00:00:00.0Z", None),
    ],
)
def test_times_that_64_bits_hold(text: str, ns: int | None) -> None:
    for _ in range(2):  # the second time by what is remembered
        assert plain_ns(text) == ns
        if ns is not None:
            assert bounded_ns(text) == parse_ns(text) == ns
        else:
            with pytest.raises(WireError):
                bounded_ns(text)
