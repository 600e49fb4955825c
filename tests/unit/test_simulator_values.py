"""Numbers, times and ids as they look on Alpaca's wire."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.simulator.activities import activity_id
from stream_reconcile.simulator.values import (
    NANO,
    Ids,
    average_price,
    decimal_text,
    parse_decimal,
    parse_time,
    rfc3339,
    rfc3339_micros,
    seeded,
)


@pytest.mark.parametrize(
    ("nanos", "text"),
    [(0, "0"), (129_700_000_000, "129.7"), (-3 * NANO, "-3"), (1, "0.000000001"), (-1, "-0.000000001"), (NANO, "1")],
)
def test_decimals_as_text(nanos: int, text: str) -> None:
    assert decimal_text(nanos) == text
    assert parse_decimal(text) == nanos


@given(st.integers(min_value=-(10**24), max_value=10**24))
def test_decimal_text_is_exact(nanos: int) -> None:
    assert Decimal(decimal_text(nanos)) * NANO == nanos
    assert parse_decimal(decimal_text(nanos)) == nanos


@pytest.mark.parametrize("value", ["", "a", "NaN", "Infinity", "1.0000000001", None, True, [], 1.5])
def test_what_is_no_decimal_of_nine_places_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="decimal"):
        parse_decimal(value)


def test_average_price_is_rounded_half_up_to_nine_places() -> None:
    assert average_price(10 * NANO * 3 * NANO, 3 * NANO) == 10 * NANO
    assert decimal_text(average_price(2 * NANO * NANO, 3 * NANO)) == "0.666666667"


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-18T13:24:50.019303395Z",
        "2026-09-18T13:24:50.0189533Z",
        "2024-11-19T14:47:05.721Z",
        "2026-12-16T21:00:00Z",
    ],
)
def test_times_read_and_write_as_seen(text: str) -> None:
    assert rfc3339(parse_time(text)) == text


def test_times_of_any_form_are_read() -> None:
    utc = parse_time("2022-04-19T17:45:05.027690731Z")
    assert parse_time("2022-04-19T13:45:05.027690731-04:00") == utc
    assert parse_time("2022-04-19T17:45:05.027690731") == utc
    assert parse_time("2021-03-16") == parse_time("2021-03-16T00:00:00.0000000Z")
    for wrong in ("yesterday", "2021-03-16T00:00:00.Z", "2021-03-16T00:00:00.1234567890Z"):
        with pytest.raises(ValueError, match=r"RFC 3339|isoformat"):
            parse_time(wrong)


def test_the_envelopes_time_has_microseconds() -> None:
    assert rfc3339_micros(parse_time("2026-09-18T13:24:50.034555999Z")) == "2026-09-18T13:24:50.034555Z"


def test_ids_have_their_shapes_and_ulids_of_one_millisecond_share_a_prefix() -> None:
    ids = Ids(seeded(1))
    assert UUID(ids.uuid()).version == 4
    # The capture of 2026-09-18: event_id 01M2TB1W7J… was sent at 13:24:50.034.
    sent = parse_time("2026-09-18T13:24:50.034555Z")
    first, second, later = ids.ulid(sent), ids.ulid(sent + 900), ids.ulid(sent + 1_000_000)
    assert len(first) == 26
    assert first[:10] == second[:10] < later[:10]
    assert first != second
    assert Ids(seeded(1)).uuid() == Ids(seeded(1)).uuid() != Ids(seeded(2)).uuid()


def test_the_ulid_of_the_capture_has_our_prefix() -> None:
    assert Ids(seeded(1)).ulid(parse_time("2026-09-18T13:24:50.034555Z"))[:10] == "01M2TB1W7J"


def test_an_activity_id_begins_with_the_wall_time_of_new_york() -> None:
    assert activity_id(parse_time("2022-02-02T18:55:09.981482Z"), "u") == "20220202135509981::u"
    assert activity_id(parse_time("2024-06-24T13:30:04.214535Z"), "u") == "20240624093004214::u"


def test_activity_ids_go_back_an_hour_when_daylight_saving_ends() -> None:
    before = parse_time("2026-11-01T05:59:59.999Z")
    after = before + 2_000_000
    assert datetime.fromtimestamp(after // NANO, UTC).hour == 6
    assert activity_id(before, "u") == "20261101015959999::u"
    assert activity_id(after, "u") == "20261101010000001::u"
