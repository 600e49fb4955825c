"""The tables of statuses and events."""

from __future__ import annotations

import warnings
from itertools import pairwise

import pytest

from stream_reconcile.core.lifecycle import (
    EVENTS,
    FILL_EVENTS,
    STATUSES,
    UNKNOWN_RANK,
    EventKind,
    Flag,
    event_effect,
    is_open,
    is_terminal,
    status_rank,
    step_flags,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the official client still imports websockets.legacy
    from alpaca.trading.enums import OrderStatus, TradeEvent

TERMINAL = ["rejected", "expired", "canceled", "replaced", "filled"]


@pytest.mark.parametrize("status", [status.value for status in OrderStatus])
def test_each_status_of_the_official_client_is_listed(status):
    assert status in STATUSES


@pytest.mark.parametrize("event", [event.value for event in TradeEvent])
def test_each_event_of_the_official_client_is_listed(event):
    assert event_effect(event).kind is not EventKind.UNKNOWN


def test_terminal_statuses_are_these():
    assert [name for name, status in STATUSES.items() if status.terminal] == TERMINAL
    assert not any(is_open(status) for status in TERMINAL)
    assert all(is_open(status) or is_terminal(status) for status in STATUSES)


def test_no_two_listed_statuses_share_a_rank():
    ranks = [status.rank for status in STATUSES.values()]
    assert len(set(ranks)) == len(ranks)


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        *pairwise(["", "pending_new", "accepted", "new", "partially_filled", "pending_cancel", "done_for_day"]),
        ("done_for_day", "a status of next year"),
        ("a status of next year", "rejected"),
        ("canceled", "filled"),
    ],
)
def test_ranks_break_ties_towards_the_later_status(lower, higher):
    assert status_rank(lower) < status_rank(higher)


def test_an_unknown_status_is_neither_open_nor_terminal():
    assert status_rank("a status of next year") == UNKNOWN_RANK
    assert not is_open("a status of next year")
    assert not is_terminal("a status of next year")


def test_only_fill_and_partial_fill_carry_an_execution_of_their_order():
    assert sorted(FILL_EVENTS) == ["fill", "partial_fill"]


@pytest.mark.parametrize(
    ("event", "kind", "flag"),
    [
        ("trade_bust", EventKind.BUST, Flag.TRADE_BUST),
        ("trade_correct", EventKind.CORRECTION, Flag.TRADE_CORRECT),
        ("order_replace_rejected", EventKind.REFUSAL, Flag.REPLACE_REJECTED),
        ("order_cancel_rejected", EventKind.REFUSAL, None),
        ("new", EventKind.INFORMATIVE, None),
        ("partially_filled", EventKind.INFORMATIVE, None),
        ("an event of next year", EventKind.UNKNOWN, None),
        ("", EventKind.UNKNOWN, None),
    ],
)
def test_effect_of_an_event(event, kind, flag):
    assert event_effect(event) == (kind, flag)


def test_each_listed_event_has_a_kind():
    assert all(effect.kind is not EventKind.UNKNOWN for effect in EVENTS.values())


@pytest.mark.parametrize(
    ("earlier", "later", "cancel_requested", "flags"),
    [
        ("pending_cancel", "filled", False, (Flag.CANCEL_FILL_RACE,)),
        ("partially_filled", "filled", True, (Flag.CANCEL_FILL_RACE,)),
        ("partially_filled", "filled", False, ()),
        ("pending_cancel", "canceled", True, ()),
        ("canceled", "new", False, (Flag.IMPOSSIBLE_REGRESSION,)),
        ("filled", "partially_filled", False, (Flag.IMPOSSIBLE_REGRESSION,)),
        ("canceled", "filled", False, ()),  # a late fill is counted, not opened
        ("canceled", "a status of next year", False, ()),
        ("a status of next year", "new", False, ()),
        ("done_for_day", "new", False, ()),
        ("new", "filled", False, ()),
    ],
)
def test_flags_of_a_step(earlier, later, cancel_requested, flags):
    assert step_flags(earlier, later, cancel_requested=cancel_requested) == flags
