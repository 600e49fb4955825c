"""A peer: the loop that people write first. Take a record, upsert its order, commit, take the next.

Settings: bootstrap_servers, topic, partitions, dsn, schema, account, events. Ends after so many records.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from child_apply_floor import Batches
from children import Commits, result_of_process, settings
from floor_rows import ORDER, columns_of, decode, frame_bytes

_UPSERT: Final = f"""
INSERT INTO executions AS e (
    account_id, alpaca_order_id, {", ".join(ORDER)},
    updated_at_ns, status_rank, snapshot_ns, stated, last_source, last_topic, last_partition, last_offset
)
VALUES (%s, %s, {", ".join(["%s"] * len(ORDER))}, 0, 0, 0, 0, 'stream', %s, %s, %s)
ON CONFLICT (alpaca_order_id, account_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in ORDER)}
WHERE excluded.updated_at >= e.updated_at
"""


def main() -> None:
    given = settings()
    left = given["events"]
    commits = Commits()
    with psycopg.connect(given["dsn"], autocommit=True, options=f"-c search_path={given['schema']}") as connection:
        for messages in Batches(given["bootstrap_servers"], given["topic"], given["partitions"]):
            for message in messages[:left]:
                payload: Any = message.value()
                order = decode(frame_bytes(payload)).data.order
                place = (given["topic"], message.partition(), message.offset())
                connection.execute(_UPSERT, (given["account"], order.id, *columns_of(order), *place), prepare=True)
                commits.note(1)
            left -= min(left, len(messages))
            if not left:
                break
    result_of_process(commits=commits.notes)


if __name__ == "__main__":
    main()
