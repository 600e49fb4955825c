"""A residual stands for what has been missing for long, not for an execution of the same order a moment ago."""

from __future__ import annotations

import psycopg
import pytest

from stream_reconcile.store.comparison import Comparer
from stream_reconcile.store.connect import connect
from support.servers import SCHEMA

pytestmark = pytest.mark.rows_only

_STANDING = (
    """INSERT INTO executions (account_id, alpaca_order_id, symbol, side, filled_qty, filled_avg_price, updated_at,
                                updated_at_ns, status_rank, snapshot_ns, stated, last_source, last_topic,
                                last_partition, last_offset)
       SELECT 'A', 'o', 'SPY', 'buy', 10, 5, now() - %(changed_s)s * interval '1 second',
              0, 0, 0, 0, 'sweep', 't', 0, 0""",
    """INSERT INTO discrepancies (account_id, type, subject, evidence, first_seen_at, last_seen_at)
       SELECT 'A', 'missing_fill', 'o', '{}', now() - %(missing_s)s * interval '1 second', now()""",
)


@pytest.mark.parametrize(
    ("changed_s", "missing_s", "due"),
    [(3_600, 3_600, True), (60, 3_600, False), (3_600, 60, False), (None, 3_600, True)],
)
def test_both_the_gap_and_the_order_have_rested(
    database: str, changed_s: int | None, missing_s: int, due: bool
) -> None:
    with connect(database, SCHEMA, name="t") as connection:
        for statement in _STANDING:
            values = {"changed_s": changed_s, "missing_s": missing_s}
            psycopg.ClientCursor(connection).execute(statement, values)  # values written into the text
        found = Comparer(connection, "A").too_little_filled(600, ["o", "another"])
        assert Comparer(connection, "A").too_little_filled(600, ["another"]) == []
    assert [one.order_id for one in found] == (["o"] if due else [])
