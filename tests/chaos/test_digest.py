"""The digest of the tables: blind to what a replay may do, and to nothing else."""

from __future__ import annotations

import contextlib

import pytest

from .digest import digests
from .small_log import Tables, apply, tell


def test_a_replay_changes_nothing(database: str) -> None:
    log = tell(database)
    apply(database, log)
    with contextlib.closing(Tables(database, log)) as tables:
        before = digests(tables.connection)
    apply(database, log)
    with contextlib.closing(Tables(database, log)) as tables:
        assert digests(tables.connection) == before
    assert before["executions"].rows > 0


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE executions SET symbol = symbol WHERE ctid = (SELECT min(ctid) FROM executions)", "executions"),
        ("UPDATE fills SET recorded_at = now() WHERE ctid = (SELECT min(ctid) FROM fills)", "fills"),
        ("DELETE FROM order_events WHERE ctid = (SELECT min(ctid) FROM order_events)", "order_events"),
        ("INSERT INTO discrepancies (account_id, type, subject) VALUES ('a', 't', 's')", "discrepancies"),
    ],
)
def test_a_row_that_was_so_much_as_touched_is_seen(tables: Tables, statement: str, table: str) -> None:
    before = digests(tables.connection)
    tables.connection.execute(statement.encode())
    after = digests(tables.connection)
    assert {name for name in before if after[name] != before[name]} == {table}


@pytest.mark.parametrize(
    "statement", ["UPDATE stream_cursors SET next_offset = 0", "UPDATE discrepancies SET last_seen_at = 'infinity'"]
)
def test_what_a_replay_moves_by_design_does_not_count(tables: Tables, statement: str) -> None:
    before = digests(tables.connection)
    tables.connection.execute(statement.encode())
    assert digests(tables.connection) == before
