"""The short way through the usual frame ends where the long way does, and takes nothing that the long way refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_reconcile.core.errors import DecodeError, WireError
from stream_reconcile.core.lifecycle import EVENTS, STATUSES
from stream_reconcile.core.observation import NUMBERS, TEXTS, TIMES, Parsed
from stream_reconcile.core.wire.parse import Parser
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.envelope import Envelope
from stream_reconcile.log.topics import Topics
from support.histories import history_log
from support.wire_data import ACCOUNT, UPDATES, frame, order_json, seen_at, update_json

TOPICS = Topics()
TOPIC = TOPICS.trade_updates
IDS = [
    "5e0eb4fd-2e0d-4b1f-9a55-0c6f5f3f1a01",
    "61e69015-8549-4bfd-b9c3-01e75843f47d",
    "short",
    "a" * 63,
    "a" * 64,
    "é" * 32,
]

plain_times = st.sampled_from(["2026-09-18T13:24:50Z", "2026-09-18T13:24:50.1Z", "2026-09-18T09:24:50.019957863-04:00"])
odd = st.sampled_from(
    [
        "", "NaN", "now", "1e5", "1_0", "20260918", "2026-02-30T00:00:00Z", "2026-09-18 13:24:50Z", "null", "\\N", "\t",
        "0001-01-01T00:00:00Z", "a\nb", "\x00", "é", '"', "x" * 300, "00", "-1", "+1", " 1", "2026-09-18T13:24:50.Z",
        "1677-09-21T00:12:43.145224191Z", "1677-12-31T00:00:00Z", "1678-01-01T00:00:00.5Z", "2262-01-01T00:00:00.5Z",
        "2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775808Z", "9999-12-31T23:59:59.9999999Z",
    ]
)  # fmt: skip
values: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.just(...), plain_times, odd, st.text(max_size=8), st.integers(-3, 10**12), st.floats(), st.booleans(),
    st.decimals(allow_nan=False, allow_infinity=False, places=4).map(str), st.sampled_from(sorted(STATUSES)),
)  # fmt: skip
order_fields = st.sampled_from([*NUMBERS, *TIMES, *TEXTS, "id", "type", "extended_hours", "legs", "brand_new"])
update_fields = st.sampled_from(
    ["timestamp", "execution_id", "qty", "price", "position_qty", "at", "event_id", "legs", "brand_new"]
)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """A frame as the broker writes it, compact, in which a few values are anything."""
    order = order_json(**draw(st.dictionaries(order_fields, values, max_size=2)))
    fields = {"execution_id": "x-1", "qty": "4", "price": "2.5", "position_qty": "4"}
    fields |= draw(st.dictionaries(update_fields, values, max_size=1))
    event = draw(st.one_of(st.sampled_from(sorted(EVENTS)), st.just("brand_new")))
    frame = {"stream": "trade_updates", "data": update_json(event, order, **fields)}
    ensure_ascii = draw(st.booleans())
    return json.dumps(frame, separators=(",", ":"), ensure_ascii=ensure_ascii).encode("utf-8", "surrogatepass")


def long_way(parser: Parser, raw: bytes, offset: int) -> Parsed | None:
    try:
        return parser.frame(raw, seen_at(offset))
    except WireError:
        return None


@settings(max_examples=5 * settings().max_examples)
@given(st.lists(frames(), min_size=1, max_size=3))
@example([json.dumps({"stream": "trade_updates", "data": update_json("fill")}).encode()])
@example(
    [frame("fill", timestamp="9999-12-31T23:59:59.9999999Z", execution_id="x", qty="1", price="1", position_qty="1")]
)
@example([frame("new", order_json(updated_at="2300-01-01T00:00:00.5Z"), execution_id=None, qty=None, price=None)] * 2)
def test_the_short_way_ends_where_the_long_way_does(raws: list[bytes]) -> None:
    parser, fresh = Parser(), Parser()
    for offset, raw in enumerate(raws):
        short = parser.usual_frame(raw, ACCOUNT, UPDATES, 0, offset, 1_000_000 + offset)
        long = long_way(fresh, raw, offset)
        if short is not None:
            assert long == Parsed("update", short.event, (short,), (), ())
            assert short.event in EVENTS
            assert short.status in STATUSES
        # What the short way leaves, it leaves as it was.
        assert long_way(parser, raw, offset) == long


def test_nearly_every_frame_of_a_history_goes_the_short_way() -> None:
    log, _history = history_log(7, 200, ACCOUNT)
    parser = Parser()
    taken = 0
    for record in log.records:
        place, at = record.place, record.known_at_ms
        short = parser.usual_frame(record.payload, ACCOUNT, *place, at)
        if short is not None:
            assert record.parsed.observations == (short,)
            taken += 1
    assert taken > 0.9 * len(log.records)


envelopes = st.builds(
    Envelope,
    account_id=st.sampled_from(IDS),
    stream_id=st.sampled_from(IDS),
    position=st.one_of(st.integers(0, 2**22), st.integers(-(2**63), 2**63 - 1)),
    received_at_ns=st.one_of(st.integers(10**18, 4 * 10**18), st.integers(-(2**63), 2**63 - 1)),
    source=st.sampled_from(["stream", "sweep", ""]),
    event=st.one_of(st.sampled_from(sorted(EVENTS)), st.sampled_from(["brand_new", ""])),
    order_id=st.sampled_from([*IDS, ""]),
    raw=st.one_of(st.binary(max_size=200), st.sampled_from([63, 64, 8191, 8192, 70_000, 1048576]).map(bytes)),
)


def checked(codec: SingleObjectCodec, payload: bytes) -> bool:
    """Whether the short way took the record; fails where it took it otherwise than the long way."""
    short = codec.usual(TOPIC, payload)
    if short is None:
        return False
    try:
        long = codec.decode(TOPIC, payload)
    except DecodeError as error:
        raise AssertionError(f"refused as {error.reason}, and taken by the short way") from error
    assert short == (long.account_id, long.raw)
    return True


@settings(max_examples=2 * settings().max_examples)
@given(st.lists(envelopes, min_size=1, max_size=4), st.data())
def test_a_usual_record_is_read_as_any_other(records: list[Envelope], data: st.DataObject) -> None:
    codec = SingleObjectCodec(TOPICS)
    for envelope in records:
        payload = bytearray(codec.encode(TOPIC, envelope))
        checked(codec, bytes(payload))
        at = data.draw(st.integers(0, min(len(payload), 200) - 1))
        kind = data.draw(st.sampled_from(["set", "cut", "put", "end"]))
        if kind == "set":
            payload[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del payload[at]
        elif kind == "put":
            payload.insert(at, data.draw(st.integers(0, 255)))
        else:
            payload += b"x"
        checked(codec, bytes(payload))


@pytest.mark.parametrize("stream_id", ["3d1f0b52-0000-4000-8000-000000000000", "of another length"])
@pytest.mark.parametrize("position", [0, 63, 64, 8_191, 8_192, 1_000_000])
@pytest.mark.parametrize("size", [64, 1_200, 8_191, 8_192, 1_000_000])
def test_usual_records_go_the_short_way(stream_id: str, position: int, size: int) -> None:
    codec = SingleObjectCodec(TOPICS)
    usual = Envelope(IDS[0], stream_id, position, 1_763_884_800_123_456_789, "stream", "", IDS[1], b"x" * size)
    for event in EVENTS:
        assert checked(codec, codec.encode(TOPIC, usual._replace(event=event))), event


def test_a_record_without_a_value_is_no_usual_one() -> None:
    codec = SingleObjectCodec(TOPICS)
    assert codec.usual(TOPIC, None) is None
    assert codec.usual(TOPIC, b"") is None
