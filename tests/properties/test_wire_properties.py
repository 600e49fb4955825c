"""I7 and I8, pure: what the broker wrote is kept exactly, and no bytes whatever stop the parser."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.fold import Fold
from stream_reconcile.core.observation import LINE_COLUMNS, NUMBERS, ORDER_COLUMNS, TEXTS, TIMES, Observation, Seen
from stream_reconcile.core.timestamps import parse_ns
from stream_reconcile.core.wire.executions import parse_activity, parse_adjustment
from stream_reconcile.core.wire.parse import Parser
from stream_reconcile.jobs.apply.decode import Decoded, Decoder
from stream_reconcile.log.codec import Envelope, SingleObjectCodec
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.batch import Place
from stream_reconcile.store.lines import event_lines
from support.wire_data import ACCOUNT, activity_json, envelope, order_json, seen_at, update_json

SEEN = seen_at()
TOPICS = Topics()
CODEC = SingleObjectCodec(TOPICS)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
        st.sampled_from(["NaN", "Infinity", "now", "2026-09-18T13:24:50Z", "1e400", "-0", "1_0", "\x00", "\\N", "1-2"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip
_FIELDS = sorted({*NUMBERS, *TIMES, *TEXTS, "id", "type", "legs", "ratio_qty", "extended_hours", "brand_new"})
_UPDATE_FIELDS = sorted(
    {"event", "timestamp", "execution_id", "previous_execution_id", "qty", "price", "position_qty", "legs", "order"}
)
_EVENTS = st.sampled_from(["new", "fill", "partial_fill", "trade_bust", "trade_correct"])


@st.composite
def nearly_frames(draw: st.DrawFn) -> bytes:
    """A frame in which a few values are anything."""
    order = order_json(**draw(st.dictionaries(st.sampled_from(_FIELDS), json_values, max_size=3)))
    fields = {"execution_id": "x", "qty": "1", "price": "2", "previous_execution_id": "y", "order": order}
    fields |= draw(st.dictionaries(st.sampled_from(_UPDATE_FIELDS), json_values, max_size=2))
    return envelope(update_json(draw(_EVENTS)) | fields)


nearly_activities = st.dictionaries(st.sampled_from(sorted(activity_json())), json_values, max_size=3).map(
    lambda changes: json.dumps(activity_json() | changes).encode()
)
nearly_adjustments = st.dictionaries(
    st.sampled_from(["order_id", "qty", "price", "key", "as_of", "explained_from", "symbol", "execution_id"]),
    json_values,
).map(
    lambda changes: json.dumps(
        {"kind": "residual", "order_id": "o", "qty": "1", "price": "1", "key": "k", "as_of": "2026-09-18T13:24:50Z"}
        | {"explained_from": "1"}
        | changes
    ).encode()
)
any_bytes = st.one_of(st.binary(max_size=200), json_values.map(lambda v: json.dumps(v).encode()))


def storable(text: str | None) -> bool:
    """Whether Postgres can take it: no NUL, and UTF-8."""
    return text is None or ("\x00" not in text and bool(text.encode() or True))


def check(observations: tuple[Observation, ...]) -> None:
    for o in observations:
        assert storable(o.content)
        assert len(o.content.split("\t")) == len(observations[0].content.split("\t"))
        for name, text in zip(ORDER_COLUMNS, o.columns, strict=True):
            if text != "\\N" and name in NUMBERS:
                assert Decimal(text).is_finite()
                assert len(text) <= 80
            elif text != "\\N" and name in TIMES:
                assert text[:4].isdigit()


@settings(max_examples=2 * settings().max_examples)
@given(st.one_of(any_bytes, nearly_frames()))
@example(b"[" * 5000)
def test_i8_no_bytes_make_a_frame_raise_anything_but_wire_error(raw: bytes) -> None:
    parser = Parser()
    for _ in range(2):  # the second time with what the first has learnt
        try:
            parsed = parser.frame(raw, SEEN)
        except WireError:
            continue
        check(parsed.observations)
        fold = Fold()
        fold.add(parsed, 0)
        fold.add(parsed, 0)
        assert all(line.count("\t") == len(LINE_COLUMNS) - 1 for line in event_lines(fold))


@given(st.one_of(any_bytes, nearly_frames().map(lambda raw: json.dumps(json.loads(raw)["data"]["order"]).encode())))
def test_i8_no_bytes_make_a_snapshot_raise_anything_but_wire_error(raw: bytes) -> None:
    try:
        parsed = Parser().snapshot(raw, seen_at(source="sweep"))
    except WireError:
        return
    check(parsed.observations)


@given(st.one_of(any_bytes, nearly_activities, nearly_adjustments))
def test_i8_no_bytes_make_evidence_raise_anything_but_wire_error(raw: bytes) -> None:
    for parse in (parse_activity, parse_adjustment):
        try:
            parsed = parse(raw, SEEN)
        except WireError:
            continue
        for evidence in parsed.evidence:
            assert all(
                storable(value) for value in (evidence.order_id, getattr(evidence, "symbol", ""), evidence.account_id)
            )
            assert getattr(evidence, "qty", Decimal(1)).is_finite()


@given(st.sampled_from(TOPICS.applied), st.one_of(st.none(), any_bytes, nearly_frames()), st.booleans(), st.binary())
def test_i8_the_decoder_never_raises(topic: str, raw: bytes | None, wrapped: bool, key: bytes) -> None:
    payload = raw
    if wrapped and raw is not None:
        payload = CODEC.encode(topic, Envelope(ACCOUNT, "s", 1, 2, "stream", "e", "o", raw))
    decoded = Decoded()
    record = Decoder(CODEC, TOPICS).decode(Place(topic, 0, 1), "id", key, payload, 5, decoded)
    found = (record is not None) + len(decoded.dead_letters) + sum(decoded.no_statement.values())
    assert found == 1  # never lost, never twice
    for letter in decoded.dead_letters:
        assert letter.payload == payload
        assert storable(letter.account_id)
        assert storable(letter.order_id)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=9),
    st.booleans(),
)
def test_i7_a_number_is_kept_digit_for_digit(number: Decimal, quoted: bool) -> None:
    text = format(number, "f")
    raw = envelope(update_json("new", order_json(limit_price="HERE")))
    parsed = Parser().frame(raw.replace(b'"HERE"', (f'"{text}"' if quoted else text).encode()), SEEN)
    assert parsed.observations[0].columns[ORDER_COLUMNS.index("limit_price")] == text


@given(st.datetimes(), st.text("0123456789", max_size=9), st.integers(-15 * 60, 15 * 60))
def test_i7_times_to_the_nanosecond(moment: datetime, fraction: str, offset: int) -> None:
    local = moment.replace(microsecond=0, tzinfo=UTC)
    seconds = (local - EPOCH) // timedelta(seconds=1) - offset * 60
    zone = "Z" if offset == 0 else f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"
    text = local.isoformat()[:19] + (f".{fraction}" if fraction else "") + zone
    assert parse_ns(text) == seconds * 10**9 + int(fraction.ljust(9, "0"))


@given(st.text(max_size=40))
def test_what_is_no_time_raises_wire_error_and_nothing_else(text: str) -> None:
    try:
        ns = parse_ns(text)
    except WireError:
        return
    assert isinstance(ns, int)


@given(nearly_frames(), nearly_frames())
def test_i10_what_a_frame_says_does_not_depend_on_what_came_before(first: bytes, second: bytes) -> None:
    experienced, fresh = Parser(), Parser()
    with contextlib.suppress(WireError):
        experienced.frame(first, SEEN)
    assert _said(experienced, second, SEEN) == _said(fresh, second, SEEN)


def _said(parser: Parser, raw: bytes, seen: Seen) -> Any:
    try:
        parsed = parser.frame(raw, seen)
    except WireError as error:
        return type(error)
    return parsed._replace(unknown_fields=tuple(sorted(parsed.unknown_fields)))
