"""Where a rewind may set a cursor, whatever is asked for and whatever the log still has (R1 to R3 of core.rewind)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.core.cursors import Cursor, is_restored, judge
from stream_reconcile.core.cursors import Verdict as Seen
from stream_reconcile.core.rewind import Facts, Step, Undoable, Verdict, newest_by_cursor, rewind_step, undo_step
from stream_reconcile.core.rewind_target import How, Target

offsets = st.integers(0, 30)
ids = st.sampled_from(["a", "b"])
cursors = st.none() | st.builds(Cursor, offsets, st.integers(1, 9), st.just("me"), ids)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    low, size = draw(offsets), draw(offsets)
    cursor = draw(cursors)
    top = max(draw(offsets), 0 if cursor is None else cursor.next_offset)
    found = draw(st.none() | st.integers(low, low + size))
    times = st.none() | st.integers(0, 100)
    return Facts("t", 0, cursor, top, draw(times), draw(st.none() | ids), low, low + size, found, draw(times))


@st.composite
def targets(draw: st.DrawFn) -> Target:
    how = draw(st.sampled_from(How))
    number = draw(st.integers(-40, 40) if how is How.SHIFT else st.integers(0, 60))
    return Target(how, number, "")


def unmoved(step: Step, given: Facts) -> bool:
    at = -1 if given.cursor is None else given.cursor.next_offset
    return step.new == step.old == at


@given(target=targets(), given_facts=facts())
def test_r1_r2_never_forward_never_outside_the_log_never_silent(target: Target, given_facts: Facts) -> None:
    step, cursor = rewind_step(target, given_facts), given_facts.cursor
    if step.verdict is not Verdict.MOVES:
        assert unmoved(step, given_facts)
        assert step.why
        return
    assert cursor is not None
    assert (step.epoch, step.topic_id) == (cursor.epoch, cursor.topic_id)
    assert cursor.topic_id == given_facts.topic_id
    assert given_facts.low <= step.new < step.old == cursor.next_offset <= given_facts.high
    assert step.records == step.old - step.new
    if step.gone:
        assert target.how is How.EARLIEST
        assert step.why
    if target.how is How.OFFSET:
        assert step.new == target.number
    if target.how is How.SHIFT:
        assert step.new == max(0, step.old + target.number)
        assert step.why or step.new == step.old + target.number


@given(target=targets(), given_facts=facts())
def test_r2_what_is_gone_is_refused_or_said(target: Target, given_facts: Facts) -> None:
    cursor = given_facts.cursor
    step = rewind_step(target, given_facts)
    if cursor is None or cursor.topic_id != given_facts.topic_id or target.how.is_time:
        return
    wanted = {How.OFFSET: target.number, How.SHIFT: max(0, cursor.next_offset + target.number)}.get(target.how, 0)
    if given_facts.low <= cursor.next_offset <= given_facts.high and wanted < min(given_facts.low, cursor.next_offset):
        assert step.gone == given_facts.low - wanted or step.old == given_facts.low
        assert (step.verdict is Verdict.REFUSED) == (target.how is not How.EARLIEST)


@given(given_facts=facts(), before=offsets, topic_id=ids, undone=st.booleans(), newest=st.integers(0, 3))
def test_r3_an_undo_goes_forward_to_what_was_committed_in_the_same_topic(
    given_facts: Facts, before: int, topic_id: str, undone: bool, newest: int
) -> None:
    rewound = Undoable(2, "t", 0, before, topic_id, undone)
    step, cursor = undo_step(rewound, given_facts, newest), given_facts.cursor
    if step.verdict is not Verdict.MOVES:
        assert unmoved(step, given_facts)
        assert step.why
        return
    assert cursor is not None
    assert not undone
    assert newest <= rewound.action_id
    assert cursor.topic_id == given_facts.topic_id == topic_id
    assert cursor.next_offset < step.new <= given_facts.max_offset
    assert step.new <= before


@given(rewinds=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 2), st.booleans()), max_size=12))
def test_the_newest_rewind_of_a_cursor_is_the_newest_not_taken_back(rewinds: list[tuple[int, int, bool]]) -> None:
    found = newest_by_cursor(Undoable(action, "t", number, 0, "a", undone) for action, number, undone in rewinds)
    for number in range(3):
        left = [action for action, place, undone in rewinds if place == number and not undone]
        assert found.get(("t", number), 0) == max(left, default=0)


@given(target=targets(), given_facts=facts(), raised=st.integers(1, 5))
def test_i4_a_member_takes_a_rewind_for_a_move_and_never_for_a_restored_database(
    target: Target, given_facts: Facts, raised: int
) -> None:
    step, mine = rewind_step(target, given_facts), given_facts.cursor
    if step.verdict is not Verdict.MOVES or mine is None:
        return
    row = mine._replace(next_offset=step.new, epoch=mine.epoch + raised)
    assert judge(mine, row) is Seen.MOVED
    assert not is_restored(mine, row)
