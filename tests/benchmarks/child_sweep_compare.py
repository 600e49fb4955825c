"""Orders that have not changed, page by page, held against their rows; as the floor decoded, and their rows read.

Settings: dsn, schema, account, orders, floor. Making the pages is not counted: it stands for their transfer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import psycopg
from broker_orders import PAGE, page
from children import log_to_stderr, result_of_process, settings

from stream_reconcile.core.observation import ORDER_COLUMNS
from stream_reconcile.core.sweep.compared import Graces
from stream_reconcile.jobs.sweep.barrier import Barrier
from stream_reconcile.jobs.sweep.examine import Examiner
from stream_reconcile.jobs.sweep.publish import Finding
from stream_reconcile.store.comparison import Comparer
from stream_reconcile.store.connect import connect


class NothingToWaitFor(Barrier):
    """No order may need a look: none differs."""

    def __init__(self) -> None:
        pass

    def wait(self, marks: Any = None) -> Any:
        raise RuntimeError("an order that has not changed wants a look")


def nothing_to_publish(findings: Iterable[Finding]) -> None:
    raise RuntimeError("an order that has not changed was to be published")


def ours(connection: psycopg.Connection, account: str) -> Callable[[list[bytes]], None]:
    examiner = Examiner(
        account, "topic", Comparer(connection, account), NothingToWaitFor(), nothing_to_publish, Graces(), [],
        watched=set(), told_unreadable=set(), with_origins=True,
    )  # fmt: skip
    return lambda raws: examiner.take(raws, time.time_ns())


def floor(connection: psycopg.Connection, account: str) -> Callable[[list[bytes]], None]:
    query = f"SELECT {', '.join(ORDER_COLUMNS)} FROM executions WHERE account_id = %s AND alpaca_order_id = ANY (%s)"
    decode = msgspec.json.Decoder().decode

    def take(raws: list[bytes]) -> None:
        ids = [decode(raw)["id"] for raw in raws]
        rows = connection.execute(query, [account, ids], prepare=True, binary=True).fetchall()
        if len(rows) != len(ids):
            raise RuntimeError(f"{len(rows)} rows of {len(ids)} orders")

    return take


def main() -> None:
    log_to_stderr()
    given = settings()
    connection = connect(given["dsn"], given["schema"], name="benchmark")
    take = (floor if given["floor"] else ours)(connection, given["account"])
    seconds = processor = 0.0
    for first in range(1, given["orders"] + 1, PAGE):
        raws = page(first, min(first + PAGE - 1, given["orders"]))
        began, began_cpu = time.perf_counter(), time.process_time()
        take(raws)
        seconds += time.perf_counter() - began
        processor += time.process_time() - began_cpu
    result_of_process(seconds=seconds, cpu_s=processor)


if __name__ == "__main__":
    main()
