"""The budget of REST requests: our share of a window, the trading program's room, and what a 429 stops."""

from __future__ import annotations

import pytest

from stream_reconcile.core.budget import RateBudget

T = 1_800_000_000.0
RESET = T + 40.0


def spend(budget: RateBudget, now: float, *, remaining: int, reset: float | None = RESET) -> int:
    """Send while we may, each answered at once; how many went. `remaining` is the broker's before the first."""
    sent = 0
    while budget.delay_s(now) == 0.0:
        budget.sent(now)
        sent += 1
        budget.answered(now, 200, remaining - sent, reset)
        assert sent <= 1000
    return sent


def test_half_of_the_limit_then_a_wait_until_the_reset() -> None:
    budget = RateBudget()
    assert spend(budget, T, remaining=200) == 100
    assert (budget.limit, budget.used, budget.left(T)) == (200, 100, 0)
    assert budget.delay_s(T) == 40.0
    assert budget.delay_s(T + 39.0) == 1.0
    assert budget.delay_s(RESET) == 0.0
    assert spend(budget, RESET, remaining=200, reset=RESET + 60) == 100


def test_the_limit_is_the_one_in_the_headers() -> None:
    budget = RateBudget(0.25)
    budget.sent(T)
    budget.answered(T, 1000, 999, RESET)
    assert budget.limit == 1000
    assert budget.left(T) == 249


def test_without_headers_a_minute_at_a_time() -> None:
    budget = RateBudget(default_limit=20)
    for _ in range(10):
        assert budget.delay_s(T) == 0.0
        budget.sent(T)
        budget.answered(T, None, None, None)
    assert budget.delay_s(T + 20) == 40.0
    assert budget.delay_s(T + 60) == 0.0


def test_what_others_use_leaves_less_for_us_and_some_room_for_them() -> None:
    budget = RateBudget()
    budget.sent(T)
    budget.answered(T, 200, 60, RESET)
    assert budget.left(T) == 35
    assert spend(budget, T, remaining=60) == 35
    assert budget.delay_s(T) == 40.0


def test_a_refusal_stops_all_until_the_reset() -> None:
    budget = RateBudget()
    budget.sent(T)
    budget.refused(T, RESET)
    assert budget.left(T) == 0
    assert budget.delay_s(T + 1) == 39.0
    assert budget.delay_s(RESET) == 0.0


def test_a_refusal_without_a_reset_stops_all_for_the_callers_pause_or_until_the_reset_known_before() -> None:
    budget = RateBudget()
    budget.sent(T)
    budget.refused(T, None, pause_s=2.5)
    assert budget.delay_s(T) == 2.5
    assert budget.delay_s(T + 2.5) == 0.0
    budget = RateBudget()
    budget.sent(T)
    budget.answered(T, 200, 100, RESET)
    budget.sent(T)
    budget.refused(T, None, pause_s=2.5)
    assert budget.delay_s(T) == 40.0


@pytest.mark.parametrize("reset", [42.0, T + 86_400, T - 1_000, T * 1000])
def test_a_reset_that_can_be_none_is_not_believed(reset: float) -> None:
    budget = RateBudget()
    assert spend(budget, T, remaining=200, reset=reset) == 100
    assert budget.delay_s(T) == 60.0
    budget.refused(T, reset, pause_s=1.5)
    assert budget.delay_s(T) == 1.5


def test_a_window_that_lasts_longer_by_the_brokers_clock_is_still_the_same() -> None:
    budget = RateBudget()
    spend(budget, T, remaining=200)
    late = RESET + 0.5  # over by our clock
    budget.sent(late)
    budget.answered(late, 200, 99, RESET)
    assert budget.left(late) == 0
    assert 0.0 < budget.delay_s(late) <= 1.0
    again = late + 1.0
    assert budget.delay_s(again) == 0.0
    budget.sent(again)
    budget.answered(again, 200, 199, RESET + 60)
    assert budget.left(again) == 98


def test_an_answer_names_a_new_window_before_our_clock_does() -> None:
    budget = RateBudget()
    spend(budget, T, remaining=200)
    assert budget.left(T) == 0
    budget.answered(T + 38, 200, 199, RESET + 60)  # that of a request that was under way
    assert budget.used == 1
    assert budget.left(T + 38) == 99


def test_what_is_under_way_when_a_new_window_is_named_may_be_counted_in_it() -> None:
    budget = RateBudget()
    for _ in range(3):
        budget.sent(T)
    budget.answered(T, 200, 100, RESET)
    budget.answered(T + 38, 200, 199, RESET + 60)
    assert budget.used == 2


def test_a_reset_that_moves_on_with_every_answer_gives_no_more_than_the_share() -> None:
    budget = RateBudget()
    sent = 0
    while budget.delay_s(T + sent * 0.1) == 0.0 and sent < 500:
        now = T + sent * 0.1
        budget.sent(now)
        sent += 1
        budget.answered(now, 200, 200 - sent, now + 60)
    assert sent == 100


def test_one_request_at_least() -> None:
    budget = RateBudget(0.1, default_limit=3)
    assert budget.left(T) == 1
    budget.sent(T)
    assert budget.left(T) == 0


@pytest.mark.parametrize(("share", "limit"), [(0.0, 200), (1.1, 200), (0.5, 0)])
def test_what_is_no_budget(share: float, limit: int) -> None:
    with pytest.raises(ValueError, match="share"):
        RateBudget(share, limit)
