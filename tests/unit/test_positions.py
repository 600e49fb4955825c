"""Where a member stands in each partition: what of a fetch fits there, what is a hole, what a commit moves."""

from __future__ import annotations

from confluent_kafka import Message

from stream_reconcile.core.cursors import Cursor
from stream_reconcile.jobs.apply.positions import Positions
from stream_reconcile.log.topics import Partition

P0, P1 = Partition("updates", 0), Partition("updates", 1)


def message(offset: int, partition: Partition = P0) -> Message:
    return Message(topic=partition.topic, partition=partition.partition, offset=offset, timestamp=(1, 5_000 + offset))


def messages(*offsets: int, partition: Partition = P0) -> list[Message]:
    return [message(offset, partition) for offset in offsets]


def at(offset: int = 10, *partitions: Partition) -> Positions:
    positions = Positions()
    for partition in partitions or (P0,):
        positions.put(partition, Cursor(offset, 7, "me", "topic-a"), offset)
    return positions


def taken(positions: Positions, fetched: list[Message]) -> tuple[list[int], dict[Partition, int], int]:
    """Offsets of the runs taken (as by a commit), seeks and holes passed."""
    runs, seeks, passed = positions.fit(fetched)
    positions.moves(runs)
    return [m.offset() or 0 for run in runs for m in run.messages], seeks, passed


def test_records_in_line_are_taken() -> None:
    positions = at()
    assert taken(positions, messages(10, 11, 12)) == ([10, 11, 12], {}, 0)
    assert taken(positions, messages(13)) == ([13], {}, 0)


def test_left_over_records_are_dropped() -> None:
    positions = at()
    assert taken(positions, messages(7, 8)) == ([], {}, 0)
    assert taken(positions, messages(8, 9, 10)) == ([10], {}, 0)


def test_a_partition_without_a_cursor_is_not_ours() -> None:
    positions = at()
    assert taken(positions, messages(0, 1, partition=P1)) == ([], {}, 0)
    positions.drop(P0)
    assert taken(positions, messages(10)) == ([], {}, 0)


def test_a_hole_is_read_again_before_it_is_believed() -> None:
    positions = at()
    assert taken(positions, messages(15, 16)) == ([], {P0: 10}, 0)
    assert taken(positions, messages(10, 11, 12, 13, 14, 15)) == ([10, 11, 12, 13, 14, 15], {}, 0)
    assert taken(positions, messages(16)) == ([16], {}, 0)


def test_a_hole_that_is_still_there_is_passed_and_counted() -> None:
    positions = at()
    assert taken(positions, messages(10, 11, 15)) == ([10, 11], {P0: 12}, 0)
    assert taken(positions, messages(15, 16)) == ([15, 16], {}, 3)
    assert taken(positions, messages(17)) == ([17], {}, 0)


def test_a_second_hole_is_read_again_too() -> None:
    positions = at()
    taken(positions, messages(12))
    assert taken(positions, messages(12, 15)) == ([12], {P0: 13}, 2)
    assert taken(positions, messages(15)) == ([15], {}, 2)


def test_a_hole_is_forgotten_when_the_cursor_is_put_anew() -> None:
    positions = at()
    taken(positions, messages(12))
    positions.put(P0, Cursor(10, 8, "me", "topic-a"), 10)
    assert taken(positions, messages(12)) == ([], {P0: 10}, 0)


def test_each_partition_is_for_itself() -> None:
    positions = at(10, P0, P1)
    fetched = [*messages(10, 11), *messages(20, partition=P1)]
    assert taken(positions, fetched) == ([10, 11], {P1: 10}, 0)


def test_a_move_names_what_the_fence_compares() -> None:
    positions = at()
    runs, _, _ = positions.fit(messages(10, 11))
    (move,) = positions.moves(runs)
    assert (move.topic, move.partition, move.expected, move.next_offset) == ("updates", 0, 10, 12)
    assert (move.epoch, move.topic_id, move.last_record_ms) == (7, "topic-a", 5_011)
    runs, _, _ = positions.fit(messages(12))
    assert positions.moves(runs)[0].expected == 12  # the next batch is made while the first is being written
    assert positions[P0].next_offset == 10  # and the cursor is what Postgres acknowledged
    positions.advanced([move])
    assert positions.mirrored() == {P0: (12, "topic-a")}
    assert (positions[P0].next_offset, positions.max_offset(P0)) == (12, 12)


def test_a_commit_of_a_partition_given_away_is_not_mirrored() -> None:
    positions = at()
    moves = positions.moves(positions.fit(messages(10))[0])
    positions.drop(P0)
    positions.advanced(moves)
    assert positions.mirrored() == {}
