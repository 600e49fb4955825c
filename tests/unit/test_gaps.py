"""Which window and which good_until is written, step by step; the properties say that nothing is lost by it."""

from __future__ import annotations

import itertools

import pytest

from stream_reconcile.core.gaps import (
    CloseSession,
    EndWindows,
    Entry,
    Fate,
    GapTracker,
    MoveGoodUntil,
    OpenWindow,
    Reason,
    Row,
    Verify,
    Write,
)

OLD = Row("old", 1_000)


def new_tracker(stored: Row | None = OLD) -> GapTracker:
    numbers = itertools.count(1)
    return GapTracker(stored, lambda: f"s{next(numbers)}")


def write(tracker: GapTracker) -> Write:
    """The write that is due; it gets written."""
    due = tracker.next_write()
    assert due is not None
    tracker.written()
    return due


def take(tracker: GapTracker, broker_ns: int | None, fate: Fate = Fate.ACKED) -> Entry:
    entry = tracker.read(broker_ns)
    tracker.taken(entry)
    entry.fate = fate
    return entry


def listening_tracker() -> GapTracker:
    tracker = new_tracker()
    write(tracker)
    tracker.connecting()
    tracker.listening()
    write(tracker)
    assert tracker.next_write() is None
    return tracker


def test_start_opens_a_window_without_an_end_in_a_new_row() -> None:
    tracker = new_tracker()
    due = tracker.next_write()
    assert due == OpenWindow(OLD, 0, "continued", "s1", Reason.START, listening=False, ended=False)
    assert due.after == Row("s1", 1_000)
    assert tracker.next_write() is due, "the same until it is known what became of it"
    tracker.written()
    assert tracker.next_write() is None


def test_first_start_of_an_account() -> None:
    due = new_tracker(None).next_write()
    assert isinstance(due, OpenWindow)
    assert (due.before, due.after.good_until_ns) == (None, None)


def test_listening_opens_one_with_an_end_in_the_row_of_its_socket() -> None:
    tracker = new_tracker()
    write(tracker)
    stream_id = tracker.connecting()
    tracker.listening()
    due = write(tracker)
    assert due == OpenWindow(Row("s1", 1_000), 0, "continued", stream_id, Reason.LISTENING, listening=True, ended=True)
    assert tracker.session_id == stream_id


def test_good_until_is_the_newest_time_of_an_unbroken_run_of_acknowledged_frames() -> None:
    tracker = listening_tracker()
    row = Row(tracker.session_id, 1_000)
    take(tracker, 3_000)
    take(tracker, 2_000)
    under_way = take(tracker, 4_000, Fate.PENDING)
    take(tracker, 9_000)
    tracker.settle()
    assert write(tracker) == MoveGoodUntil(row, 3_000, frames=2)
    under_way.fate = Fate.ACKED
    tracker.settle()
    assert write(tracker) == MoveGoodUntil(Row(row.session_id, 3_000), 9_000, frames=4)
    take(tracker, 5_000)
    take(tracker, None)
    tracker.settle()
    assert tracker.next_write() is None


def test_good_until_stands_still_while_a_window_is_not_written() -> None:
    tracker = listening_tracker()
    tracker.disconnected("silent")
    tracker.connecting()
    tracker.listening()
    take(tracker, 5_000)
    tracker.settle()
    due = tracker.next_write()
    assert isinstance(due, OpenWindow)
    assert due.after.good_until_ns == 1_000
    assert due.close_reason == "silent"
    assert tracker.next_write() is due
    tracker.written()
    assert write(tracker) == MoveGoodUntil(due.after, 5_000, frames=1)


def test_a_frame_that_overtakes_the_grant_of_its_socket_moves_nothing() -> None:
    tracker = listening_tracker()
    tracker.disconnected("disconnected")
    write(tracker)
    tracker.connecting()
    take(tracker, 9_000)
    tracker.settle()
    assert tracker.next_write() is None, "what came between the sockets lies in no window yet"
    tracker.listening()
    due = write(tracker)
    assert isinstance(due, OpenWindow)
    assert due.after.good_until_ns == 1_000
    take(tracker, 9_500)
    tracker.settle()
    assert write(tracker) == MoveGoodUntil(due.after, 9_500, frames=2)


def test_a_close_moves_nothing_and_opens_nothing() -> None:
    tracker = listening_tracker()
    row = Row(tracker.session_id, 1_000)
    tracker.disconnected("recycled")
    assert write(tracker) == CloseSession(row, 0, "recycled")
    assert tracker.next_write() is None


def test_a_loss_opens_a_window_in_a_new_row_that_ends_when_frames_are_taken_again() -> None:
    tracker = listening_tracker()
    socket = Row(tracker.session_id, 1_000)
    tracker.read(2_000)
    tracker.dropped()
    assert tracker.session_id != socket.session_id
    due = write(tracker)
    assert due == OpenWindow(socket, 0, "continued", tracker.session_id, Reason.LOST_FRAME, listening=True, ended=False)
    # more losses belong to the same window
    tracker.read(3_000)
    tracker.dropped()
    assert tracker.next_write() is None
    take(tracker, 4_000)
    tracker.settle()
    assert write(tracker) == EndWindows(due.after)
    assert write(tracker) == MoveGoodUntil(due.after, 4_000, frames=1)


def test_good_until_stands_still_while_frames_are_being_lost() -> None:
    tracker = listening_tracker()
    before = take(tracker, 2_000, Fate.PENDING)
    tracker.read(3_000)
    tracker.dropped()
    before.fate = Fate.ACKED
    tracker.settle()
    assert tracker.losing, "a frame of before the loss does not show that frames are taken again"
    write(tracker)
    assert tracker.next_write() is None


def test_a_frame_that_kafka_gave_up_is_a_loss_however_it_is_told() -> None:
    for told in (True, False):
        tracker = listening_tracker()
        entry = take(tracker, 2_000, Fate.LOST)
        if told:
            tracker.lost(entry)
        tracker.settle()
        assert tracker.losing
        due = write(tracker)
        assert isinstance(due, OpenWindow)
        assert due.reason is Reason.LOST_FRAME


def test_loss_is_over_when_kafka_is_well_and_nothing_is_under_way() -> None:
    tracker = listening_tracker()
    entry = take(tracker, 2_000, Fate.PENDING)
    tracker.read(3_000)
    tracker.dropped()
    write(tracker)
    tracker.resume()
    assert tracker.losing
    entry.fate = Fate.ACKED
    tracker.settle()
    tracker.resume()
    assert not tracker.losing
    assert isinstance(write(tracker), EndWindows)


def test_a_loss_while_a_window_with_an_end_is_being_written_gets_its_own() -> None:
    tracker = new_tracker()
    write(tracker)
    tracker.connecting()
    tracker.listening()
    first = tracker.next_write()
    assert isinstance(first, OpenWindow)
    tracker.read(2_000)
    tracker.dropped()
    assert tracker.next_write() is first
    tracker.written()
    second = write(tracker)
    assert isinstance(second, OpenWindow)
    assert (second.before, second.reason, second.ended) == (first.after, Reason.LOST_FRAME, False)


def test_an_older_copy_of_the_database_gets_a_window_from_its_own_good_until() -> None:
    tracker = listening_tracker()
    take(tracker, 9_000)
    tracker.settle()
    tracker.next_write()
    older = Row("older", 500)
    tracker.found(older)
    due = write(tracker)
    assert isinstance(due, OpenWindow)
    assert (due.before, due.reason, due.ended) == (older, Reason.RESTORED, True)
    assert due.after.good_until_ns == 500
    assert write(tracker) == MoveGoodUntil(due.after, 9_000, frames=0)


def test_verify_compares_only_where_nothing_is_due() -> None:
    tracker = listening_tracker()
    due = tracker.next_write(verify=True)
    assert due == Verify(Row(tracker.session_id, 1_000))
    tracker.written()
    take(tracker, 2_000)
    tracker.settle()
    assert isinstance(tracker.next_write(verify=True), MoveGoodUntil)


def test_what_is_kept_of_sessions_is_bounded() -> None:
    tracker = listening_tracker()
    for _ in range(1_000):
        tracker.connecting()
        take(tracker, None)
        tracker.settle()
        tracker.disconnected("credentials_refused")
    assert len(tracker._frames) <= 3


def test_written_without_a_write_is_a_mistake() -> None:
    tracker = listening_tracker()
    with pytest.raises(RuntimeError):
        tracker.written()
