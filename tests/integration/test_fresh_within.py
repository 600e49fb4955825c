"""fresh_within: true only where a sweep that proved equality can have read this very order."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from stream_reconcile.store.connect import connect
from support.servers import SCHEMA

pytestmark = pytest.mark.rows_only

_STANDING = """
INSERT INTO accounts (account_id, key_fingerprint) VALUES ('A', 'k');
INSERT INTO executions (account_id, alpaca_order_id, status, submitted_at, updated_at_ns, status_rank, snapshot_ns,
                        stated, last_source, last_topic, last_partition, last_offset)
SELECT 'A', 'o', 'filled', now() - %(submitted_s)s * interval '1 second', 0, 0, 0, 0, 'stream', 't', 0, 0;
INSERT INTO sweeps (account_id, kind, owner, lease_epoch, window_start, started_at, finished_at, complete,
                    proven_equal_at)
SELECT 'A', 'hot', 'o', 1, began - interval '15 minutes', began, now(), true, began
FROM (SELECT now() - %(began_s)s * interval '1 second' AS began) b
"""


@pytest.mark.parametrize(
    ("submitted_s", "began_s", "fresh"),
    [
        (60, 10, True),
        (60, 31, False),  # too long ago
        (5, 10, False),  # submitted after the sweep had begun: it may not have read it
        (12, 10, False),  # two clocks
        (16, 10, True),
        (16 * 60, 10, False),  # before its window, and it has ended
    ],
)
def test_a_proof_is_one_for_what_the_sweep_can_have_read(
    database: str, submitted_s: int, began_s: int, fresh: bool
) -> None:
    values: dict[str, Any] = {"submitted_s": submitted_s, "began_s": began_s}
    with connect(database, SCHEMA, name="t") as connection:
        for statement in _STANDING.split(";\n"):
            psycopg.ClientCursor(connection).execute(statement, values)  # values written into the text
        row = connection.execute("SELECT fresh_within('o', interval '30 seconds')").fetchone()
    assert row == (fresh,)
