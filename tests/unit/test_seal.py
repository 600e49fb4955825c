"""Checkpoints: one text each, a hash over all of it, and a chain in which whatever is touched shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.seal import (
    FIRST,
    BrokerSeal,
    BrokerSum,
    Checkpoint,
    LogSum,
    StretchSeal,
    TableSeal,
    breaks,
    from_content,
    table_digest,
)

PLACE = "alpaca.trade-updates.v1:3"


def checkpoint(seq: int, previous: str, **changed: Any) -> Checkpoint:
    stretch = StretchSeal(10 * (seq - 1), 10 * seq, "topic-id", "ab" * 32)
    made = Checkpoint(
        account_id="account-1",
        seq=seq,
        previous=previous,
        sweep_id="00000000-0000-0000-0000-000000000001",
        kind="deep",
        proven_equal_at="2026-01-05T14:30:00.000000+00:00",
        sealed_at="2026-01-05T14:30:01.000000+00:00",
        program="1 schema 0010",
        tables={"fills": TableSeal(["fill_key", "qty"], 7, "cd" * 32)},
        log={PLACE: stretch},
        broker=BrokerSeal(5, "ef" * 32),
        open_dead_letters=0,
    )
    return replace(made, **changed)


def chain(length: int) -> list[tuple[Checkpoint, str]]:
    made: list[tuple[Checkpoint, str]] = []
    for seq in range(1, length + 1):
        one = checkpoint(seq, made[-1][1] if made else FIRST)
        made.append((one, one.hash))
    return made


CHANGES: list[dict[str, Any]] = [
    {"open_dead_letters": 1},
    {"tables": {"fills": TableSeal(["fill_key", "qty"], 8, "cd" * 32)}},
    {"log": {PLACE: StretchSeal(10, 20, "topic-id", "ac" * 32)}},
    {"broker": BrokerSeal(5, "ee" * 32)},
    {"proven_equal_at": "2026-01-06T14:30:00.000000+00:00"},
    {"program": "2"},
]


def test_a_checkpoint_is_one_text() -> None:
    one = checkpoint(1, FIRST)
    assert from_content(one.content()) == one
    assert from_content(one.content()).hash == one.hash
    assert one.offsets == {PLACE: 10}
    renamed = one.content().replace('"tables"', '"table"')
    for nonsense in ("", "{}", "[]", '{"format":2}', one.content()[:-2], renamed):
        with pytest.raises(ValueError, match="no checkpoint"):
            from_content(nonsense)


def test_an_untouched_chain_holds_from_wherever_it_is_read() -> None:
    made = chain(5)
    assert breaks(made) == []
    assert breaks(made[2:], first=3) == []


@pytest.mark.parametrize("changed", CHANGES)
def test_whatever_is_altered_in_one_shows(changed: dict[str, Any]) -> None:
    made = chain(4)
    forged = replace(made[1][0], **changed)
    assert forged.hash != made[1][1]
    assert 2 in {broken.seq for broken in breaks([made[0], (forged, made[1][1]), *made[2:]])}
    # With a hash to match, it no longer is what the next one follows on.
    assert [broken.seq for broken in breaks([made[0], (forged, forged.hash), *made[2:]])] == [3]


@given(st.integers(1, 4))
def test_one_that_is_taken_away_shows(gone: int) -> None:
    made = chain(6)
    found = breaks([pair for pair in made if pair[0].seq != gone])
    assert found[0].seq == gone
    assert "missing" in found[0].why


def test_stretches_follow_on_each_other() -> None:
    first, second = chain(2)
    gap = replace(second[0], log={PLACE: StretchSeal(12, 20, "topic-id", "ab" * 32)})
    assert [broken.seq for broken in breaks([first, (gap, gap.hash)])] == [2]
    anew = replace(second[0], log={PLACE: StretchSeal(0, 20, "another", "ab" * 32)})
    assert breaks([first, (anew, anew.hash)]) == []


records = st.tuples(
    st.integers(0, 9), st.integers(0, 9), st.none() | st.binary(max_size=3), st.none() | st.binary(max_size=3)
)


@given(st.lists(records, max_size=4), st.lists(records, max_size=4))
def test_different_records_have_different_digests(some: list[Any], others: list[Any]) -> None:
    digests = []
    for listed in (some, others):
        summed = LogSum()
        for record in listed:
            summed.add(*record)
        digests.append(summed.digest())
    assert (digests[0] == digests[1]) == (some == others)


@given(st.lists(st.binary(max_size=4), max_size=6), st.randoms(use_true_random=False))
def test_what_the_broker_said_adds_up_in_any_order(orders: list[bytes], rng: Any) -> None:
    seals = []
    for _ in range(2):
        summed = BrokerSum()
        for raw in orders:
            summed.add(raw)
        seals.append(summed.seal())
        rng.shuffle(orders)
    assert seals[0] == seals[1]
    assert seals[0].orders == len(orders)


def test_buckets_have_an_order_of_their_own() -> None:
    assert table_digest({1: b"a", 2: b"b"}) == table_digest({2: b"b", 1: b"a"}) != table_digest({1: b"b", 2: b"a"})
