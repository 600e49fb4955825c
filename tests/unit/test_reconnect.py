"""When to connect again: capped, jittered, reset by nothing but a granted subscription."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.reconnect import PACES, USUAL, Backoff, may_recycle
from stream_reconcile.core.session import End

S = 1_000_000_000


def slowest() -> Backoff:
    return Backoff(lambda: 0.9999999)


def test_waits_double_up_to_the_cap() -> None:
    backoff = slowest()
    delays = [round(backoff.delay_s(End.DISCONNECTED, 0)) for _ in range(9)]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_only_a_granted_subscription_resets() -> None:
    backoff = slowest()
    for _ in range(6):
        backoff.delay_s(End.AUTH_TIMEOUT, 0)
    assert backoff.failures == 6
    backoff.listening(0)
    assert backoff.failures == 0
    assert round(backoff.delay_s(End.DISCONNECTED, 60 * S)) == 1


def test_a_broker_that_grants_and_drops_is_not_hit_at_full_speed() -> None:
    backoff = slowest()
    delays = []
    for second in range(6):
        backoff.listening(second * S)
        delays.append(round(backoff.delay_s(End.DISCONNECTED, second * S)))
    assert delays == [2, 4, 8, 16, 16, 16]
    backoff.listening(0)
    assert round(backoff.delay_s(End.DISCONNECTED, 3600 * S)) == 1


def test_refused_credentials_are_tried_in_minutes() -> None:
    assert Backoff(lambda: 0.0).delay_s(End.CREDENTIALS_REFUSED, 0) >= 120
    backoff = slowest()
    assert max(backoff.delay_s(End.CREDENTIALS_REFUSED, 0) for _ in range(10)) <= 900


def test_rate_limit_has_a_floor() -> None:
    assert Backoff(lambda: 0.0).delay_s(End.RATE_LIMITED, 0) == PACES[End.RATE_LIMITED].floor_s > 1


@given(
    ends=st.lists(st.tuples(st.sampled_from(End), st.booleans()), max_size=60),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_every_wait_is_within_its_pace(ends: list[tuple[End, bool]], chance: float) -> None:
    backoff = Backoff(lambda: chance)
    for number, (end, listened) in enumerate(ends):
        if listened:
            backoff.listening(number * S)
        pace = PACES.get(end, USUAL)
        assert pace.floor_s <= backoff.delay_s(end, (number + 1) * S) <= pace.cap_s


@pytest.mark.parametrize(
    ("open_orders", "quiet_s", "age_s", "may"),
    [
        (False, 60, 3600, True),
        (False, 59.9, 3600, False),
        (False, 60, 3599.9, False),
        (True, 1e6, 1e6, False),
        (None, 1e6, 1e6, False),
    ],
)
def test_recycle_rule(open_orders: bool | None, quiet_s: float, age_s: float, may: bool) -> None:
    assert may_recycle(open_orders=open_orders, quiet_s=quiet_s, age_s=age_s) is may
