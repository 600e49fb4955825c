"""What the life of an order tells people about."""

from __future__ import annotations

import itertools

from stream_reconcile.core.lifecycle import STATUSES, Flag, status_rank, step_flags
from stream_reconcile.core.lives import FIRST_CURIOUS_RANK, Life, is_curious, told

PLAIN = Life("a", "o", "new", None, None, None, None, None, filled_while_canceling=False, filled_after_replace=False)


def test_a_look_is_taken_at_each_step_that_deserves_a_flag() -> None:
    for earlier, later in itertools.permutations([*STATUSES, "a status of next year"], 2):
        ranks = status_rank(earlier), status_rank(later)
        assert is_curious(*ranks) == bool(step_flags(earlier, later)), (earlier, later)
        assert ranks[0] >= FIRST_CURIOUS_RANK or not is_curious(*ranks)


def test_an_order_of_which_there_is_nothing_to_tell() -> None:
    assert list(told(PLAIN)) == []


def test_an_order_that_ended_and_is_open_again_and_goes_on() -> None:
    ended = PLAIN._replace(ended_status="canceled", ended_ns=7)
    found = [list(told(ended._replace(status=status))) for status in ("new", "partially_filled", "pending_cancel")]
    assert found[0] == found[1] == found[2], "that it goes on is no news"
    assert [(one.type, one.how) for one in found[0]] == [(Flag.IMPOSSIBLE_REGRESSION, "open")]
    for status in ("canceled", "a status of next year", None):
        assert list(told(ended._replace(status=status))) == []


def test_a_race_is_told_once_and_a_fill_after_a_replace_until_it_is_booked() -> None:
    one = PLAIN._replace(filled_while_canceling=True, filled_after_replace=True, replaced_by="p")
    assert [(one.type, one.how) for one in told(one)] == [
        ("cancel_fill_race", "record_once"),
        ("fill_on_predecessor", "open"),
    ]
