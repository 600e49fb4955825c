"""Frames and snapshots field by field: what is kept exactly, what is refused, what is new and learnt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream_reconcile.core.errors import WireError
from stream_reconcile.core.observation import ALL_STATED, ORDER_COLUMNS, Observation, Parsed
from stream_reconcile.core.wire import parse as parse_module
from stream_reconcile.core.wire.parse import Parser
from support.wire_data import ACCOUNT, envelope, frame, order_json, seen_at, update_json

SWEEP = seen_at(source="sweep", topic="snapshots", received_at_ns=7)
UPDATED_NS = 1789737890_034148789


def observed(raw: bytes) -> Observation:
    return Parser().frame(raw, seen_at()).observations[0]


def in_any_order(parsed: Parsed) -> Parsed:
    return parsed._replace(unknown_fields=tuple(sorted(parsed.unknown_fields)))


def column(observation: Observation, name: str) -> str:
    return observation.columns[ORDER_COLUMNS.index(name)]


def refused(raw: bytes) -> str:
    with pytest.raises(WireError) as error:
        Parser().frame(raw, seen_at())
    assert "secret-value" not in str(error.value)
    return error.value.reason


# --- the plain and the careful way give one result ------------------------------------------------------------------


def test_a_text_that_needs_escaping_changes_nothing_but_itself() -> None:
    plain = observed(frame(order=order_json(client_order_id="a-b")))
    escaped = observed(json.dumps({"stream": "trade_updates", "data": update_json(order=order_json())}).encode())
    careful = observed(frame(order=order_json(client_order_id="a-b")).replace(b"a-b", b"a\\u002db"))
    assert careful == plain
    assert escaped.stated == plain.stated == ALL_STATED


@pytest.mark.parametrize(
    ("text", "copied"),
    [
        ("back\\slash", "back\\\\slash"),
        ("a\tb", "a\\tb"),
        ("a\nb\rc", "a\\nb\\rc"),
        ("\b\f\v", "\\b\\f\\v"),
        ("\\N", "\\\\N"),
        ("\\.", "\\\\."),
        ("", ""),
        (" trailing ", " trailing "),
        ("ünïcode 😀", "ünïcode 😀"),
        ("\x7f\x01", "\x7f\x01"),
    ],
)
def test_texts_are_escaped_for_copy(text: str, copied: str) -> None:
    observation = observed(frame(order=order_json(client_order_id=text)))
    assert column(observation, "client_order_id") == copied
    assert observation.content.count("\t") == observed(frame()).content.count("\t")


@pytest.mark.parametrize("where", ["client_order_id", "id", "status", "symbol"])
def test_nul_can_be_stored_nowhere(where: str) -> None:
    assert refused(frame(order=order_json(**{where: "a\x00b"}))) == "nul_character"


def test_nul_in_the_envelope() -> None:
    assert refused(frame("fi\x00ll")) == "nul_character"
    assert refused(frame(execution_id="a\x00b")) == "nul_character"
    correction = {"qty": "1", "price": "1", "execution_id": "x", "previous_execution_id": "a\x00b"}
    assert refused(frame("trade_bust", **correction)) == "no_id"
    assert refused(frame("trade_correct", **correction)) == "no_id"
    leg = {"execution_id": "x", "order_id": "o", "qty": "1", "price": "1", "symbol": "A\x00"}
    assert refused(frame("fill", legs=[leg])) == "nul_character"


def test_lone_surrogates_and_bad_utf8_are_not_json() -> None:
    raw = frame(order=order_json(client_order_id="HERE"))
    assert refused(raw.replace(b"HERE", b"\\ud800")) == "not_json"
    assert refused(raw.replace(b"HERE", b"\xed\xa0\x80")) == "not_json"
    assert refused(raw.replace(b"HERE", b"\xff")) == "not_json"
    assert refused(raw.replace(b"HERE", b"a\tb")) == "not_json"  # a raw tab would end the column in COPY
    assert refused(raw.replace(b"HERE", b"a\x00b")) == "not_json"


# --- numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("json_text", "stored"),
    [
        ("0.000000001", "0.000000001"),
        ("1.10", "1.10"),
        ("0.1", "0.1"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("1e3", "1000"),
        ("1.5E-7", "0.00000015"),
        ("-2", "-2"),
        ('"1e3"', "1000"),
        ('"1_000"', "1000"),
        ('" 5 "', "5"),
        ('"+5"', "+5"),
        ('".5"', ".5"),
        ('""', "\\N"),
        ("null", "\\N"),
        ('"0010"', "0010"),
    ],
)
def test_numbers_stay_exact_whatever_their_notation(json_text: str, stored: str) -> None:
    raw = frame(order=order_json(limit_price="HERE")).replace(b'"HERE"', json_text.encode())
    assert column(observed(raw), "limit_price") == stored


@pytest.mark.parametrize(
    "text",
    ["NaN", "Infinity", "-inf", "secret-value", "1-2", "--", "1:2", "1.2.3", "T", "N", "Z", "٣", "1" * 81, "9" * 500],
)
@pytest.mark.parametrize("where", ["qty", "filled_qty", "limit_price"])
def test_what_is_no_number_is_refused(text: str, where: str) -> None:
    assert refused(frame(order=order_json(**{where: text}))) == "bad_number"
    assert refused(frame("fill", qty="1", price="1", execution_id="x", position_qty=text)) == "bad_number"


@pytest.mark.parametrize("value", [True, [1], {"a": 1}])
def test_a_number_of_another_type_is_refused(value: Any) -> None:
    assert refused(frame(order=order_json(qty=value))) == "bad_type"


def test_numbers_beyond_any_use_are_refused() -> None:
    for text in (b"1e99999", b"1" * 5000, b"1e-99", b"1e999999999999999999999"):
        raw = frame(order=order_json(limit_price="HERE")).replace(b'"HERE"', text)
        assert refused(raw) in {"bad_number", "bad_type", "not_json"}


# --- times ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "now",
        "infinity",
        "today",
        "epoch",
        "2026-09-18",
        "20260918",
        "2026-09-18T13:24:50",
        "2026-02-30T00:00:00Z",
        "2026-09-18 13:24:50Z",
        "2026-09-18T13:24:50.1234567890Z",
        "2026-09-18T24:00:00Z",
        "secret-value",
        "1.5",
    ],
)
@pytest.mark.parametrize("where", ["created_at", "updated_at", "expires_at"])
def test_what_is_no_time_is_refused(text: str, where: str) -> None:
    # An unknown field makes the parser look with care; what it says must not depend on that.
    for extra in ({}, {"brand_new": 1}):
        raw = frame(order=order_json(**{where: text}), **extra)
        if text in {"2026-02-30T00:00:00Z", "2026-09-18T24:00:00Z"} and not extra and where != "updated_at":
            continue  # of the right shape: it is Postgres that refuses it (test_writer_poison)
        assert refused(raw) == "bad_timestamp"


def test_an_event_without_a_time_of_its_own() -> None:
    fill = {"execution_id": "x", "qty": "1", "price": "2", "timestamp": ...}
    by_order = observed(frame("fill", order_json(filled_at="2026-09-18T13:24:50.5Z"), **fill))
    assert by_order.is_fill
    assert by_order.execution[0] == "2026-09-18T13:24:50.5Z"
    by_update = observed(frame("fill", **fill))
    assert by_update.execution[0] == "2026-09-18T13:24:50.034148789Z"
    by_nothing = observed(frame("fill", order_json(updated_at=None), **fill))
    assert not by_nothing.is_fill  # it can't be paired by time: I9 finds the order short


@pytest.mark.parametrize(
    ("changes", "version"),
    [
        ({}, UPDATED_NS),
        ({"updated_at": None}, 1789737890_019957863),
        ({"updated_at": ...}, 1789737890_019957863),
        ({"updated_at": ""}, 1789737890_019957863),
    ],
)
def test_the_version_is_updated_at_else_the_events_time(changes: dict[str, Any], version: int) -> None:
    assert observed(frame(order=order_json(**changes))).version_ns == version


def test_the_version_of_what_states_no_time() -> None:
    submitted = order_json(updated_at=None)
    assert observed(frame(order=submitted, timestamp=None)).version_ns == 1789737890_018261663
    assert observed(frame(order=order_json(updated_at=None, submitted_at=None), timestamp=...)).version_ns == 0


def test_go_writes_a_time_that_was_never_set_as_the_year_one() -> None:
    raw = frame(order=order_json(expired_at="0001-01-01T00:00:00Z"), brand_new=1)
    assert column(observed(raw), "expired_at") == "0001-01-01T00:00:00Z"


# --- what is stated -------------------------------------------------------------------------------------------------


def test_absent_is_not_null() -> None:
    absent, null = observed(frame(order=order_json(hwm=...))), observed(frame(order=order_json(hwm=None)))
    bit = 1 << ORDER_COLUMNS.index("hwm")
    assert null.stated & bit
    assert absent.stated == ALL_STATED & ~bit
    assert column(absent, "hwm") == column(null, "hwm") == "\\N"
    assert absent.event_key != null.event_key


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"order_type": "limit", "type": "market"}, "limit"),
        ({"order_type": ..., "type": "market"}, "market"),
        ({"order_type": None, "type": "market"}, "market"),
        ({"order_type": "limit", "type": ...}, "limit"),
        ({"order_type": "", "type": ""}, ""),
        ({"order_type": None, "type": ...}, "\\N"),
    ],
)
def test_order_type_and_type_are_one(fields: dict[str, Any], text: str) -> None:
    observation = observed(frame(order=order_json(**fields)))
    assert column(observation, "order_type") == text
    assert observation.stated == ALL_STATED


def test_neither_order_type_nor_type() -> None:
    observation = observed(frame(order=order_json(order_type=..., type=...)))
    assert observation.stated == ALL_STATED & ~(1 << ORDER_COLUMNS.index("order_type"))


# --- new things -----------------------------------------------------------------------------------------------------


def test_an_unknown_event_and_an_unknown_status_are_data() -> None:
    observation = observed(frame("order_teleported", order_json(status="teleported")))
    assert (observation.event, observation.status) == ("order_teleported", "teleported")


def test_an_unknown_field_is_kept_and_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = frame(order=order_json(hold_reason="x", fee=1), venue={"a": [1, 1.10]}, lots=1.10).replace(b"1.1,", b"1.10,")
    parser = Parser()
    first = in_any_order(parser.frame(raw, seen_at()))
    assert list(first.unknown_fields) == ["lots", "order.fee", "order.hold_reason", "venue"]
    extra = first.observations[0].content.split("\t")[-1]
    assert json.loads(extra) == {"lots": "1.1", "order.fee": 1, "order.hold_reason": "x", "venue": {"a": [1, "1.1"]}}
    # The next one takes the strict reader, and says exactly the same.
    monkeypatch.setattr(parse_module, "decode_any", lambda _raw: pytest.fail("the lenient reader was used"))
    assert in_any_order(parser.frame(raw, seen_at())) == first
    assert parser.frame(frame(), seen_at()).unknown_fields == ()


def test_a_name_that_stands_for_a_known_field_elsewhere_is_not_learnt_in_its_place() -> None:
    parser = Parser()
    parser.frame(frame(**{"order.id": 5, "order.legs": 7}), seen_at())
    parsed = parser.frame(frame(), seen_at())
    assert parsed.observations[0].order_id == "order-1"


@pytest.mark.parametrize("name", ["class", "with space", "__dunder", "", "a.b", "ａ", "_private", "encode"])
def test_unknown_fields_of_any_name(name: str) -> None:
    parser = Parser()
    raw = frame(**{name: 1}, order=order_json(**{name: "x"}))
    assert in_any_order(parser.frame(raw, seen_at())) == in_any_order(parser.frame(raw, seen_at()))


def test_more_new_fields_than_can_be_learnt() -> None:
    parser = Parser()
    raw = frame(order=order_json(**{f"field_{n}": n for n in range(100)}))
    assert parser.frame(raw, seen_at()) == parser.frame(raw, seen_at()) == Parser().frame(raw, seen_at())
    assert parser.frame(frame(), seen_at()) == Parser().frame(frame(), seen_at())


# --- what is no statement, and what is unreadable -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"\x01", "heartbeat"),
        (b'{"stream":"listening","data":{"streams":[]}}', "ack"),
        (b'{"stream":"authorization","data":{"status":"authorized"}}', "ack"),
        (b'{"action":"error","data":{"error_message":"x"}}', "error"),
        (b'{"stream":"trade_updates","data":null}', "null_data"),
        (b'{"stream":"trade_updates"}', "null_data"),
        (b'{"stream":"account_updates","data":{"order":{"id":"x"},"event":"fill"}}', "other_stream"),
    ],
)
def test_no_statement_about_an_order(raw: bytes, kind: str) -> None:
    assert Parser().frame(raw, seen_at()) == Parsed(kind, "", (), (), ())


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not_json"),
        (b"<html>502</html>", "not_json"),
        (b"[]", "bad_type"),
        (b'"text"', "bad_type"),
        (b"{}", "absent"),
        (b'{"stream":5,"data":{}}', "absent"),
        (envelope([]), "bad_type"),
        (envelope({}), "absent"),
        (envelope({"event": "fill", "order": []}), "bad_type"),
        (envelope({"event": "fill", "order": {}}), "no_order_id"),
        (frame(order=order_json(id=None)), "no_order_id"),
        (frame(order=order_json(id="")), "no_order_id"),
        (frame(order=order_json(id="x" * 201)), "no_order_id"),
        (frame(order=order_json(legs={})), "bad_type"),
        (frame(order=order_json(legs=["leg"])), "bad_type"),
        (frame(order=order_json(legs=[{"symbol": "A"}])), "no_order_id"),
        (frame(order=order_json(extended_hours="yes")), "bad_type"),
        (frame("fill", legs=[{"order_id": "o"}]), "absent"),
        (frame("fill", legs=5), "bad_type"),
        (frame("fill", legs=[{"execution_id": "x", "order_id": "o", "qty": "z", "price": "1"}]), "bad_number"),
        (b"[" * 100_000, "not_json"),
    ],
)
def test_what_cannot_be_read(raw: bytes, reason: str) -> None:
    assert refused(raw) == reason


def test_legs_nested_without_end() -> None:
    order: dict[str, Any] = order_json(id="leaf")
    for depth in range(50):
        order = order_json(id=f"order-{depth}", legs=[order])
    assert refused(frame(order=order)) == "too_deep"
    with pytest.raises(WireError):
        Parser().snapshot(json.dumps(order).encode(), SWEEP)


def test_a_frame_names_its_account_by_its_record_not_by_its_bytes() -> None:
    assert observed(frame(account_id="somebody-else")).account_id == ACCOUNT


BEYOND = ["0001-01-01T00:00:00Z", "1600-01-01T00:00:00.5Z", "2300-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z"]
FILL = {"execution_id": "x", "qty": "1", "price": "2", "position_qty": "1"}


def read_by_both(raw: bytes) -> Observation:
    """What both readers make of a frame. Raises WireError."""
    parser = Parser()
    quick = parser.usual_frame(raw, ACCOUNT, "updates", 0, 0, 1)
    (observation,) = parser.frame(raw, seen_at()).observations
    assert quick is None or quick.content == observation.content
    return observation


@pytest.mark.parametrize("time", BEYOND)
@pytest.mark.parametrize("event", ["fill", "partial_fill"])
def test_an_execution_at_a_time_that_64_bits_do_not_hold_is_refused(event: str, time: str) -> None:
    unstamped = frame(event, order_json(filled_at=time), **(FILL | {"timestamp": None}))
    for raw in (frame(event, **FILL, timestamp=time), frame(event, **FILL, timestamp=time, said="\\"), unstamped):
        with pytest.raises(WireError) as error:
            read_by_both(raw)
        assert error.value.reason == "bad_timestamp"


@pytest.mark.parametrize("time", ["1677-09-21T00:12:43.145224192Z", "2262-04-11T23:47:16.854775807Z"])
def test_an_execution_at_the_first_and_last_of_these_is_taken(time: str) -> None:
    assert read_by_both(frame("fill", **FILL, timestamp=time)).fill is not None


@pytest.mark.parametrize("time", BEYOND)
def test_a_time_that_nothing_is_reckoned_from_is_kept_as_it_is(time: str) -> None:
    assert f"\t{time}\t" in read_by_both(frame("new", **FILL, timestamp=time)).content
    assert column(read_by_both(frame("fill", order_json(filled_at=time), **FILL)), "filled_at") == time


@pytest.mark.parametrize("time", BEYOND)
def test_a_version_that_64_bits_do_not_hold_is_refused(time: str) -> None:
    order = order_json(updated_at=time)
    unstamped = order_json(updated_at=None, submitted_at=time)
    for raw in (frame("new", order), frame("new", unstamped, timestamp=None)):
        assert refused(raw) == "bad_timestamp"
        assert Parser().usual_frame(raw, ACCOUNT, "updates", 0, 0, 1) is None
    with pytest.raises(WireError) as error:
        Parser().snapshot(json.dumps(order).encode(), SWEEP)
    assert error.value.reason == "bad_timestamp"
