"""The first look at a frame: what it is, and that nothing can make it raise."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.wire.peek import Kind, Peek, order_of_activity, peek

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "alpaca-samples"

UPDATE = b"""{"stream":"trade_updates","data":{"event":"fill","timestamp":"2026-09-18T13:24:50.019957863Z",
"order":{"id":"b28e2b24","qty":"1"},"price":"0.5"}}"""


def test_update_gives_event_order_and_time_in_nanoseconds() -> None:
    assert peek(UPDATE) == Peek(Kind.UPDATE, "trade_updates", "fill", "b28e2b24", 1789737890019957863)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b'{"stream":"authorization","data":{"status":"authorized","action":"authenticate"}}', Kind.AUTHORIZED),
        (b'{"stream":"authorization","data":{"status":"authorized"}}', Kind.AUTHORIZED),
        (b'{"stream":"authorization","data":{"status":"unauthorized","action":"listen"}}', Kind.UNAUTHORIZED),
        (b'{"stream":"authorization","data":{"status":"AUTHORIZED"}}', Kind.UNAUTHORIZED),
        (b'{"stream":"authorization","data":null}', Kind.UNAUTHORIZED),
        (b'{"stream":"listening","data":{"streams":["trade_updates"]}}', Kind.GRANTED),
        (b'{"stream":"listening","data":{"streams":["account_updates","trade_updates"]}}', Kind.GRANTED),
        (b'{"stream":"listening","data":{"streams":[]}}', Kind.NOT_GRANTED),
        (b'{"stream":"listening","data":{"streams":"trade_updates"}}', Kind.NOT_GRANTED),
        (b'{"stream":"listening","data":{}}', Kind.NOT_GRANTED),
        (b'{"action":"error","data":{"error_message":"internal server error"}}', Kind.ERROR),
        (b'{"stream":"trade_updates","data":null}', Kind.UPDATE),
        (b'{"stream":"account_updates","data":{}}', Kind.OTHER),
        (b"[]", Kind.OTHER),
        (b"1", Kind.OTHER),
        (b"\x01", Kind.HEARTBEAT),
        (b"", Kind.JUNK),
        (b"<html><body>502 Bad Gateway</body></html>", Kind.JUNK),
        (b"\x82\xa6stream\xadtrade_updates", Kind.JUNK),
        (b"[" * 100_000, Kind.JUNK),
    ],
)
def test_kinds(raw: bytes, kind: Kind) -> None:
    assert peek(raw).kind is kind


def test_a_field_of_another_type_hides_only_itself() -> None:
    raw = b'{"stream":"trade_updates","data":{"event":7,"timestamp":"yesterday","order":{"id":"o-1"}}}'
    assert peek(raw) == Peek(Kind.UPDATE, "trade_updates", "", "o-1", None)


@pytest.mark.parametrize("name", ["x" * 129, "a\\u0000b", "a\\nb"])
def test_what_can_not_be_an_id_is_left_out_of_the_header(name: str) -> None:
    raw = f'{{"stream":"trade_updates","data":{{"event":"{name}","order":{{"id":"{name}"}}}}}}'.encode()
    assert peek(raw) == Peek(Kind.UPDATE, "trade_updates")


@given(st.binary(max_size=200))
def test_never_raises_on_bytes(raw: bytes) -> None:
    assert isinstance(peek(raw).kind, Kind)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from(["stream", "data", "action", "event", "timestamp", "order", "id", "status", "streams"])
_values = st.sampled_from(["trade_updates", "authorization", "listening", "authorized", "error"]) | _json


@given(st.dictionaries(_names, _values | st.dictionaries(_names, _values | st.dictionaries(_names, _values))))
def test_never_raises_on_json_of_our_names(frame: dict[str, object]) -> None:
    seen = peek(msgspec.json.encode(frame))
    assert seen.kind in Kind
    if seen.kind is Kind.AUTHORIZED:
        data = frame["data"]
        assert isinstance(data, dict)
        assert data["status"] == "authorized"


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample payloads are not part of the repository")
def test_samples_of_the_websocket_are_recognised() -> None:
    kinds = {path.name[:2]: peek(path.read_bytes()).kind for path in SAMPLES.glob("*_ws_*.json")}
    updates = {"03", "04", "05", "06", "14", "17", "18", "19", "20", "21", "24"}
    assert {number for number, kind in kinds.items() if kind is Kind.UPDATE} == updates
    assert {number for number, kind in kinds.items() if kind is Kind.AUTHORIZED} == {"01", "11"}
    assert {number for number, kind in kinds.items() if kind is Kind.UNAUTHORIZED} == {"12", "13", "15", "16"}
    assert {number for number, kind in kinds.items() if kind is Kind.GRANTED} == {"02"}
    assert {number for number, kind in kinds.items() if kind is Kind.ERROR} == {"08"}


@pytest.mark.parametrize(
    ("raw", "order_id"),
    [(b'{"order_id":"b28e","qty":{}}', "b28e"), (b'{"order_id":7}', ""), (b'{"id":"a"}', ""), (b"[1]", ""), (b"<", "")],
)
def test_the_order_of_an_activity_that_can_not_be_read(raw: bytes, order_id: str) -> None:
    assert order_of_activity(raw) == order_id
