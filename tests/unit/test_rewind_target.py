"""How a rewind is asked for: what each way of writing it means, and what is no way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.core.rewind_target import How, Target, chosen_topics, duration_ms, target

NOW = 1_700_000_000_000
APPLIED = ("alpaca.trade-updates.v1", "alpaca.order-snapshots.v1")


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("PT15M", 900_000),
        ("pt15m", 900_000),
        ("P1DT2H3M4.5S", 93_784_500),
        ("P2D", 172_800_000),
        ("P1W", 604_800_000),
        ("15m", 900_000),
        ("1h30m", 5_400_000),
        ("2d", 172_800_000),
        ("0.5s", 500),
    ],
)
def test_durations(written: str, ms: int) -> None:
    assert duration_ms(written) == ms


@pytest.mark.parametrize(
    "written", ["", "P", "PT", "15", "m", "-PT5M", "PT-5M", "PT0S", "1m2h", "P1M", "P1Y", "tomorrow"]
)
def test_what_is_no_duration(written: str) -> None:
    with pytest.raises(ConfigError, match="--by-duration"):
        duration_ms(written)


@pytest.mark.parametrize(
    ("asked", "how", "number"),
    [
        ({"to_offset": 0}, How.OFFSET, 0),
        ({"shift_by": -5, "to_earliest": False}, How.SHIFT, -5),
        ({"to_earliest": True, "to_offset": None}, How.EARLIEST, 0),
        ({"by_duration": "1s"}, How.DURATION, NOW - 1000),
        ({"by_duration": "P99999W"}, How.DURATION, 0),
        ({"to_datetime": "2023-11-14T22:13:20Z"}, How.DATETIME, NOW),
        ({"to_datetime": "2023-11-14T23:13:20.250+01:00"}, How.DATETIME, NOW + 250),
        ({"to_datetime": "2023-11-14T22:13:20"}, How.DATETIME, NOW),
        ({"to_datetime": "1066-10-14"}, How.DATETIME, 0),
    ],
)
def test_where_to(asked: dict[str, object], how: How, number: int) -> None:
    assert target(asked, now_ms=NOW)[:2] == (how, number)


def test_a_time_without_a_zone_is_said_to_be_utc() -> None:
    assert target({"to_datetime": "2023-11-14T22:13:20"}, now_ms=NOW).notes == (
        "2023-11-14T22:13:20 names no zone and is taken as UTC",
    )
    assert target({"to_datetime": "2023-11-14T22:13:20Z"}, now_ms=NOW).notes == ()
    said: Target = target({"by_duration": "15m"}, now_ms=NOW)
    assert said.notes == ("15m before now is 2023-11-14T21:58:20.000+00:00",)
    assert said.asked == "--by-duration 15m"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"to_earliest": False},
        {"to_offset": 1, "to_earliest": True},
        {"to_offset": -1},
        {"to_offset": "7"},
        {"to_offset": True},
        {"shift_by": 1.5},
        {"to_datetime": "yesterday"},
        {"to_earliest": "yes"},
    ],
)
def test_what_is_no_way_to_say_where_to(asked: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="--"):
        target(asked, now_ms=NOW)


def chosen(*written: str) -> dict[str, frozenset[int] | None]:
    return chosen_topics(written, prefix="alpaca.", applied=APPLIED)


def test_topics_with_and_without_the_prefix() -> None:
    assert chosen() == dict.fromkeys(APPLIED)
    assert chosen("trade-updates.v1") == chosen("alpaca.trade-updates.v1") == {APPLIED[0]: None}
    assert chosen("trade-updates.v1:3,0", "alpaca.trade-updates.v1:5", "order-snapshots.v1") == {
        APPLIED[0]: frozenset({0, 3, 5}),
        APPLIED[1]: None,
    }
    assert chosen("trade-updates.v1:3", "trade-updates.v1") == {APPLIED[0]: None}


@pytest.mark.parametrize(
    "written",
    [
        "",
        "trades",
        "stream-sessions.v1",
        "trade-updates.v1:",
        "trade-updates.v1:x",
        "trade-updates.v1:-1",
        "trade-updates.v1:1,,2",
    ],
)
def test_topics_that_there_are_not(written: str) -> None:
    with pytest.raises(ConfigError, match="--topic"):
        chosen(written)


@given(text=st.text(max_size=30))
def test_nothing_written_breaks_it(text: str) -> None:
    for asked in ({"to_datetime": text}, {"by_duration": text}):
        try:
            found = target(asked, now_ms=NOW)
        except ConfigError:
            continue
        assert found.number >= 0
