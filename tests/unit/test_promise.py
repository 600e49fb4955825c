"""The sentence on top of the page: what it says in which state, and that the worst account speaks for all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stream_reconcile.web.promise import Promise, Standing, State, promise, promise_of_all

NOW = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
DUE = timedelta(minutes=1)


def said(standing: Standing) -> Promise:
    return promise(standing, NOW, due=DUE)


def test_equal_as_long_as_a_proof_is_young() -> None:
    assert said(Standing("a", NOW - DUE)).state is State.EQUAL
    late = said(Standing("a", NOW - DUE - timedelta(seconds=1), trouble="the broker answered 503."))
    assert (late.state, late.since) == (State.LATE, NOW - timedelta(seconds=61))
    assert late.why == "The newest sweep says: the broker answered 503."


def test_what_is_open_counts_more_than_a_young_proof() -> None:
    found = said(Standing("a", NOW, blocked_by=2, blocked_since=NOW - timedelta(hours=1)))
    assert (found.state, found.since) == (State.DIFFERS, NOW - timedelta(hours=1))
    assert found.why == "2 findings are open that block the proof."


def test_never_proved_and_nobody_there() -> None:
    assert said(Standing("a", None)).why == "No sweep has proved it so far."
    nobody, each = promise_of_all([], NOW, due=DUE)
    assert (nobody.state, each) == (State.EMPTY, [])


def test_the_worst_speaks_and_of_equal_ones_the_oldest_proof() -> None:
    older, newer = Standing("a", NOW - timedelta(seconds=50)), Standing("b", NOW)
    assert promise_of_all([newer, older], NOW, due=DUE)[0].account_id == "a"
    differs = Standing("c", NOW, blocked_by=1, blocked_since=NOW)
    worst, each = promise_of_all([newer, differs, Standing("d", None)], NOW, due=DUE)
    assert (worst.account_id, len(each)) == ("c", 3)
