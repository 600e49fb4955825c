"""The stream session as a pure value: feed events, look at outputs."""

from __future__ import annotations

import json

import pytest

from stream_reconcile.core.session import (
    Authorized,
    Close,
    End,
    Listening,
    Ping,
    Send,
    State,
    StreamSession,
    Timing,
    refusal,
)

S = 1_000_000_000
TIMING = Timing(open_s=1, auth_s=2, listen_s=3, ping_every_s=4, pong_within_s=5)

AUTHORIZED = b'{"stream":"authorization","data":{"status":"authorized","action":"authenticate"}}'
UNAUTHORIZED = b'{"stream":"authorization","data":{"message":"code=401, message=Unauthorized","status":"unauthorized"}}'
GRANTED = b'{"stream":"listening","data":{"streams":["trade_updates"]}}'
NOT_GRANTED = b'{"stream":"listening","data":{"streams":[]}}'
ERROR = b'{"action":"error","data":{"error_message":"internal server error"}}'
UPDATE = b'{"stream":"trade_updates","data":{"event":"new"}}'


def opening() -> StreamSession:
    return StreamSession("KEY", "SECRET", now_ns=0, timing=TIMING)


def authenticating() -> StreamSession:
    session = opening()
    session.opened(0)
    return session


def subscribing() -> StreamSession:
    session = authenticating()
    session.received(AUTHORIZED, 0)
    return session


def listening() -> StreamSession:
    session = subscribing()
    session.received(GRANTED, 0)
    return session


def test_the_whole_way() -> None:
    session = opening()
    (auth,) = session.opened(0)
    assert isinstance(auth, Send)
    assert json.loads(auth.data) == {"action": "auth", "key": "KEY", "secret": "SECRET"}

    _, outputs = session.received(AUTHORIZED, 0)
    assert outputs[0] == Authorized()
    assert isinstance(outputs[1], Send)
    assert json.loads(outputs[1].data) == {"action": "listen", "data": {"streams": ["trade_updates"]}}

    assert session.received(GRANTED, 0)[1] == (Listening(),)
    assert session.state is State.LISTENING
    seen, outputs = session.received(UPDATE, 0)
    assert (seen.event, outputs) == ("new", ())


@pytest.mark.parametrize(
    ("session", "after_s", "end"),
    [
        (opening(), 1, End.OPEN_TIMEOUT),
        (authenticating(), 2, End.AUTH_TIMEOUT),
        (subscribing(), 3, End.LISTEN_TIMEOUT),
    ],
    ids=["open", "auth", "listen"],
)
def test_every_answer_has_a_deadline(session: StreamSession, after_s: int, end: End) -> None:
    assert session.deadline_ns == after_s * S
    assert session.tick(after_s * S - 1) == ()
    assert session.tick(after_s * S) == (Close(end),)
    assert session.deadline_ns is None
    assert session.tick(100 * S) == ()


def test_frames_that_are_no_answer_do_not_put_off_the_deadline() -> None:
    session = authenticating()
    for raw in (UPDATE, b"\x01", b"<html>", b"{}", GRANTED, NOT_GRANTED):
        assert session.received(raw, 1 * S)[1] == ()
    assert session.state is State.AUTHENTICATING
    assert session.tick(2 * S) == (Close(End.AUTH_TIMEOUT),)


def test_silence_is_asked_about_and_then_ends_the_session() -> None:
    session = listening()
    assert session.tick(4 * S - 1) == ()
    assert session.tick(4 * S) == (Ping(),)
    assert session.tick(8 * S) == ()
    assert session.tick(9 * S) == (Close(End.SILENT),)


@pytest.mark.parametrize("alive", ["pong", "update", "heartbeat", "junk"])
def test_a_pong_or_any_frame_is_life(alive: str) -> None:
    session = listening()
    session.tick(4 * S)
    frames = {"update": UPDATE, "heartbeat": b"\x01", "junk": b"<html>"}
    if alive == "pong":
        session.pong(8 * S)
    else:
        session.received(frames[alive], 8 * S)
    assert session.tick(9 * S) == ()
    assert session.tick(12 * S) == (Ping(),)


@pytest.mark.parametrize(
    ("session", "raw", "end"),
    [
        (authenticating(), UNAUTHORIZED, End.CREDENTIALS_REFUSED),
        (authenticating(), ERROR, End.STREAM_ERROR),
        (subscribing(), UNAUTHORIZED, End.CREDENTIALS_REFUSED),
        (subscribing(), NOT_GRANTED, End.NOT_GRANTED),
        (subscribing(), ERROR, End.STREAM_ERROR),
        (listening(), UNAUTHORIZED, End.CREDENTIALS_REFUSED),
        (listening(), NOT_GRANTED, End.NOT_GRANTED),
        (listening(), ERROR, End.STREAM_ERROR),
    ],
)
def test_refusals_and_errors_end_it(session: StreamSession, raw: bytes, end: End) -> None:
    assert session.received(raw, 0)[1] == (Close(end),)
    assert session.state is State.CLOSED


@pytest.mark.parametrize(
    ("message", "end"),
    [
        ("unauthorized code=401, message=Unauthorized", End.CREDENTIALS_REFUSED),
        ("unauthorized access key verification failed", End.CREDENTIALS_REFUSED),
        ("unauthorized", End.CREDENTIALS_REFUSED),
        ("Too Many Connections", End.CONNECTION_LIMIT),
        ("unauthorized code=406, connection limit exceeded", End.CONNECTION_LIMIT),
        ("unauthorized code=503, message=try later", End.STREAM_ERROR),
    ],
)
def test_not_every_no_is_about_the_key(message: str, end: End) -> None:
    assert refusal(message) is end


def test_frames_read_after_the_end_change_nothing() -> None:
    session = listening()
    assert session.close(End.RECYCLED) == (Close(End.RECYCLED),)
    assert session.close(End.STOPPED) == ()
    for raw in (UPDATE, AUTHORIZED, GRANTED, ERROR, b"\x01"):
        assert session.received(raw, 0)[1] == ()


def test_misuse_raises() -> None:
    with pytest.raises(RuntimeError):
        opening().received(UPDATE, 0)
    with pytest.raises(RuntimeError):
        listening().opened(0)
