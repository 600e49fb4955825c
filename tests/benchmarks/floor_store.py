"""The floor's way from COPY text to the tables: COPY into a temporary table, then INSERT … ON CONFLICT into the same
three tables, with the same columns and indexes, and the cursor rows.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from floor_rows import COLUMNS, FRAME, ORDER

_STAGED: Final = ", ".join(f'"{name}"' for name in COLUMNS)
_ORDER: Final = ", ".join((*ORDER, "extended_hours"))
_SET: Final = ", ".join(f"{name} = excluded.{name}" for name in (*ORDER, "extended_hours"))

_CREATE: Final = f"""
CREATE TEMPORARY TABLE staged ON COMMIT DELETE ROWS AS
SELECT {_STAGED}, false AS last, false AS fill FROM order_events WITH NO DATA
"""
_COPY: Final = f"COPY staged ({_STAGED}, last, fill) FROM STDIN"
_EXECUTIONS: Final = f"""
INSERT INTO executions AS e (
    account_id, alpaca_order_id, {_ORDER},
    updated_at_ns, status_rank, snapshot_ns, stated, last_source, last_topic, last_partition, last_offset
)
SELECT '{{account}}', alpaca_order_id, {_ORDER}, 0, 0, 0, 0, 'stream', '{{topic}}', partition, "offset"
FROM staged WHERE last
ON CONFLICT (alpaca_order_id, account_id) DO UPDATE SET {_SET},
    last_partition = excluded.last_partition, last_offset = excluded.last_offset, recorded_at = now()
WHERE excluded.updated_at >= e.updated_at
"""
_EVENTS: Final = f"""
INSERT INTO order_events (
    account_id, alpaca_order_id, {_ORDER}, event, {", ".join(FRAME)}, event_key, partition, "offset",
    source, topic, known_at, status_rank, updated_at_ns, snapshot_ns, stated
)
SELECT '{{account}}', alpaca_order_id, {_ORDER}, event, {", ".join(FRAME)}, event_key, partition, "offset",
    'stream', '{{topic}}', now(), 0, 0, 0, 0
FROM staged
ON CONFLICT (alpaca_order_id, account_id, event_key) DO NOTHING
"""
_FILLS: Final = """
INSERT INTO fills (
    account_id, alpaca_order_id, fill_key, execution_id, symbol, side, qty, price, transacted_at, entry, source, topic,
    partition, "offset"
)
SELECT '{account}', alpaca_order_id, 'x:' || execution_id, execution_id, symbol, side, event_qty, event_price, event_at,
    'trade', 'stream', '{topic}', partition, "offset"
FROM staged WHERE fill
ON CONFLICT (fill_key, account_id) DO NOTHING
"""
_CURSOR: Final = """
INSERT INTO stream_cursors (
    consumer_group, topic, partition, next_offset, max_offset, owner, epoch, cluster_id, topic_id
)
SELECT 'floor', %(topic)s, w.partition, w.next_offset, w.next_offset, '', 0, '', ''
FROM unnest(%(partitions)s::integer[], %(next_offsets)s::bigint[]) AS w(partition, next_offset)
ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET next_offset = excluded.next_offset
"""


class FloorStore:
    """Writes batches of COPY text through one connection."""

    def __init__(self, dsn: str, schema: str, account: str, topic: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True, options=f"-c search_path={schema}")
        self._topic = topic
        self._connection.execute(_CREATE)
        # Literals, not parameters: the plan of each is made once and kept.
        self._statements: Any = [text.format(account=account, topic=topic) for text in (_EXECUTIONS, _EVENTS, _FILLS)]

    def write(self, text: str, next_offsets: dict[int, int]) -> None:
        """One transaction: rows and cursor. Returns when it is durable."""
        connection = self._connection
        with connection.transaction():
            with connection.cursor().copy(_COPY) as copy:
                copy.write(text)
            with connection.pipeline():
                for statement in self._statements:
                    connection.execute(statement, prepare=True)
                partitions = sorted(next_offsets)
                connection.execute(
                    _CURSOR,
                    {
                        "topic": self._topic,
                        "partitions": partitions,
                        "next_offsets": [next_offsets[partition] for partition in partitions],
                    },
                    prepare=True,
                )
