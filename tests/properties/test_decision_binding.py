"""Binding of orders to decisions: a function of the set, and what each origin means (DESIGN §4, A3)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.decisions import Decision, FamilyOrder, Terms, bind, duplicate_client_ids

IDS = [f"o{number}" for number in range(8)]
CLIENTS = ["c1", "c2", "c3"]
order_ids = st.sampled_from(IDS)
links = st.one_of(st.just(""), st.just(""), order_ids)
terms = st.builds(
    Terms,
    st.sampled_from(["BTC/USD", "BTCUSD", "btcusd", "ETHUSD", ""]),
    st.sampled_from(["buy", "BUY", "sell", ""]),
    st.sampled_from([None, Decimal(1), Decimal("1.0"), Decimal(2)]),
    st.sampled_from([None, None, Decimal(50)]),
)
orders = st.builds(
    FamilyOrder,
    order_ids,
    st.sampled_from([*CLIENTS, "", "other"]),
    st.frozensets(terms, max_size=3),
    st.booleans(),
    links,
    links,
    links,
)
families = st.lists(orders, max_size=8, unique_by=lambda order: order.order_id)
decisions = st.lists(
    st.builds(lambda client, asked: Decision(f"d-{client}", client, asked), st.sampled_from(CLIENTS), terms),
    max_size=3,
    unique_by=lambda decision: decision.client_order_id,
)


def components(given_orders: list[FamilyOrder]) -> list[set[str]]:
    """Families by merging sets, one link at a time."""
    found = [{order.order_id} for order in given_orders]
    for order in given_orders:
        for other in filter(None, (order.replaces, order.replaced_by, order.parent_order_id)):
            linked = [family for family in found if order.order_id in family or other in family]
            found = [family for family in found if family not in linked]
            found.append({order.order_id, other}.union(*linked))
    return found


def own_decisions(given_orders: list[FamilyOrder], made: list[Decision]) -> dict[str, str]:
    """Bound by client order id alone."""
    twice = duplicate_client_ids(given_orders, made)
    by_client = {decision.client_order_id: decision.decision_id for decision in made}
    return {
        order.order_id: by_client[order.client_order_id]
        for order in given_orders
        if order.client_order_id in by_client and order.order_id not in twice
    }


@given(families, decisions, st.randoms(use_true_random=False))
def test_binding_does_not_depend_on_the_order_of_orders_and_decisions(family, made, random):
    expected = bind(family, made), duplicate_client_ids(family, made)
    random.shuffle(family)
    random.shuffle(made)

    assert (bind(family, made), duplicate_client_ids(family, made)) == expected


@given(families, decisions)
def test_external_means_that_there_is_no_decision_in_the_family(family, made):
    own = own_decisions(family, made)
    bindings = bind(family, made)

    assert set(bindings) == {order.order_id for order in family}
    for order in family:
        (relatives,) = [members for members in components(family) if order.order_id in members]
        reachable = {own[i] for i in relatives if i in own}
        decision_id, origin = bindings[order.order_id]
        assert (decision_id in reachable) if reachable else (decision_id is None)
        assert origin == ("external" if not reachable else "own" if order.framed else "recovered")


@given(families, decisions)
def test_a_decision_for_the_client_order_id_comes_before_all_else(family, made):
    bindings = bind(family, made)

    for order_id, decision_id in own_decisions(family, made).items():
        assert bindings[order_id].decision_id == decision_id


@given(families, decisions)
def test_families_bind_apart_as_they_bind_together(family, made):
    together = bind(family, made)

    for members in components(family):
        alone = bind([order for order in family if order.order_id in members], made)
        assert alone == {order_id: binding for order_id, binding in together.items() if order_id in members}


@given(families, decisions)
def test_it_does_not_matter_which_end_states_a_replacement(family, made):
    """A chain stated by successors alone, or by predecessors too, where both are there."""
    there = {order.order_id: order for order in family}
    heirs = {o.replaces: o.order_id for o in family if o.replaces in there and not there[o.replaces].replaced_by}
    both_ends = [replace(o, replaced_by=o.replaced_by or heirs.get(o.order_id, "")) for o in family]

    assert bind(both_ends, made) == bind(family, made)


@given(st.integers(2, 8), st.integers(0, 7), st.permutations(IDS), st.booleans())
def test_a_decision_reaches_down_a_chain_and_up_only_where_nothing_else_does(length, decided_at, names, leg):
    """A chain of which one order is decided; as a leg its first order has a decided parent."""
    decided_at %= length
    chain = [
        FamilyOrder(
            names[n], "c1" if n == decided_at else "", frozenset(), framed=True,
            replaces=names[n - 1] if n else "", parent_order_id="parent" if leg and n == 0 else "",
        )
        for n in range(length)
    ]  # fmt: skip
    made = [Decision("d-chain", "c1", Terms("", "", None, None)), Decision("d-parent", "c2", Terms("", "", None, None))]
    parent = [FamilyOrder("parent", "c2", frozenset(), framed=True)] if leg else []
    bindings = bind([*chain, *parent], made)

    for n in range(length):
        expected = "d-chain" if n >= decided_at or not leg else "d-parent"
        assert bindings[names[n]].decision_id == expected


@given(st.frozensets(terms, min_size=1, max_size=3), terms)
def test_a3_stands_exactly_while_no_observation_agrees(stated, asked):
    order = FamilyOrder("o1", "c1", stated, framed=True)
    made = [Decision("d1", "c1", asked)]

    def agreeing(said: Terms) -> bool:
        symbols = {t.symbol.replace("/", "").upper() for t in (said, asked)} - {""}
        quantities = {t.qty for t in (said, asked)} - {None}
        notionals = {t.notional for t in (said, asked)} - {None}
        both_qty = None not in (said.qty, asked.qty)
        both_notional = None not in (said.notional, asked.notional)
        same_size = (both_qty and len(quantities) == 1) or (both_notional and len(notionals) == 1)
        return (
            len(symbols) < 2
            and len({t.side.lower() for t in (said, asked)} - {""}) < 2
            and (same_size or not (both_qty or both_notional))
        )

    expected = {} if any(map(agreeing, stated)) else {"o1": "d1"}
    assert duplicate_client_ids([order], made) == expected
    assert bind([order], made)["o1"].origin == ("external" if expected else "own")
