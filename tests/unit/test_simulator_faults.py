"""When an armed fault strikes: count, after, probability, and what it is limited to."""

from __future__ import annotations

import pytest

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.simulator.fault_catalogue import CATALOGUE, Place, read_fault, settle_parameters
from stream_reconcile.simulator.faults import Chance, Faults
from stream_reconcile.simulator.values import seeded


@pytest.fixture
def faults() -> Faults:
    return Faults(seeded(1), lambda: 42)


def struck(faults: Faults, chances: int, chance: Chance | None = None) -> list[bool]:
    return [bool(faults.strikes(Place.FRAME, chance or Chance())) for _ in range(chances)]


def test_a_fault_strikes_once_unless_told_otherwise(faults: Faults) -> None:
    faults.arm("drop", {})
    assert struck(faults, 3) == [True, False, False]
    assert faults.armed() == []
    faults.arm("drop", {"count": 2, "after": 1})
    assert struck(faults, 4) == [False, True, True, False]
    faults.arm("drop", {"count": 0})
    assert struck(faults, 50) == [True] * 50


def test_a_probability_alone_lasts_until_cleared(faults: Faults) -> None:
    faults.arm("drop", {"probability": 0.3})
    hits = sum(struck(faults, 2000))
    assert 500 < hits < 700
    assert len(faults.armed()) == 1
    assert len(faults.log) == hits == faults.struck["drop"]


def test_a_fault_strikes_only_where_it_belongs_and_what_it_names(faults: Faults) -> None:
    faults.arm("drop", {"count": 0, "events": ["fill", "new"], "symbol": "AAPL"})
    assert struck(faults, 1, Chance("fill", "o", "AAPL")) == [True]
    assert struck(faults, 1, Chance("new", "o", "AAPL")) == [True]
    assert struck(faults, 1, Chance("canceled", "o", "AAPL")) == [False]
    assert struck(faults, 1, Chance("fill", "o", "SPY")) == [False]
    assert faults.strikes(Place.REST, Chance("fill", "o", "AAPL")) == []
    faults.arm("rest_status", {"method": "post", "path": "/v2/orders", "count": 0})
    assert faults.strikes(Place.REST, Chance(method="POST", path="/v2/orders"))
    assert not faults.strikes(Place.REST, Chance(method="GET", path="/v2/orders"))
    assert not faults.strikes(Place.REST, Chance(method="POST", path="/v2/positions"))


def test_the_log_says_what_struck_whom(faults: Faults) -> None:
    faults.arm("drop", {})
    faults.strikes(Place.FRAME, Chance("fill", "order-1", "AAPL"))
    assert faults.log == [
        {"number": 1, "at_ns": 42, "fault": "drop", "event": "fill", "order_id": "order-1", "symbol": "AAPL"}
    ]


def test_faults_of_a_state_last_until_cleared() -> None:
    lasting = [kind.name for kind in CATALOGUE if settle_parameters(kind.name, {})["count"] == 0]
    assert lasting == [
        "withhold_activities",
        "late_activities",
        "stale_orders",
        "miss_in_list",
        "forget_order",
        "lagging_positions",
        "wrong_account",
    ]


@pytest.mark.parametrize(
    ("text", "name", "given"),
    [
        ("drop", "drop", {}),
        ("drop:probability=0.01", "drop", {"probability": "0.01"}),
        ("disconnect:code=1012,after=100", "disconnect", {"code": "1012", "after": "100"}),
        ("drop:events=fill+partial_fill", "drop", {"events": "fill+partial_fill"}),
    ],
)
def test_faults_are_read_from_flags(text: str, name: str, given: dict[str, str]) -> None:
    assert read_fault(text) == (name, given)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("explode", "there is no fault 'explode'; there are ambiguous_submit, delay, disconnect"),
        ("drop:often", "'often' is not parameter=value"),
        ("drop:count=often", "count must be of type int"),
        ("rest_empty:perform=maybe", "perform must be of type bool"),
        ("drop:probability=2", "probability must be from 0 to 1"),
        ("drop:code=3", "fault drop has no parameter 'code'"),
    ],
)
def test_wrong_faults_are_refused_with_what_would_be_right(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_fault(text)


def test_parameters_take_the_type_of_their_default() -> None:
    settled = settle_parameters("rest_status", {"count": "3", "perform": "true", "status": "500"})
    assert (settled["count"], settled["perform"], settled["status"]) == (3, True, 500)
