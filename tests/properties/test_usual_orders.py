"""The quick ways through an order of REST's end where the long way does: `Parser.snapshot` with its strict reader, and
`Unchanged`, which only tells what is the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.lifecycle import STATUSES
from stream_reconcile.core.observation import NUMBERS, ORDER_COLUMNS, TEXTS, TIMES, Observation, Parsed
from stream_reconcile.core.timestamps import parse_ns
from stream_reconcile.core.wire.parse import Parser
from stream_reconcile.core.wire.unchanged import Unchanged, decode, family
from support.wire_data import SNAPSHOTS, order_json, seen_at

SEEN = seen_at(source="sweep", topic=SNAPSHOTS, received_at_ns=7)
LEG = order_json(id="l", ratio_qty="1")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

times = st.sampled_from(
    ["2026-09-18T13:24:50Z", "2026-09-18T13:24:50.1Z", "2026-09-18T09:24:50.019957863-04:00",
     "2026-09-18T13:24:50.019957863Z", "2026-09-18T13:24:50.019957864Z", "2026-09-18T13:24:50.019958Z"]
)  # fmt: skip
odd = st.sampled_from(
    ["", "NaN", "now", "1e5", "1_0", "20260918", "2026-02-30T00:00:00Z", "null", "\\N", "\t", "0001-01-01T00:00:00Z",
     "a\nb", "\x00", "é", '"', "x" * 300, "00", "-1", "+1", " 1", "2026-W38-5T13:24:50.019957863Z",
     "2026-09-18 13:24:50.019957863Z", "2026-09-18T13:24:50,019957863Z", "2026-09-18T13:24:60.019957863Z"]
)  # fmt: skip
numbers = st.sampled_from(["10", "10.0", "4", "0", "-0", "0.000000001", 10, 10.0, 1e22])
values: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.just(...), times, odd, numbers, st.text(max_size=4), st.integers(-3, 10**12), st.floats(),
    st.booleans(), st.sampled_from(sorted(STATUSES)),
)  # fmt: skip
fields = st.sampled_from([*NUMBERS, *TIMES, *TEXTS, "id", "type", "extended_hours", "legs", "ratio_qty", "brand_new"])


@st.composite
def orders(draw: st.DrawFn, *, depth: int = 1) -> dict[str, Any]:
    """An order as REST tells it, in which a few values are anything."""
    order = order_json(cancel_requested_at=..., subtag=None, source=None)
    if depth and draw(st.integers(0, 3)) == 0:
        order["legs"] = [
            order_json(id=f"leg-{n}", ratio_qty=draw(st.sampled_from(["1", 2, None, "x", True]))) for n in range(2)
        ]
        order["legs"][0] |= draw(st.dictionaries(fields, values.filter(lambda value: value is not ...), max_size=1))
    changes = draw(st.dictionaries(fields, values, max_size=2))
    return {name: value for name, value in (order | changes).items() if value is not ...}


def encoded(order: dict[str, Any], ensure_ascii: bool = True) -> bytes:
    return json.dumps(order, ensure_ascii=ensure_ascii).encode("utf-8", "surrogatepass")


class LongWay(Parser):
    def _usual_order(self, raw: bytes, unknown: Any) -> Any:
        return None


def parsed(parser: Parser, raw: bytes) -> Parsed | str:
    try:
        return parser.snapshot(raw, SEEN)
    except WireError as error:
        return error.reason


@settings(max_examples=5 * settings().max_examples)
@given(orders(), st.booleans())
@example(order_json(ratio_qty=True), True)
@example(order_json(legs=[order_json(ratio_qty=1.50)]), True)
def test_a_snapshot_is_read_the_same_by_the_strict_reader(order: dict[str, Any], ensure_ascii: bool) -> None:
    raw = encoded(order, ensure_ascii)
    assert parsed(Parser(), raw) == parsed(LongWay(), raw)


def test_the_strict_reader_takes_what_is_usual() -> None:
    class NoLongWay(Parser):
        def _usual_order(self, raw: bytes, unknown: Any) -> Any:
            found = super()._usual_order(raw, unknown)
            assert found is not None
            return found

    legs = [order_json(id="leg", ratio_qty="1", cancel_requested_at=...)]
    for order in (order_json(), order_json(cancel_requested_at=..., subtag=None, source=None, legs=legs)):
        assert NoLongWay().snapshot(encoded(order), SEEN) == LongWay().snapshot(encoded(order), SEEN)


def moment(ns: int) -> datetime:
    return EPOCH + timedelta(microseconds=round(Decimal(ns) / 1000))


def value_of(name: str, text: str) -> Any:
    """A column of an observation as the row holds it once it is applied."""
    if text == "\\N":
        return None
    if name in NUMBERS:
        return format(abs(Decimal(text)) if Decimal(text) == 0 else Decimal(text), "f")
    if name in TIMES:
        return moment(parse_ns(text))
    if name == "extended_hours":
        return text == "t"
    return text if "\\" not in text else ...  # what is escaped takes the long way


def row_of(one: Observation) -> tuple[Any, ...]:
    columns = [value_of(name, text) for name, text in zip(ORDER_COLUMNS, one.columns, strict=True)]
    return (one.order_id, one.parent_order_id, one.version_ns, *columns)


@settings(max_examples=5 * settings().max_examples)
@given(orders(), orders(), st.booleans())
@example(order_json(), order_json(updated_at="2026-09-18T13:24:50.034148788Z"), False)
@example(order_json(), order_json(updated_at="2026-09-18T13:24:51.034148789Z"), False)
@example(order_json(), order_json(updated_at="2026-W38-5T13:24:50.034148789Z"), False)
@example(order_json(), order_json(extended_hours=True), False)
@example(order_json(legs=[order_json(id="l")]), order_json(id="l", legs=[order_json()]), False)
@example(order_json(legs=[LEG]), order_json(legs=[LEG | {"ratio_qty": "x"}]), False)
@example(order_json(expires_at="2026-09-18T13:24:50Z"), order_json(expires_at="2026-09-18 13:24:50Z"), False)
@example(order_json(filled_at="2026-09-18T13:24:50.0000005Z"), order_json(), True)
def test_what_is_told_unchanged_is_what_the_row_says(before: dict[str, Any], now: dict[str, Any], same: bool) -> None:
    was = parsed(Parser(), encoded(before))
    if not isinstance(was, Parsed):
        return
    rows = {one.order_id: row_of(one) for one in was.observations}
    raw = encoded(before if same else now)
    (order,) = decode([raw])
    is_told = order is not None and Unchanged().is_in(rows, order, raw)
    said = parsed(LongWay(), raw)
    if is_told and not isinstance(said, Parsed):
        # The row has this very time; only its look (a space in place of the T) is not the broker's.
        assert said == "bad_timestamp"
        assert b"2026-09-18 13:24:50" in raw
    elif is_told:
        assert isinstance(said, Parsed)
        assert [one.order_id for one in said.observations] == [each.id for each in family(order)]
        for one in said.observations:
            ours = rows[one.order_id]
            theirs = row_of(one)
            assert one.version_ns == ours[2]
            assert one.parent_order_id in (None, ours[1])
            for place in range(len(ORDER_COLUMNS)):
                assert not one.stated >> place & 1 or ours[3 + place] == theirs[3 + place]
    elif same and before == order_json(cancel_requested_at=..., subtag=None, source=None):
        raise AssertionError("the usual order takes the long way")


def test_what_some_orders_leave_out_is_compared_where_others_state_it() -> None:
    def is_told(order: dict[str, Any]) -> bool:
        (decoded,) = decode([encoded(order)])
        return unchanged.is_in(rows, decoded, encoded(order))

    unchanged = Unchanged()
    rows = {one.order_id: row_of(one) for one in Parser().snapshot(encoded(order_json()), SEEN).observations}
    left_out = order_json(cancel_requested_at=..., hwm=...)
    assert is_told(left_out)
    assert not is_told(order_json(cancel_requested_at="2026-09-18T13:24:50Z"))
    assert not is_told(order_json(hwm="1"))
    assert not is_told(left_out | {"symbol": "AAPL"})
    assert is_told(order_json())
    assert is_told(left_out)
