"""I2, pure: the row of an order is a function of the set of what was said of it."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from stream_reconcile.core.fold import Fold
from stream_reconcile.core.merge import beats, distinct, greatest, merge, newest_parent
from stream_reconcile.core.observation import NULL, Observation
from stream_reconcile.store.batch import Record
from support.histories import history_log
from support.log_records import LogRecords
from support.wild_orders import logs

SEEDS = st.integers(0, 2**32)
MODEST = settings(max_examples=60)


def of_orders(records: list[Record]) -> dict[str, list[Observation]]:
    found: dict[str, list[Observation]] = {}
    for record in records:
        for o in record.parsed.observations:
            found.setdefault(o.order_id, []).append(o)
    return found


def fold_of(records: list[Record]) -> Fold:
    fold = Fold()
    for record in records:
        fold.add(record.parsed, record.known_at_ms)
    return fold


@MODEST
@given(logs, st.randoms())
def test_i2_any_order_and_duplication_gives_the_same_row(log: LogRecords, rng: random.Random) -> None:
    for observations in of_orders(log.records).values():
        merged = merge(observations)
        mixed = [*observations, *rng.choices(observations, k=3)]
        rng.shuffle(mixed)
        assert merge(mixed) == merged
        assert newest_parent(mixed) == newest_parent(observations) == merged.parent


@MODEST
@given(logs)
def test_i2_the_order_of_observations_is_total(log: LogRecords) -> None:
    for observations in of_orders(log.records).values():
        different = list(distinct(observations).values())
        for a, b in itertools.permutations(different, 2):
            assert beats(a, b) != beats(b, a)
        for a, b, c in itertools.permutations(different[:6], 3):
            if beats(a, b) and beats(b, c):
                assert beats(a, c)
        assert not any(beats(o, greatest(different)) for o in different)


@MODEST
@given(logs, st.randoms())
def test_i2_a_fold_does_not_depend_on_the_order_of_its_records(log: LogRecords, rng: random.Random) -> None:
    fold = fold_of(log.records)
    records = [*log.records, *rng.choices(log.records, k=3)]
    rng.shuffle(records)
    other = fold_of(records)
    assert other.events == fold.events
    assert other.winners == fold.winners
    assert other.fills == fold.fills
    assert other.parents == fold.parents
    assert other.disputed == fold.disputed
    assert other.evidence_orders() == fold.evidence_orders()
    assert {e for e, _ in other.evidence} == {e for e, _ in fold.evidence}


@MODEST
@given(logs)
def test_i2_a_fold_holds_what_merge_makes_of_the_batch(log: LogRecords) -> None:
    fold = fold_of(log.records)
    for order_id, observations in of_orders(log.records).items():
        order = (order_id, log.account_id)
        winner = merge(observations).winner
        assert fold.winners[order] == winner
        assert fold.events[winner.event_key] is fold.winners[order]  # else no line of COPY would be the row
        assert {key for key, o in fold.events.items() if o.order_id == order_id} == set(distinct(observations))
        if len({o.stated for o in observations}) > 1:
            assert order in fold.mixed
        if any(o.parent_order_id for o in observations):
            assert fold.parents[order] == newest_parent(observations)
    for fill in fold.fills.values():
        if isinstance(fill, Observation):
            assert fold.events[fill.event_key] is fill
        else:
            assert any(evidence == fill for evidence, _ in fold.evidence)
    assert fold.duplicates == sum(len(r.parsed.observations) for r in log.records) - len(fold.events)


@MODEST
@given(logs)
def test_i2_absent_is_not_null(log: LogRecords) -> None:
    for observations in of_orders(log.records).values():
        merged = merge(observations)
        ranked = [merged.winner, *(o for o in distinct(observations).values() if o is not merged.winner)]
        for field, text in enumerate(merged.columns):
            stating = [o for o in ranked if o.stated >> field & 1]
            if merged.winner.stated >> field & 1:
                assert text == merged.winner.columns[field]
            elif stating:
                assert text == greatest(stating).columns[field]
            else:
                assert text == NULL


@MODEST
@given(SEEDS)
def test_i2_histories_shuffled_and_repeated_end_as_they_were(seed: int) -> None:
    straight, _ = history_log(seed, 15, "acct", disturb=False)
    rows = {order: merge(o).columns for order, o in of_orders(straight.records).items()}
    disturbed, _ = history_log(seed, 15, "acct")
    assert {order: merge(o).columns for order, o in of_orders(disturbed.records).items()} == rows


@MODEST
@given(SEEDS)
def test_i1_each_order_of_a_history_is_one_row(seed: int) -> None:
    log, history = history_log(seed, 15, "acct", sweep=True)
    fold = fold_of(log.records)
    assert {order for order, _ in fold.winners} == {truth.order_id for truth in history.truth}
