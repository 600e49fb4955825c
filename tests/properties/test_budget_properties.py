"""B1 to B4 of the budget, against a broker that counts in windows while others send too."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.budget import RateBudget

START = 1_800_000_000.0
WINDOW = 60.0
SHARES = st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0])

STEP = st.tuples(
    st.sampled_from([0.0, 0.5, 5.0, 12.0, 20.0, 29.0, 31.0, 55.0, 59.5]),  # seconds until the next tries
    st.integers(1, 6),  # so many
    st.sampled_from([0.01, 1.0, 12.0, 29.0]),  # seconds until each is answered
    st.floats(0.0, 1.0),  # of which this part is the way to the broker
    st.integers(0, 1),  # requests of others that come first
    st.booleans(),  # whether the answer is lost
)


@given(SHARES, st.integers(1, 12), st.lists(STEP, max_size=60))
def test_b1_b2_never_more_than_our_share_of_a_window(
    share: float, limit: int, steps: list[tuple[float, int, float, float, int, bool]]
) -> None:
    budget = RateBudget(share, limit)
    most = max(int(share * limit + 1e-9), 1)
    now = START
    ours: Counter[int] = Counter()
    used: Counter[int] = Counter()
    pending: list[tuple[float, tuple[int, int, float] | None]] = []
    arrivals: list[tuple[float, float, bool]] = []

    def catch_up() -> None:
        """The broker counts what has arrived, in its order; then we hear of what was answered, in that order."""
        for arrival in sorted(arrivals):
            arrived, answered, lost = arrival
            if arrived <= now:
                arrivals.remove(arrival)
                window = int(arrived // WINDOW)
                ours[window] += 1
                used[window] += 1
                headers = (limit, max(limit - used[window], 0), (window + 1) * WINDOW)
                pending.append((answered, None if lost else headers))
        for answer in sorted(pending, key=lambda each: each[0]):
            if answer[0] <= now:
                pending.remove(answer)
                budget.answered(answer[0], *(answer[1] or (None, None, None)))

    budget.sent(now)  # the first answer tells where their windows end
    ours[int(now // WINDOW)] = used[int(now // WINDOW)] = 1
    budget.answered(now, limit, limit - 1, START + WINDOW)
    for pause, burst, latency, way, others, lost in steps:
        for _ in range(20):  # what happens in between is told in time
            now += pause / 20
            catch_up()
        used[int(now // WINDOW)] += others
        for _ in range(burst):
            if budget.delay_s(now) > 0.0:
                assert budget.delay_s(now) <= WINDOW + 1.0
                break
            assert budget.left(now) > 0
            budget.sent(now)
            arrivals.append((now + latency * way, now + latency, lost))
            catch_up()
    now += 1000.0
    catch_up()
    assert all(count <= most for count in ours.values()), (most, ours)


@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 90.0),
            st.sampled_from(["sent", "answered", "refused"]),
            st.none() | st.integers(-5, 1000),
            st.none() | st.integers(-5, 1000),
            st.none() | st.floats(-1e6, 1e6) | st.floats(-200.0, 400.0),
        ),
        max_size=60,
    ),
    st.floats(0.01, 15.0),
)
def test_b3_b4_whatever_the_headers_say_every_wait_ends_and_a_refusal_is_heeded(
    events: list[tuple[float, str, int | None, int | None, float | None]], pause_s: float
) -> None:
    budget = RateBudget()
    now = START
    for step, kind, limit, remaining, reset in events:
        now += step
        told = None if reset is None else now + reset
        if kind == "sent":
            budget.sent(now)
        elif kind == "answered":
            budget.answered(now, limit, remaining, told)
        else:
            budget.refused(now, told, pause_s=pause_s)
            assert budget.left(now) == 0
            if reset is not None and 0.0 < reset <= 300.0:
                assert budget.delay_s(now) >= reset - 1e-3
        delay = budget.delay_s(now)
        assert 0.0 <= delay <= 301.0
        assert (delay == 0.0) == (budget.left(now) > 0)
    for _ in range(1000):
        delay = budget.delay_s(now)
        if delay == 0.0:
            break
        now += delay
    assert budget.delay_s(now) == 0.0
