"""Targets: what comes from the broker and from Kafka. Each takes any bytes, and fails where a promise does not hold."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from stream_reconcile.broker.http import Answer
from stream_reconcile.broker.rest_answers import (
    Entry,
    Listing,
    UnusableError,
    is_not_found,
    is_refused_parameter,
    may_pass,
    read_list,
    read_object,
)
from stream_reconcile.broker.rest_paging import OrderWalk, Query, activity_pages
from stream_reconcile.core.errors import DecodeError, IncompleteRead, WireError
from stream_reconcile.core.fold import Fold
from stream_reconcile.core.observation import LINE_COLUMNS, Parsed
from stream_reconcile.core.session import StreamSession
from stream_reconcile.core.wire.executions import parse_activity, parse_adjustment
from stream_reconcile.core.wire.holdings import parse_holding, parse_movement, parse_position
from stream_reconcile.core.wire.parse import Parser
from stream_reconcile.core.wire.peek import peek
from stream_reconcile.core.wire.shapes import Shapes
from stream_reconcile.core.wire.unchanged import Unchanged, decode, family
from stream_reconcile.jobs.apply.decode import Decoded, Decoder
from stream_reconcile.log.codec import Envelope, SingleObjectCodec, try_account_id, try_order_id
from stream_reconcile.log.envelope import is_plausible_id
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.batch import Place
from stream_reconcile.store.lines import event_lines
from support.wire_data import ACCOUNT, seen_at

TOPICS = Topics()
CODEC = SingleObjectCodec(TOPICS)
FRAME, SWEPT = seen_at(), seen_at(source="sweep", received_at_ns=7)
Made = TypeVar("Made")
_MOST_PAGES = 20
_PAGE = 3


def frame(raw: bytes) -> None:
    """A websocket message: the session's first look, and apply's parse of the record that it becomes."""
    peek(raw)
    for heard in range(3):  # while authenticating, subscribing, listening
        session = StreamSession("KEY", "SECRET", now_ns=0)
        session.opened(0)
        for answer in (_AUTHORIZED, _LISTENING)[:heard]:
            session.received(answer, 1)
        session.received(raw, 2)
    parser = _PARSERS.one()
    quick = parser.usual_frame(raw, FRAME.account_id, *FRAME[3:])
    parsed = _parsed(parser, raw)
    if parsed is not None and parsed.unknown_fields:  # once more, with what it has just learnt
        again = _parsed(parser, raw)
        assert again is not None
        assert again.observations == parsed.observations, "what it has learnt changes what it reads"
    if quick is not None:
        assert parsed is not None, "the short way took what the long way refuses"
        assert parsed.observations == (quick,), "the short way and the long way differ"
    if parsed is not None:
        fold = Fold()
        fold.add(parsed, 0)
        assert all(line.count("\t") == len(LINE_COLUMNS) - 1 for line in event_lines(fold))
    _nothing_is_lost(TOPICS.trade_updates, raw)


def order(raw: bytes) -> None:
    """One order of the REST API."""
    with contextlib.suppress(WireError):
        _PARSERS.one().snapshot(raw, SWEPT)
    for found in decode([raw]):
        if found is not None:
            for each in family(found):
                assert not Unchanged().is_in({}, each, raw)
    _nothing_is_lost(TOPICS.order_snapshots, raw)


def activity(raw: bytes) -> None:
    """One account activity, or one of our own adjustments."""
    for parse in (parse_activity, parse_adjustment):
        with contextlib.suppress(WireError):
            for evidence in parse(raw, SWEPT).evidence:
                assert "\x00" not in f"{evidence.order_id}{evidence.account_id}"
    with contextlib.suppress(WireError):
        parse_movement(raw)
    _nothing_is_lost(TOPICS.fill_activities, raw)
    _nothing_is_lost(TOPICS.adjustments, raw)


def holding(raw: bytes) -> None:
    """Positions or the account."""
    with contextlib.suppress(WireError):
        assert parse_position(raw).qty.is_finite()
    with contextlib.suppress(WireError):
        for row in parse_holding(raw, SWEPT, 1).rows:
            assert "\x00" not in str(row)
    _nothing_is_lost(TOPICS.account_snapshots, raw)


def record(payload: bytes) -> None:
    """The value of a Kafka record, in any encoding that there is, on every topic."""
    account, order_id = try_account_id(payload), try_order_id(payload)
    assert account is None or is_plausible_id(account)
    assert order_id is None or is_plausible_id(order_id)
    for topic in TOPICS.all:
        usual = CODEC.usual(topic, payload)
        try:
            envelope = CODEC.decode(topic, payload)
        except DecodeError:
            assert usual is None, "the short way took what the long way refuses"
            continue
        assert usual in (None, (envelope.account_id, envelope.raw)), "the short way and the long way differ"
        assert is_plausible_id(envelope.account_id)
    for topic in TOPICS.applied:
        _one_of_three(topic, payload)


def body(raw: bytes) -> None:
    """The body of an answer of the REST API, as an object, as a list, as an error, and as page after page."""
    for status in (200, 404, 422, 500):
        answer = Answer(status, {"X-Request-ID": "r"}, raw, 1)
        is_not_found(answer)
        is_refused_parameter(answer)
        may_pass(answer)
    answer = Answer(200, {}, raw, 1)
    with contextlib.suppress(UnusableError):
        read_object(answer, "order-1")
    try:
        listing = read_list(answer)
    except UnusableError:
        return
    whole = msgspec.json.decode(raw, type=list[msgspec.Raw])
    assert [entry.raw for entry in listing.entries] == [bytes(one) for one in whole], "an element is lost or changed"
    for descending in (False, True):
        _walk(listing, descending=descending)


def _walk(listing: Listing, *, descending: bool) -> None:
    """The list cut into pages: each of its elements is given, or the walk says that it is incomplete."""
    entries = listing.entries
    pages = [entries[at : at + _PAGE] for at in range(0, len(entries), _PAGE)][:_MOST_PAGES]
    for by_id in (False, True):
        walk = OrderWalk(
            _asked(pages), {}, after_ns=None, until_ns=None, descending=descending, limit=_PAGE, by_id=by_id
        )
        with contextlib.suppress(IncompleteRead):
            _ = [page.items for page in walk.pages()]
    with contextlib.suppress(IncompleteRead):
        given = [raw for page in activity_pages(_asked(pages), {}, page_size=_PAGE) for raw in page.items]
        ids = [entry.id for page in pages for entry in page]
        if len(set(ids)) == len(ids):
            assert given == [entry.raw for page in pages for entry in page], "an activity is lost"


def _asked(pages: list[tuple[Entry, ...]]) -> _Broker:
    return _Broker(pages)


class _Unlearned(Generic[Made]):
    """One that has learnt nothing of earlier input, so that a finding is found again from its bytes alone.

    To make one takes longer than to use it a hundred times.
    """

    def __init__(self, make: Callable[[], Made], shapes: Callable[[Made], Shapes]) -> None:
        self._make, self._shapes = make, shapes
        self._one: Made | None = None

    def one(self) -> Made:
        if self._one is None or self._shapes(self._one).has_learnt:
            self._one = self._make()
        return self._one


_PARSERS = _Unlearned(Parser, lambda parser: parser._shapes)
_DECODERS = _Unlearned(lambda: Decoder(CODEC, TOPICS), lambda decoder: decoder._parser._shapes)


class _Broker:
    """Answers each question with the next page, whatever was asked; after the last, with an empty one."""

    def __init__(self, pages: list[tuple[Entry, ...]]) -> None:
        self._pages = iter(pages)

    def __call__(self, query: Query) -> Listing:
        entries = next(self._pages, ())
        return Listing(entries, len(entries), 1, "")


def _parsed(parser: Parser, raw: bytes) -> Parsed | None:
    try:
        return parser.frame(raw, FRAME)
    except WireError:
        return None


def _nothing_is_lost(topic: str, raw: bytes) -> None:
    """As the record that ingest or the sweep makes of these bytes."""
    _one_of_three(topic, CODEC.encode(topic, Envelope(ACCOUNT, "s", 1, 2, "stream", "e", "o", raw)))


def _one_of_three(topic: str, payload: bytes) -> None:
    """A statement, or one that is counted as none, or a dead letter with a reason and every byte."""
    decoded = Decoded()
    found = _DECODERS.one().decode(Place(topic, 0, 1), "id", b"k", payload, 5, decoded)
    letters = decoded.dead_letters
    assert (found is not None) + len(letters) + sum(decoded.no_statement.values()) == 1, "lost, or taken twice"
    for letter in letters:
        assert letter.payload == payload
        assert letter.reason
        assert letter.payload != b"" or letter.reason == "empty"
        assert "\x00" not in letter.account_id


_AUTHORIZED = b'{"stream":"authorization","data":{"action":"authenticate","status":"authorized"}}'
_LISTENING = b'{"stream":"listening","data":{"streams":["trade_updates"]}}'
