"""What a promote says of records that the replay could not apply either: nothing anew where that is answered."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from stream_reconcile.store.batch import DeadLetter, Place
from stream_reconcile.store.promote import Promotion
from stream_reconcile.store.queries import load
from stream_reconcile.store.replay_schema import prepare
from support.log_records import TOPIC_ID
from support.servers import SCHEMA
from support.wire_data import ACCOUNT, UPDATES
from support.writer_bench import GROUP, Bench

SWEPT, RETRIED, PROMOTED = (
    "its order was read again at the broker",
    "applied by a retry",
    "applied by a replay that was promoted",
)


def letter(offset: int, reason: str = "bad_json") -> DeadLetter:
    return DeadLetter(Place(UPDATES, 0, offset), TOPIC_ID, None, b"{", 1, ACCOUNT, None, reason, "can't be read")


@pytest.fixture
def bench(database: str) -> Iterator[Bench]:
    prepare(database, SCHEMA, "replay_1")
    with contextlib.closing(Bench(database)) as bench:
        bench.claim(UPDATES)
        yield bench


def promote(database: str) -> None:
    with contextlib.closing(Promotion(database, SCHEMA, "replay_1")) as promotion:
        promotion.prepare()
        promotion.swap(GROUP, lambda _standing: None, (), who="tester", why="a test")


def states(bench: Bench) -> dict[int, list[str]]:
    """States of the discrepancies F2 by offset."""
    found: dict[int, list[str]] = {}
    for subject, state in bench.rows("SELECT subject, state FROM discrepancies ORDER BY subject, state"):
        found.setdefault(int(subject.rpartition(":")[2]), []).append(state)
    return found


def test_what_is_answered_is_not_asked_again(bench: Bench, database: str) -> None:
    bench.write(dead_letters=[letter(offset) for offset in range(5)])
    bench.rows("INSERT INTO replay_1.dead_letters SELECT * FROM dead_letters RETURNING 1")
    bench.rows("UPDATE replay_1.dead_letters SET reason = 'bad_number' WHERE \"offset\" = 3 RETURNING 1")
    bench.rows("DELETE FROM discrepancies WHERE subject LIKE '%%:4' RETURNING 1")
    bench.rows(
        "UPDATE discrepancies SET state = 'resolved', resolved_at = now(), resolution = %s, resolved_by = 'sweep'"
        " WHERE subject LIKE '%%:1' OR subject LIKE '%%:3' RETURNING 1",
        SWEPT,
    )
    bench.rows(
        "UPDATE discrepancies SET state = 'accepted', resolved_at = now(), resolution = 'junk', resolved_by = 'ann'"
        " WHERE subject LIKE '%%:2' RETURNING 1"
    )
    promote(database)
    # Open, made up for by a sweep, accepted; put aside for another reason than the one that was answered; new.
    expected = {0: ["open"], 1: ["resolved"], 2: ["accepted"], 3: ["open", "resolved"], 4: ["open"]}
    assert states(bench) == expected
    promote(database)
    assert states(bench)[1] == ["resolved"]


@pytest.mark.parametrize("resolution", [RETRIED, PROMOTED])
def test_what_had_been_applied_and_is_not_in_these_tables_is_opened_again(
    bench: Bench, database: str, resolution: str
) -> None:
    bench.write(dead_letters=[letter(0)])
    if resolution == PROMOTED:
        promote(database)  # a replay that could apply it
        assert states(bench) == {0: ["resolved"]}
        assert bench.rows("SELECT resolution FROM discrepancies") == [(PROMOTED,)]
    else:
        assert f"'{RETRIED}'" in load("dead_letters.sql")["close_undecodable"]
        bench.rows("INSERT INTO replay_1.dead_letters SELECT * FROM dead_letters RETURNING 1")
        bench.rows(
            "UPDATE discrepancies SET state = 'resolved', resolved_at = now(), resolution = %s, resolved_by = 'ann'"
            " RETURNING 1",
            RETRIED,
        )
    promote(database)  # one that could not; the old tables
    assert states(bench) == {0: ["open", "resolved"]}
