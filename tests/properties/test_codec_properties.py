"""The hand-written reader says of any bytes what fastavro says of them, and is stricter only where it means to be."""

from __future__ import annotations

import io
from typing import Any

import pytest
from fastavro import schemaless_reader, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.errors import DecodeError
from stream_reconcile.log import schemas
from stream_reconcile.log.codec import SingleObjectCodec, try_account_id, try_order_id
from stream_reconcile.log.envelope import Envelope, is_plausible_id
from stream_reconcile.log.topics import Topics

TOPICS = Topics()
CODEC = SingleObjectCodec(TOPICS)
HEADER_BYTES = 10

longs = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 300),
    # Times of today, and the edges at which a varint grows by a byte.
    st.integers(1_700_000_000_000_000_000, 2_000_000_000_000_000_000),
    st.sampled_from([sign * 2**power + delta for power in range(5, 63) for sign in (1, -1) for delta in (-1, 0)]),
)
ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=70).filter(is_plausible_id)
envelopes = st.builds(
    Envelope,
    account_id=ids,
    stream_id=st.text(max_size=70),
    position=longs,
    received_at_ns=longs,
    source=st.sampled_from(["stream", "sweep", "operator", ""]),
    event=st.one_of(st.just(""), ids),
    order_id=st.one_of(st.just(""), ids),
    raw=st.one_of(st.binary(max_size=200), st.builds(bytes, st.sampled_from([63, 64, 8191, 8192, 1048575, 1048576]))),
)
topics = st.sampled_from(TOPICS.all)


def by_fastavro(topic: str, payload: bytes) -> tuple[Envelope, int] | None:
    """What fastavro reads after the header, and how many bytes it leaves; None where it refuses."""
    body = io.BytesIO(payload[HEADER_BYTES:])
    try:
        record: Any = schemaless_reader(body, schemas.current(TOPICS.record(topic)).parsed, None)
    except (EOFError, IndexError, UnicodeDecodeError):
        return None
    return Envelope(**record), len(payload) - HEADER_BYTES - body.tell()


def by_us(topic: str, payload: bytes) -> Envelope | str:
    """The envelope, or the reason why there is none."""
    try:
        return CODEC.decode(topic, payload)
    except DecodeError as error:
        return error.reason


@given(topics, envelopes)
def test_what_is_written_is_what_fastavro_writes(topic: str, envelope: Envelope) -> None:
    body = io.BytesIO()
    schemaless_writer(body, schemas.current(TOPICS.record(topic)).parsed, envelope._asdict())
    assert CODEC.encode(topic, envelope)[HEADER_BYTES:] == body.getvalue()


@given(topics, envelopes)
def test_what_is_written_is_read(topic: str, envelope: Envelope) -> None:
    payload = CODEC.encode(topic, envelope)
    assert CODEC.decode(topic, payload) == envelope
    assert by_fastavro(topic, payload) == (envelope, 0)


@given(topics, envelopes, st.data())
def test_every_truncation_is_refused(topic: str, envelope: Envelope, data: st.DataObject) -> None:
    payload = CODEC.encode(topic, envelope)
    end = data.draw(st.integers(0, len(payload) - 1))
    assert by_us(topic, payload[:end]) in ("truncated", "empty", "magic", "trailing", "utf8")
    assert isinstance(by_us(topic, payload[:end]), str)


@given(topics, envelopes, st.binary(min_size=1, max_size=20))
def test_every_appended_byte_is_refused(topic: str, envelope: Envelope, more: bytes) -> None:
    assert by_us(topic, CODEC.encode(topic, envelope) + more) == "trailing"


@given(topics, envelopes, st.data())
def test_damaged_records_are_read_as_fastavro_reads_them(topic: str, envelope: Envelope, data: st.DataObject) -> None:
    payload = bytearray(CODEC.encode(topic, envelope._replace(raw=envelope.raw[:200])))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(HEADER_BYTES, len(payload) - 1))
        kind = data.draw(st.sampled_from(["set", "cut", "put"]))
        if kind == "set":
            payload[at] = data.draw(st.integers(0, 255))
        elif kind == "cut" and len(payload) > HEADER_BYTES + 1:
            del payload[at]
        else:
            payload.insert(at, data.draw(st.integers(0, 255)))
    agree(topic, bytes(payload))


@pytest.mark.parametrize("position", [5, 5_000, 500_000])
def test_with_any_one_byte_changed_it_is_read_as_fastavro_reads_it(position: int) -> None:
    now = 1_763_884_800_123_456_789
    usual = Envelope("5e0eb4fd-2e0d", "3d1f0b52", position, now, "stream", "fill", "61e69015", b'{"stream":"x"}' * 10)
    payload = CODEC.encode(TOPICS.trade_updates, usual)
    for at in range(HEADER_BYTES, payload.index(b'{"stream"')):
        for byte in range(256):
            agree(TOPICS.trade_updates, payload[:at] + bytes((byte,)) + payload[at + 1 :])


@given(topics, st.binary(max_size=120))
def test_any_bytes_after_the_header_are_read_as_fastavro_reads_them(topic: str, body: bytes) -> None:
    header = CODEC.encode(topic, Envelope("a", "", 0, 0, "", "", "", b""))[:HEADER_BYTES]
    agree(topic, header + body)


def agree(topic: str, payload: bytes) -> None:
    ours, theirs = by_us(topic, payload), by_fastavro(topic, payload)
    if isinstance(ours, Envelope):
        assert theirs == (ours, 0)
    elif ours == "trailing":
        assert theirs is not None
        assert theirs[1] > 0
    elif ours == "implausible":
        assert theirs is not None
        assert theirs[1] == 0
        assert not is_plausible_id(theirs[0].account_id)
    else:
        # fastavro takes numbers of any length, so it may read what has one too long for 64 bits.
        assert theirs is None or ours == "number"


@given(topics, st.binary(max_size=200))
def test_any_bytes_at_all_give_an_envelope_or_a_reason(topic: str, payload: bytes) -> None:
    assert isinstance(by_us(topic, payload), str)
    assert try_order_id(payload) is None or is_plausible_id(try_order_id(payload) or "")


@given(topics, envelopes, st.binary(max_size=20))
def test_ids_of_an_undamaged_header_are_always_found(topic: str, envelope: Envelope, more: bytes) -> None:
    payload = CODEC.encode(topic, envelope) + more
    assert try_account_id(payload) == envelope.account_id
    assert try_order_id(payload) == (envelope.order_id or None)


@pytest.mark.parametrize("size", range(80))
def test_zero_bytes_are_no_record(size: int) -> None:
    header = CODEC.encode(TOPICS.adjustments, Envelope("a", "", 0, 0, "", "", "", b""))[:HEADER_BYTES]
    assert by_us(TOPICS.adjustments, header + bytes(size)) in ("truncated", "implausible", "trailing")
