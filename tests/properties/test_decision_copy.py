"""A decision's copy reads back as it was: decimals digit for digit, times to the microsecond, any text."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.decision_copy import RESULTS, STATES, DecisionCopy, from_bytes, to_bytes
from stream_reconcile.core.errors import WireError

text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
ids = text.filter(bool)
# As Postgres holds numerics: digits and a scale, which it keeps.
positive = st.builds(
    lambda digits, scale: Decimal((0, tuple(map(int, str(digits))), -scale)), st.integers(1, 10**40), st.integers(0, 25)
)
price = st.builds(Decimal.copy_sign, positive | st.just(Decimal("0.00")), st.sampled_from([Decimal(1), Decimal(-1)]))
zones = st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-15 * 60, 15 * 60))
times = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC) | zones)  # noqa: DTZ001 - bounds


@st.composite
def copies(draw: st.DrawFn) -> DecisionCopy:
    state = draw(st.sampled_from(STATES))
    bound = state == "bound"
    return DecisionCopy(
        decision_id=draw(st.uuids()),
        account_id=draw(ids),
        client_order_id=draw(ids),
        symbol=draw(st.none() | text),
        side=draw(st.none() | text),
        qty=draw(st.none() | positive),
        notional=draw(st.none() | positive),
        order_type=draw(st.none() | text),
        limit_price=draw(st.none() | price),
        time_in_force=draw(st.none() | text),
        decided_at=draw(times),
        not_before=draw(st.none() | times),
        submitted_at=draw(st.none() | times),
        submit_result=draw(st.none() | st.sampled_from(RESULTS)),
        state=state,
        alpaca_order_id=draw(ids if bound else st.none() | ids),
        bound_at=draw(times if bound else st.none() | times),
        inserted_by=draw(ids),
        inserted_at=draw(times),
    )


@given(copies())
def test_a_copy_reads_back_as_it_was(copy: DecisionCopy) -> None:
    read = from_bytes(to_bytes(copy))
    assert read == copy
    for name in ("qty", "notional", "limit_price"):
        # Digit for digit: equal decimals may differ, 1.0 and 1.00.
        assert repr(getattr(read, name)) == repr(getattr(copy, name))
    for name in ("decided_at", "not_before", "submitted_at", "bound_at", "inserted_at"):
        time = getattr(read, name)
        assert time is None or time.utcoffset() == timedelta(0)
    assert to_bytes(read) == to_bytes(copy)


@given(copies())
def test_the_bytes_are_plain_json_with_text_only(copy: DecisionCopy) -> None:
    row = json.loads(to_bytes(copy))
    assert list(row) == list(DecisionCopy.__dataclass_fields__)
    assert all(value is None or isinstance(value, str) for value in row.values())
    assert "E" not in (row["qty"] or "")


@given(st.binary(max_size=60) | copies().map(to_bytes), st.data())
def test_other_bytes_are_refused_and_nothing_else(raw: bytes, data: st.DataObject) -> None:
    if raw:
        at = data.draw(st.integers(0, len(raw) - 1))
        raw = raw[:at] + data.draw(st.binary(max_size=3)) + raw[at + 1 :]
    try:
        read = from_bytes(raw)
    except WireError as error:
        assert error.reason == "bad_decision"  # noqa: PT017 - most of them are refused, some are copies still
    else:
        assert from_bytes(to_bytes(read)) == read or (read.qty or read.notional or Decimal(0)).is_nan()


GOOD: dict[str, Any] = {
    "decision_id": str(UUID(int=7)),
    "account_id": "a",
    "client_order_id": "c",
    "decided_at": "2026-01-05T14:30:00.123456Z",
    "state": "planned",
    "inserted_by": "loop",
    "inserted_at": "2026-01-05T14:30:00+00:00",
}


def test_what_may_be_null_may_be_absent_and_what_is_unknown_is_passed_over() -> None:
    read = from_bytes(json.dumps(GOOD | {"colour": "red"}).encode())
    assert (read.qty, read.submitted_at, read.decided_at.microsecond) == (None, None, 123456)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"decision_id": None}, "decision_id"),
        ({"decision_id": "seven"}, "decision_id"),
        ({"account_id": ""}, "account_id"),
        ({"client_order_id": None}, "client_order_id"),
        ({"decided_at": None}, "decided_at"),
        ({"decided_at": "2026-01-05T14:30:00"}, "decided_at"),
        ({"decided_at": "0001-01-01T00:00:00+14:00"}, "decided_at"),
        ({"inserted_at": 1700000000}, "inserted_at"),
        ({"qty": 1.5}, "qty"),
        ({"qty": "0"}, "qty"),
        ({"qty": "1_0"}, "qty"),
        ({"qty": "1e5"}, "qty"),
        ({"notional": "-1"}, "notional"),
        ({"limit_price": "sNaN"}, "limit_price"),
        ({"symbol": "A\0B"}, "symbol"),
        ({"symbol": "\ud800"}, "symbol"),
        ({"state": "filled"}, "state"),
        ({"state": "bound"}, "alpaca_order_id"),
        ({"submit_result": "yes"}, "submit_result"),
    ],
)
def test_a_field_that_the_table_would_refuse_is_named_and_not_shown(change: dict[str, Any], field: str) -> None:
    with pytest.raises(WireError) as refused:
        from_bytes(json.dumps(GOOD | change).encode())
    assert str(refused.value) == f"bad_decision: {field}"
