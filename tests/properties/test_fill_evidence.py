"""Fills are a function of the set of evidence, and grow only forward (DESIGN §4, `fills`, rules 1-6)."""

from __future__ import annotations

from dataclasses import replace

from fill_stories import (
    NOWHERE,
    consistent_evidence,
    crowds,
    identity,
    moments,
    near_moments,
    wild_evidence,
)
from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.evidence import (
    Activity,
    Bust,
    Evidence,
    Execution,
    ExecutionAdjustment,
    Residual,
    ReversalAdjustment,
)
from stream_reconcile.core.fills import FillBook, fill_rows, gross_qty
from stream_reconcile.core.pairing import Frame, pair
from stream_reconcile.core.statements import TOLERANCE_NS


@given(wild_evidence, st.data())
def test_3a_any_order_and_duplication_of_evidence_gives_the_same_rows(evidence, data):
    duplicates = data.draw(st.lists(st.sampled_from(evidence), max_size=6)) if evidence else []
    shuffled = data.draw(st.permutations([*evidence, *duplicates]))

    # repr, too: 1 and 1.00 are equal in Python and not the same column.
    assert repr(fill_rows(shuffled)) == repr(fill_rows(evidence))


@given(wild_evidence, st.data())
def test_3a_any_split_of_evidence_into_batches_gives_the_same_rows(evidence, data):
    arrivals = data.draw(st.permutations(evidence))
    remembered: dict[tuple[object, ...], Evidence] = {}  # as a table does: each content once, at its first place
    book = fill_rows(())
    while arrivals:
        size = data.draw(st.integers(1, len(arrivals)))
        batch, arrivals = arrivals[:size], arrivals[size:]
        for item in batch:
            key = (*identity(item), repr(replace(item, coordinates=NOWHERE)))
            known = remembered.get(key)
            if known is None or item.coordinates < known.coordinates:
                remembered[key] = item
        book = fill_rows(remembered.values())

    assert repr(book) == repr(fill_rows(evidence))


@given(consistent_evidence | crowds(), st.data())
def test_rule_6_rows_only_grow_in_whatever_order_evidence_comes(evidence, data):
    part = [item for item in evidence if data.draw(st.booleans())]

    check_growth(fill_rows(part), fill_rows(evidence))


@given(wild_evidence, st.integers(0, 16), st.integers(0, 16))
def test_rule_6_rows_only_grow_along_the_log_even_with_conflicts(evidence, frames, others):
    """Within each topic evidence comes in the log's order; one topic can be ahead of the other."""
    topic = "trade-updates"
    part = [e for e in evidence if e.coordinates.offset < (frames if e.coordinates.topic == topic else others)]

    check_growth(fill_rows(part), fill_rows(evidence))


def check_growth(before: FillBook, after: FillBook) -> None:
    rows = {row.fill_key: row for row in after.rows}
    for row in before.rows:
        grown = rows.get(row.fill_key)
        match row.fill_key[0]:
            case "a":
                if grown is None:
                    (pair_row,) = [r for r in after.rows if r.activity_id == row.activity_id]
                    assert pair_row.fill_key.startswith("x:")
                    assert (pair_row.qty, pair_row.price) == (row.qty, row.price)
                else:
                    assert grown == row
            case "x" if row.source == "stream":
                assert grown is not None
                assert grown._replace(activity_id=row.activity_id) == row
            case "s":
                assert grown == row
            case "r" if grown is None:  # judged of an activity, whose execution was taken back by a frame
                (told,) = [r for r in after.rows if r.entry != "reversal" and f"r:a:{r.activity_id}" == row.fill_key]
                assert rows[f"r:{told.execution_id}"].qty == row.qty
            case _:  # a reversal, or an adjustment's row whose values the real frame may replace
                assert grown is not None
    assert {c.fill_key for c in before.conflicts} <= {c.fill_key for c in after.conflicts}


@given(crowds(), st.data())
def test_rule_4_the_gross_quantity_never_falls(evidence, data):
    kind = data.draw(st.sampled_from([ExecutionAdjustment, Execution, Activity]))
    missing = data.draw(st.sampled_from([item for item in evidence if isinstance(item, kind)]))
    part = [item for item in evidence if item is not missing]
    until_ns = data.draw(near_moments)

    assert gross_qty(part, until_ns) <= gross_qty(evidence, until_ns)


@given(consistent_evidence | crowds(), near_moments | moments)
def test_rule_4_the_gross_quantity_is_that_of_the_brokers_evidence_up_to_then(evidence, until_ns):
    broker = [e for e in evidence if isinstance(e, Execution | Activity)]
    dated = [e for e in broker if e.transacted_at_ns <= until_ns]
    rows = fill_rows(dated).rows

    assert gross_qty(evidence, until_ns) == sum(r.qty for r in rows if r.entry in ("trade", "correction"))


@given(wild_evidence)
def test_each_row_stands_for_its_rule(evidence):
    book = fill_rows(evidence)
    keys = [row.fill_key for row in book.rows]
    frames = {e.execution_id for e in evidence if isinstance(e, Execution | ExecutionAdjustment)}
    taken_back = {row.reverses for row in book.rows if row.entry == "correction"}
    taken_back |= {f"x:{e.previous_execution_id}" for e in evidence if isinstance(e, Bust)}

    assert len(keys) == len(set(keys))
    assert {k for k in keys if k[0] == "x"} == {f"x:{i}" for i in frames}
    assert {k for k in keys if k[0] == "s"} == {f"s:{e.key}" for e in evidence if isinstance(e, Residual)}
    told = [row.activity_id for row in book.rows if row.activity_id is not None]
    assert sorted(told) == sorted({e.activity_id for e in evidence if isinstance(e, Activity)})
    for row in book.rows:
        if row.entry == "reversal":
            (original,) = [r for r in book.rows if r.fill_key == row.reverses]
            assert (row.qty, row.price) == (-original.qty, original.price)
            keys_of = {f"r:{original.execution_id}", f"r:a:{original.activity_id}"}
            assert row.fill_key in ({f"r:{original.fill_key}"} if original.fill_key[0] == "s" else keys_of)
        else:
            assert row.qty > 0
    reversed_keys = {row.reverses for row in book.rows if row.entry == "reversal" and row.fill_key[:4] != "r:s:"}
    carriers = {f"a:{row.activity_id}": row.fill_key for row in book.rows if row.activity_id is not None}
    judged = {carriers.get(e.reverses, e.reverses) for e in evidence if isinstance(e, ReversalAdjustment)}
    assert reversed_keys == (taken_back | judged) & {*keys}
    assert {f"x:{i}" for i in book.waiting} == taken_back - {None} - {f"x:{i}" for i in frames}
    assert book.net == sum(row.qty for row in book.rows)


@given(crowds() | consistent_evidence, st.data())
def test_rule_2_as_many_are_paired_as_any_assignment_could(evidence, data):
    lost = {e.execution_id for e in evidence if isinstance(e, ExecutionAdjustment)}
    wanted = [as_frame(e, lost) for e in evidence if isinstance(e, Execution)]
    told = [e for e in evidence if isinstance(e, Activity)]
    pairs = pair(wanted, told)
    by_id = {frame.execution_id: frame for frame in wanted}

    assert len(set(pairs.values())) == len(pairs)
    assert all(fits(by_id[e], next(a for a in told if a.activity_id == i)) for e, i in pairs.items())
    assert len(pairs) == most_pairs(wanted, told)
    assert pair(data.draw(st.permutations(wanted)), data.draw(st.permutations(told))) == pairs


def as_frame(e: Execution, lost: set[str]) -> Frame:
    return Frame(e.execution_id, e.qty, e.price, e.transacted_at_ns, e.cum_qty, e.execution_id in lost)


def fits(frame: Frame, activity: Activity) -> bool:
    """Rule 2 word by word."""
    if frame.qty != activity.qty or frame.price != activity.price:
        return False
    if frame.fits_any:
        return True
    stated = frame.cum_qty is not None and activity.cum_qty is not None
    near = abs(frame.transacted_at_ns - activity.transacted_at_ns) <= TOLERANCE_NS
    return near and (not stated or frame.cum_qty == activity.cum_qty)


def most_pairs(frames: list[Frame], told: list[Activity]) -> int:
    """By trying every assignment of each activity to a frame that fits, or to none."""
    if not told:
        return 0
    first, *others = told
    best = most_pairs(frames, others)
    for frame in frames:
        if fits(frame, first):
            best = max(best, 1 + most_pairs([f for f in frames if f is not frame], others))
    return best


@given(consistent_evidence)
def test_the_rows_of_one_quantity_and_price_depend_on_no_other(evidence):
    """What lets the writer read only what is touched."""
    evidence = [e for e in evidence if not isinstance(e, Residual)]
    # An adjustment goes where the values that count are.
    values = {e.execution_id: (e.qty, e.price) for e in evidence if isinstance(e, ExecutionAdjustment)}
    values |= {e.execution_id: (e.qty, e.price) for e in evidence if isinstance(e, Execution)}
    apart = set()
    for group in {(e.qty, e.price) for e in evidence if not isinstance(e, Bust | ReversalAdjustment)}:
        members = [e for e in evidence if isinstance(e, Activity) and (e.qty, e.price) == group]
        ids = {i for i, value in values.items() if value == group}
        members += [e for e in evidence if isinstance(e, Execution | ExecutionAdjustment) and e.execution_id in ids]
        named = {f"x:{i}" for i in ids} | {f"a:{e.activity_id}" for e in members if isinstance(e, Activity)}
        members += [e for e in evidence if isinstance(e, ReversalAdjustment) and e.reverses in named]
        members += [e for e in evidence if isinstance(e, Bust | Execution) and e.previous_execution_id in ids]
        touched = fill_rows(members).rows
        apart |= {row for row in touched if (abs(row.qty), row.price) == group}

    assert apart == set(fill_rows(evidence).rows)
