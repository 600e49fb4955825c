"""Records to bytes and back: the exact bytes, and each shape that is refused, with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stream_reconcile.core.errors import DecodeError
from stream_reconcile.log import schemas
from stream_reconcile.log.codec import SingleObjectCodec, read_with, try_account_id, try_order_id
from stream_reconcile.log.envelope import LAYOUT, Envelope
from stream_reconcile.log.topics import Topics

TOPICS = Topics("t.")
TOPIC = TOPICS.trade_updates
ACCOUNT = "5e0eb4fd-2e0d-4a3a-8d93-5c0f3a5c9a10"
ORDER = "61e69015-8549-4bfd-b9c3-01e75843f47d"
ENVELOPE = Envelope(ACCOUNT, "session-1", 7, 1_763_884_800_123_456_789, "stream", "fill", ORDER, b'{"stream":1}')
# Written out by hand from the Avro specification: zigzag varints, each text and the bytes after their length.
BODY = (
    b"\x48" + ACCOUNT.encode() + b"\x12session-1" + b"\x0e" + b"\xaa\xb4\x8e\x81\xab\xf8\xc9\xfa\x30"
    b"\x0cstream" + b"\x08fill" + b"\x48" + ORDER.encode() + b'\x18{"stream":1}'
)
HEADER = b"\xc3\x01" + bytes.fromhex("70e096c4953328a8")
# Where each field begins in BODY.
ACCOUNT_AT, STREAM_AT, POSITION_AT, TIME_AT, SOURCE_AT, EVENT_AT, ORDER_AT, RAW_AT = 0, 37, 47, 48, 57, 64, 69, 106


@pytest.fixture
def codec() -> SingleObjectCodec:
    return SingleObjectCodec(TOPICS)


def crc_64_avro(data: bytes) -> bytes:
    """The specification's fingerprint ("Schema Fingerprints"), a bit at a time."""
    empty = 0xC15D213AA4D7A795
    value = empty
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (empty if value & 1 else 0)
    return value.to_bytes(8, "little")


def refusal(codec: SingleObjectCodec, payload: bytes | None, topic: str = TOPIC) -> str:
    with pytest.raises(DecodeError) as caught:
        codec.decode(topic, payload)
    assert caught.value.reason in DecodeError.REASONS
    assert topic in str(caught.value)
    return caught.value.reason


def with_part(at: int, length: int, part: bytes) -> bytes:
    return HEADER + BODY[:at] + part + BODY[at + length :]


def test_a_record_has_exactly_these_bytes(codec: SingleObjectCodec) -> None:
    assert codec.encode(TOPIC, ENVELOPE) == HEADER + BODY
    assert codec.decode(TOPIC, HEADER + BODY) == ENVELOPE


def test_the_fingerprint_is_that_of_the_specification() -> None:
    # The specification's own example of a fingerprint, in Avro's test data: "int" has 0x7275d51a3f395c8f.
    assert crc_64_avro(b'"int"') == 0x7275D51A3F395C8F.to_bytes(8, "little")
    fields = ",".join(f'{{"name":"{name}","type":"{kind}"}}' for name, kind in LAYOUT)
    canonical = f'{{"name":"stream_reconcile.v1.TradeUpdate","type":"record","fields":[{fields}]}}'
    assert schemas.current("trade_update").fingerprint == crc_64_avro(canonical.encode())


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"{}", "magic"),
        (b"\x00", "magic"),
        (b"\xc3\x02" + HEADER[2:] + BODY, "magic"),
        (b"\xc3\x01", "truncated"),
        (HEADER[:9], "truncated"),
        (HEADER, "truncated"),
        (b"\xc3\x01" + bytes(8) + BODY, "fingerprint"),
        (b"\x00\x00\x00\x00\x07" + BODY, "registry"),
        (HEADER + BODY + b"\x00", "trailing"),
        (HEADER + BODY + HEADER + BODY, "trailing"),
        (HEADER + BODY[:-1], "truncated"),
        (HEADER + bytes(8), "implausible"),
        (HEADER + bytes(500), "trailing"),
        (with_part(ACCOUNT_AT, 37, b"\x00"), "implausible"),
        (with_part(ACCOUNT_AT, 37, b"\x04a\x00"), "implausible"),
        (with_part(ACCOUNT_AT, 37, b"\x82\x02" + b"a" * 129), "implausible"),
        (with_part(STREAM_AT, 1, b"\x13"), "length"),
        (with_part(ORDER_AT, 1, b"\x49"), "length"),
        (with_part(RAW_AT, 1, b"\x19"), "length"),
        (with_part(RAW_AT, 1, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "truncated"),
        (with_part(POSITION_AT, 1, b"\xff" * 10 + b"\x00"), "number"),
        (with_part(POSITION_AT, 1, b"\x80" * 10 + b"\x00"), "number"),
        (with_part(TIME_AT, 9, b"\xff" * 9 + b"\x02"), "number"),
        (with_part(EVENT_AT, 5, b"\x04\xc3\x28"), "utf8"),
        (with_part(EVENT_AT, 5, b"\x06\xed\xa0\x80"), "utf8"),
    ],
)
def test_what_is_no_record_is_refused_with_its_reason(
    codec: SingleObjectCodec, payload: bytes | None, reason: str
) -> None:
    assert refusal(codec, payload) == reason


@pytest.mark.parametrize(
    "envelope",
    [
        ENVELOPE._replace(position=0),
        ENVELOPE._replace(position=2**20 - 1),
        ENVELOPE._replace(position=2**20),
        ENVELOPE._replace(position=-1, received_at_ns=-(2**63)),
        ENVELOPE._replace(position=2**63 - 1, received_at_ns=2**63 - 1),
        ENVELOPE._replace(received_at_ns=0),
        ENVELOPE._replace(stream_id="", source="", event="", order_id="", raw=b""),
        ENVELOPE._replace(account_id="a" * 128, stream_id="s" * 300, event="é" * 100, order_id="o" * 64),
        ENVELOPE._replace(raw=bytes(range(256)) * 20_000),  # 5 MB
        # Lengths of two bytes, and texts that would fit if only the first were looked at.
        ENVELOPE._replace(source="s" * 63 + "\n"),
        ENVELOPE._replace(event="e" * 63 + "J"),
        ENVELOPE._replace(order_id="o" * 63 + "(", raw=b"r" * 19),
    ],
)
def test_the_unusual_is_read_as_well(codec: SingleObjectCodec, envelope: Envelope) -> None:
    for topic in TOPICS.all:
        assert codec.decode(topic, codec.encode(topic, envelope)) == envelope


def test_a_record_of_another_topic_is_refused(codec: SingleObjectCodec) -> None:
    payload = codec.encode(TOPICS.adjustments, ENVELOPE)
    with pytest.raises(DecodeError, match=r"record of t\.adjustments\.v1") as caught:
        codec.decode(TOPIC, payload)
    assert caught.value.reason == "schema"


def test_no_message_holds_what_the_record_holds(codec: SingleObjectCodec) -> None:
    secret = ENVELOPE._replace(raw=b"very-private", event="private-event")
    for topic in (TOPIC, TOPICS.order_snapshots):
        payload = codec.encode(TOPIC, secret)
        for broken in (payload[:-1], payload + b"private", payload.replace(b"private-event", b"private-\xff\xff\xff")):
            with pytest.raises(DecodeError) as caught:
                codec.decode(topic, broken)
            assert "private" not in str(caught.value)


@pytest.mark.parametrize("account_id", ["", "a" * 129, "a\nb", "a\x00"])
def test_nothing_is_written_without_an_account(codec: SingleObjectCodec, account_id: str) -> None:
    with pytest.raises(ValueError, match="account id"):
        codec.encode(TOPIC, ENVELOPE._replace(account_id=account_id))


@pytest.mark.parametrize("unreadable", ["\ud800", "a\x00b", "x" * 129])
def test_a_frame_is_not_lost_to_a_header_that_cannot_be_written(codec: SingleObjectCodec, unreadable: str) -> None:
    envelope = codec.decode(TOPIC, codec.encode(TOPIC, ENVELOPE._replace(event=unreadable, order_id=unreadable)))
    assert envelope == ENVELOPE._replace(event="", order_id="")


def changed_schema(change: str) -> schemas.Schema:
    declared = json.loads(schemas.current("trade_update").text)
    if change == "a field more":
        declared["fields"].append({"name": "shard", "type": ["null", "long"], "default": None})
    elif change == "a field fewer":
        declared["fields"] = [field for field in declared["fields"] if field["name"] != "event"]
    else:
        declared["fields"] = [field for field in declared["fields"] if field["name"] != "raw"]
    return schemas.schema(json.dumps(declared))


def test_records_of_other_versions_are_read_by_resolution() -> None:
    current = schemas.current("trade_update")
    longer = changed_schema("a field more")
    assert read_with(longer, current, BODY + b"\x02\x0a", 0) == ENVELOPE
    assert read_with(longer, current, BODY + b"\x00", 0) == ENVELOPE
    shorter = changed_schema("a field fewer")
    without_event = BODY[:EVENT_AT] + BODY[ORDER_AT:]
    assert read_with(shorter, current, without_event, 0) == ENVELOPE._replace(event="")


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (b"", "truncated"),
        (b"\x02", "truncated"),
        (b"\x04", "truncated"),
        (b"\x00\x00", "trailing"),
        (b"\x02\x80\x00", "number"),
    ],
)
def test_records_of_other_versions_are_read_as_strictly(tail: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read_with(changed_schema("a field more"), schemas.current("trade_update"), BODY + tail, 0)
    assert caught.value.reason == reason


def test_a_version_that_does_not_resolve_is_refused() -> None:
    writer = changed_schema("no raw")
    with pytest.raises(DecodeError) as caught:
        read_with(writer, schemas.current("trade_update"), BODY[:RAW_AT], 0)
    assert caught.value.reason == "schema"


@pytest.mark.parametrize(
    ("payload", "account", "order"),
    [
        (HEADER + BODY, ACCOUNT, ORDER),
        (HEADER + BODY + b"garbage", ACCOUNT, ORDER),
        (HEADER + BODY[:-5], ACCOUNT, ORDER),
        (b"\xc3\x01" + bytes(8) + BODY, ACCOUNT, ORDER),
        (b"\x00\x00\x00\x00\x09" + BODY, ACCOUNT, ORDER),
        (HEADER + BODY[: ORDER_AT + 5], ACCOUNT, None),
        (with_part(ORDER_AT, 37, b"\x00"), ACCOUNT, None),
        (with_part(ORDER_AT, 37, b"\x04a\x00"), ACCOUNT, None),
        (HEADER + bytes(50), None, None),
        (b"garbage", None, None),
        (b"", None, None),
        (None, None, None),
    ],
)
def test_what_can_be_read_of_a_bad_record(payload: bytes | None, account: str | None, order: str | None) -> None:
    assert try_account_id(payload) == account
    assert try_order_id(payload) == order


def test_websocket_samples_survive_byte_for_byte(codec: SingleObjectCodec) -> None:
    samples = Path(__file__).resolve().parents[2].parent / "shared" / "alpaca-samples"
    if not samples.is_dir():
        pytest.skip("the sample payloads are not beside this repository")
    paths = sorted(path for path in samples.iterdir() if "_ws_" in path.name)
    assert paths
    for path in paths:
        envelope = ENVELOPE._replace(raw=path.read_bytes())
        assert codec.decode(TOPIC, codec.encode(TOPIC, envelope)).raw == path.read_bytes()
