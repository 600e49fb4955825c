"""The stream session under arbitrary events: no crash, nothing granted that was not said, no wait without limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.session import Authorized, Close, Listening, Output, Ping, Send, State, StreamSession, Timing

S = 1_000_000_000
TIMING = Timing(open_s=1, auth_s=2, listen_s=3, ping_every_s=4, pong_within_s=5)
LONGEST_S = 5

AUTHORIZED = b'{"stream":"authorization","data":{"status":"authorized"}}'
GRANTED = b'{"stream":"listening","data":{"streams":["trade_updates"]}}'

FRAMES = st.one_of(
    st.just(AUTHORIZED),
    st.just(GRANTED),
    st.sampled_from(
        [
            b'{"stream":"authorization","data":{"status":"unauthorized"}}',
            b'{"stream":"listening","data":{"streams":[]}}',
            b'{"action":"error"}',
            b'{"stream":"trade_updates","data":null}',
            b"\x01",
            b"<html>",
        ]
    ),
    st.binary(max_size=30),
)
EVENTS = st.lists(st.one_of(FRAMES, st.just("tick"), st.just("pong")), max_size=30)
STEPS_NS = st.lists(st.integers(0, 6 * S), min_size=30, max_size=30)


@given(EVENTS, STEPS_NS)
def test_any_events_in_any_order(events: list[bytes | str], steps: list[int]) -> None:
    now = 0
    session = StreamSession("K", "S", now_ns=now, timing=TIMING)
    outputs: list[Output] = list(session.opened(now))
    frames: list[bytes] = []
    for event, step in zip(events, steps, strict=False):
        now += step
        if isinstance(event, bytes):
            # the shell ticks at the deadline, so frames come before it
            outputs += session.tick(now) if (deadline := session.deadline_ns) is not None and now >= deadline else ()
            if session.state is not State.CLOSED:
                frames.append(event)
            outputs += session.received(event, now)[1]
        elif event == "pong":
            session.pong(now)
        else:
            outputs += session.tick(now)
        deadline = session.deadline_ns
        assert (deadline is None) == (session.state is State.CLOSED)
        assert deadline is None or deadline - now <= LONGEST_S * S

    kinds = [type(output) for output in outputs]
    assert kinds.count(Close) == (session.state is State.CLOSED)
    assert kinds.count(Authorized) <= 1
    assert kinds.count(Listening) <= 1
    if Authorized in kinds:
        assert AUTHORIZED in frames
        assert kinds.count(Send) == 2
    if Listening in kinds:
        # granted only after authorized, in the order of the wire
        assert GRANTED in frames[frames.index(AUTHORIZED) :]
        assert kinds.index(Authorized) < kinds.index(Listening)


@given(st.integers(0, 100))
def test_silence_ends_every_session(start: int) -> None:
    """Ticked at its deadlines and told nothing, a session ends after a ping at most."""
    now = start
    session = StreamSession("K", "S", now_ns=now, timing=TIMING)
    session.opened(now)
    session.received(AUTHORIZED, now)
    session.received(GRANTED, now)
    outputs: list[Output] = []
    while (deadline := session.deadline_ns) is not None:
        assert deadline > now
        now = deadline
        outputs += session.tick(now)
    assert [type(output) for output in outputs] == [Ping, Close]
    assert now - start == (TIMING.ping_every_s + TIMING.pong_within_s) * S
