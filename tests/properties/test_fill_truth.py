"""Fills come to what was really executed (I9), whatever was lost, late, twice or taken back."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from fill_stories import (
    ACCOUNT,
    EPOCH,
    ORDER,
    SECOND,
    SYMBOL,
    Happening,
    broker_evidence,
    placed,
    stand_ins,
    stories,
)
from hypothesis import event, given
from hypothesis import strategies as st

from stream_reconcile.core.evidence import Bust, Coordinates, Evidence, Execution, ExecutionAdjustment, Residual
from stream_reconcile.core.fills import FillBook, fill_rows, gross_qty
from stream_reconcile.core.sums import Finding, findings


def settled(story: list[Happening], evidence: list[Evidence]) -> FillBook:
    """The book once a sweep has stood in for the lost originals of busts and corrections."""
    waiting = fill_rows(evidence).waiting
    return fill_rows([*evidence, *stand_ins(story, waiting)])


@given(stories(), st.randoms(use_true_random=False))
def test_i9_the_net_is_the_truth_once_all_activities_are_known(told, random):
    (story,) = told
    evidence = broker_evidence(story)
    random.shuffle(evidence)
    book = settled(story, evidence)
    event(f"lost frames: {min(3, sum(h.lost for h in story))}")

    assert book.net == story[-1].net
    assert findings(book.net, story[-1].net, None) == ()
    assert book.waiting == ()
    assert book.conflicts == ()
    executed = [h.frame for h in story if isinstance(h.frame, Execution)]
    booked = [row for row in book.rows if row.entry in ("trade", "correction")]
    assert Counter((row.qty, row.price) for row in booked) == Counter((e.qty, e.price) for e in executed)


@given(stories(), st.data())
def test_i9_no_execution_counts_twice_while_evidence_is_coming(told, data):
    (story,) = told
    known = [e for e in broker_evidence(story) if data.draw(st.booleans())]
    spoken = [
        h.frame
        for h in story
        if isinstance(h.frame, Execution)
        and any(
            (getattr(e, "execution_id", None) or getattr(e, "activity_id", None))
            in (h.frame.execution_id, h.activity and h.activity.activity_id)
            for e in known
        )
    ]
    book = fill_rows(known)
    booked = Counter((row.qty, row.price) for row in book.rows if row.entry in ("trade", "correction"))

    assert booked <= Counter((e.qty, e.price) for e in spoken)
    assert book.conflicts == ()


@given(stories(), st.data())
def test_i9_with_frames_alone_what_is_lost_is_found_missing(told, data):
    """At each event of an order without busts, the sum tells whether a frame before it is missing."""
    (story,) = told
    trades = [h for h in story if isinstance(h.frame, Execution) and h.frame.previous_execution_id is None]
    kept = [h for h in trades if not data.draw(st.booleans())]
    filled = sum((h.frame.qty for h in trades if isinstance(h.frame, Execution)), Decimal(0))
    book = fill_rows(placed([h.frame for h in kept]))

    assert findings(book.net, filled, filled) == ((Finding.MISSING_FILL,) if len(kept) < len(trades) else ())


@given(stories(far=True), st.randoms(use_true_random=False))
def test_b7_execution_adjustments_join_what_failed_to_pair(told, random):
    """Frames late, activities far off in time: adjustments made before the frame came hold once it is there."""
    (story,) = told
    evidence = broker_evidence(story)
    adjustments = stand_ins(story, fill_rows(evidence).waiting)
    for number in range(len(evidence)):
        book = fill_rows([*evidence, *adjustments])
        if Finding.EXCESS_FILL not in findings(book.net, story[-1].net, None):
            break
        alone = [row for row in book.rows if row.fill_key.startswith("a:")]
        looks = {(row.qty, row.price) for row in alone}
        frame = random.choice(
            [r for r in book.rows if r.fill_key[0] == "x" and r.activity_id is None and (r.qty, r.price) in looks]
        )
        adjustments.append(
            ExecutionAdjustment(
                ACCOUNT, ORDER, frame.execution_id or "", frame.qty, frame.price, frame.transacted_at_ns, SYMBOL,
                "buy", Coordinates("adjustments", 0, number),
            )
        )  # fmt: skip
    event(f"adjustments: {len(adjustments)}")

    assert fill_rows([*evidence, *adjustments]).net == story[-1].net
    assert findings(book.net, story[-1].net, None) == ()


@given(stories(rounds=3, most=4), st.data())
def test_b2_residuals_fill_the_gap_and_go_when_the_real_ones_have_come(told, data):
    story: list[Happening] = []
    full = broker_evidence([happening for stretch in told for happening in stretch])
    arrived: list[Evidence] = []
    residuals: list[Evidence] = []
    filled = Decimal(0)
    as_of = EPOCH
    for number, stretch in enumerate(told):
        story += stretch
        if not story:
            continue
        filled = story[-1].net
        latest = max(moment(h.frame) for h in story)
        as_of = latest + 10 * SECOND
        possible = set(map(repr, broker_names(story)))
        arrived += [e for e in full if e not in arrived and repr(name_of(e)) in possible and data.draw(st.booleans())]
        book = fill_rows([*arrived, *residuals])
        if Finding.MISSING_FILL in findings(book.net, filled, None):
            own = filled - book.net
            # Reversed residuals stand no more.
            standing = sum((row.qty for row in book.rows if ":s:" in f":{row.fill_key}"), Decimal(0))
            explained_from = gross_qty(arrived, as_of) + standing + own
            residuals.append(
                Residual(
                    ACCOUNT, ORDER, f"k{number}", own, Decimal("9.5"), as_of, explained_from, SYMBOL, "buy",
                    Coordinates("adjustments", 0, number),
                )
            )  # fmt: skip
            assert fill_rows([*arrived, *residuals]).net == filled
    event(f"residuals: {len(residuals)}")

    book = settled(story, [*full, *residuals])

    assert book.net == filled
    assert {row.fill_key for row in book.rows if row.fill_key.startswith("s:")} == {
        row.reverses for row in book.rows if row.fill_key.startswith("r:s:")
    }


def moment(frame: Execution | Bust) -> int:
    return frame.busted_at_ns if isinstance(frame, Bust) else frame.transacted_at_ns


def name_of(item: object) -> tuple[str, str]:
    for field in ("execution_id", "activity_id", "previous_execution_id"):
        if name := getattr(item, field, None):
            return field, name
    raise AssertionError(item)


def broker_names(story: list[Happening]) -> list[tuple[str, str]]:
    return [name_of(part) for h in story for part in (h.frame, h.activity) if part is not None]
