"""Decisions and the orders that come of them, by name."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stream_reconcile.core.decisions import Decision, FamilyOrder, Terms, agrees, bind, duplicate_client_ids

BUY_ONE = Terms("AAPL", "buy", Decimal(1), None)


def order(order_id, client_order_id="", *, terms=BUY_ONE, framed=True, **links):
    return FamilyOrder(order_id, client_order_id, frozenset({terms}), framed, **links)


def decision(decision_id, client_order_id, terms=BUY_ONE):
    return Decision(decision_id, client_order_id, terms)


def test_decided_and_seen_on_the_stream_is_own():
    assert bind([order("o1", "c1")], [decision("d1", "c1")]) == {"o1": ("d1", "own")}


def test_decided_and_known_to_sweeps_only_is_recovered():
    assert bind([order("o1", "c1", framed=False)], [decision("d1", "c1")]) == {"o1": ("d1", "recovered")}


def test_undecided_is_external():
    assert bind([order("o1", "c9"), order("o2", "")], [decision("d1", "c1")]) == {
        "o1": (None, "external"),
        "o2": (None, "external"),
    }


def test_a_replacement_inherits_whichever_end_states_it():
    stated_by_heir = [order("o1", "c1"), order("o2", "x", replaces="o1"), order("o3", "y", replaces="o2")]
    stated_by_old = [order("o1", "c1", replaced_by="o2"), order("o2", "x", replaced_by="o3"), order("o3", "y")]
    for family in (stated_by_heir, stated_by_old):
        assert {b.decision_id for b in bind(family, [decision("d1", "c1")]).values()} == {"d1"}


def test_a_chain_holds_across_an_order_that_is_not_here():
    family = [order("o1", "c1", replaced_by="gone"), order("o3", "y", replaces="gone")]
    assert bind(family, [decision("d1", "c1")])["o3"] == ("d1", "own")


def test_a_replacement_with_a_decision_of_its_own_keeps_it():
    family = [order("o1", "c1", replaced_by="o2"), order("o2", "c2", replaces="o1")]
    bindings = bind(family, [decision("d1", "c1"), decision("d2", "c2")])
    assert (bindings["o1"].decision_id, bindings["o2"].decision_id) == ("d1", "d2")


def test_legs_and_their_replacements_belong_to_the_parents_decision():
    family = [
        order("parent", "c1"),
        order("leg", "generated", parent_order_id="parent", framed=False),
        order("new leg", "other", replaces="leg"),
    ]
    bindings = bind(family, [decision("d1", "c1")])
    assert bindings == {"parent": ("d1", "own"), "leg": ("d1", "recovered"), "new leg": ("d1", "own")}


def test_a_replaced_leg_stays_with_its_parents_decision():
    family = [
        order("parent", "c1"),
        order("leg", "generated", parent_order_id="parent", replaced_by="new leg"),
        order("new leg", "c2", replaces="leg"),
    ]
    bindings = bind(family, [decision("d1", "c1"), decision("d2", "c2")])
    assert (bindings["leg"].decision_id, bindings["new leg"].decision_id) == ("d1", "d2")


def test_what_an_order_replaces_comes_before_its_parent():
    family = [
        order("parent", "c1"),
        order("leg", "c2", parent_order_id="parent"),
        order("new leg", "", replaces="leg", parent_order_id="parent"),
    ]
    assert bind(family, [decision("d1", "c1"), decision("d2", "c2")])["new leg"].decision_id == "d2"


def test_of_equally_near_decisions_that_of_the_lowest_order_id_binds_a_parent_placed_by_hand():
    legs = [order(f"leg {n}", f"c{n}", parent_order_id="parent") for n in range(9)]
    made = [decision(f"d{n}", f"c{n}") for n in range(9)]
    assert bind([order("parent", "by hand"), *reversed(legs)], made)["parent"].decision_id == "d0"


def test_an_order_placed_by_hand_and_replaced_by_the_program_is_not_external():
    family = [order("o1", "by hand", replaced_by="o2"), order("o2", "c2", replaces="o1")]
    assert bind(family, [decision("d2", "c2")])["o1"] == ("d2", "own")


def test_a3_binds_nothing_and_is_shown():
    sold = order("o1", "c1", terms=Terms("AAPL", "sell", Decimal(1), None))
    assert bind([sold], [decision("d1", "c1")]) == {"o1": (None, "external")}
    assert duplicate_client_ids([sold], [decision("d1", "c1")]) == {"o1": "d1"}


def test_one_agreeing_observation_is_enough():
    """The quantity of a bound order changed: drift (A6), not a foreign order."""
    changed = FamilyOrder("o1", "c1", frozenset({BUY_ONE, BUY_ONE._replace(qty=Decimal(7))}), framed=True)
    assert bind([changed], [decision("d1", "c1")]) == {"o1": ("d1", "own")}
    assert duplicate_client_ids([changed], [decision("d1", "c1")]) == {}


def test_under_a3_the_chain_still_binds():
    family = [order("o1", "c1"), order("o2", "c2", replaces="o1", terms=BUY_ONE._replace(qty=Decimal(9)))]
    bindings = bind(family, [decision("d1", "c1"), decision("d2", "c2")])
    assert bindings["o2"] == ("d1", "own")


@pytest.mark.parametrize(
    ("stated", "asked", "same"),
    [
        (("BTC/USD", "buy", 1, None), ("btcusd", "BUY", 1, None), True),
        (("BTC/USD", "buy", 1, None), ("ETH/USD", "buy", 1, None), False),
        (("", "", 1, None), ("AAPL", "buy", 1, None), True),  # a multi-leg parent
        (("AAPL", "buy", None, 50), ("AAPL", "buy", None, 50), True),
        (("AAPL", "buy", None, 50), ("AAPL", "buy", None, 51), False),
        (("AAPL", "buy", 2, None), ("AAPL", "buy", None, 50), True),
        (("AAPL", "buy", 2, 50), ("AAPL", "buy", 3, 50), True),
        (("AAPL", "buy", 2, None), ("AAPL", "buy", 3, None), False),
        (("AAPL", "sell", 2, None), ("AAPL", "buy", 2, None), False),
        (("", "", None, None), ("AAPL", "buy", 2, None), True),
    ],
)
def test_agreement(stated, asked, same):
    def terms(symbol, side, qty, notional):
        return Terms(symbol, side, qty and Decimal(qty), notional and Decimal(notional))

    assert agrees(terms(*stated), terms(*asked)) is same


def test_circles_end():
    family = [
        order("o1", "", replaces="o2", parent_order_id="o1"),
        order("o2", "", replaces="o1", parent_order_id="parent"),
        order("parent", "c1"),
    ]
    assert {b.decision_id for b in bind(family, [decision("d1", "c1")]).values()} == {"d1"}


def test_a_chain_of_ten_thousand_is_bound_in_one_walk():
    chain = [order(f"o{n:05}", "c1" if n == 0 else "", replaces=f"o{n - 1:05}" if n else "") for n in range(10_000)]
    assert {b.decision_id for b in bind(reversed(chain), [decision("d1", "c1")]).values()} == {"d1"}
