"""From a dropped frame to the row that says what the frame would have said, or what came after it."""

from __future__ import annotations

from typing import Final, NamedTuple

from stream_reconcile.core.timestamps import parse_ns
from support.whole import Whole

_REPAIRED: Final = """
SELECT d.number, e.source, extract(epoch FROM e.recorded_at)::double precision AS at
FROM unnest(%(numbers)s::int[], %(orders)s::text[], %(versions)s::bigint[]) AS d(number, order_id, version)
CROSS JOIN LATERAL (
    SELECT source, recorded_at FROM order_events
    WHERE alpaca_order_id = d.order_id AND updated_at_ns >= d.version
    ORDER BY recorded_at LIMIT 1
) e
"""
_FILLS: Final = """
SELECT extract(epoch FROM recorded_at - transacted_at)::double precision AS seconds
FROM fills WHERE source = 'activity' AND entry = 'trade'
"""


class Repairs(NamedTuple):
    """Seconds from each dropped frame to the repaired row, by what repaired it."""

    by_next_event: list[float]
    by_sweep: list[float]
    not_repaired: int

    @property
    def all(self) -> list[float]:
        return self.by_next_event + self.by_sweep


def repairs(whole: Whole) -> Repairs:
    """Of all frames that were dropped so far."""
    dropped = [line for line in whole.simulator.control.fault_log() if line["fault"] == "drop"]
    rows = whole.rows(
        _REPAIRED,
        numbers=list(range(len(dropped))),
        orders=[line["order_id"] for line in dropped],
        versions=[parse_ns(line["updated_at"]) for line in dropped],
    )
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for row in rows:
        seconds[row["source"] == "stream"].append(row["at"] - dropped[row["number"]]["at_ns"] / 1e9)
    return Repairs(seconds[True], seconds[False], len(dropped) - len(rows))


def fills_brought_by_activities(whole: Whole) -> list[float]:
    """Seconds from an execution to its row, where its frame was lost and its activity made the row."""
    return [row["seconds"] for row in whole.rows(_FILLS)]
