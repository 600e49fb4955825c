"""A short log that is applied in this process, and its tables, for tests that spoil them."""

from __future__ import annotations

import contextlib

from stream_reconcile.log.topics import Partition
from stream_reconcile.simulator.history import generate_history
from stream_reconcile.store.connect import connect
from support.log_records import KNOWN_AT_MS, LogRecords
from support.servers import SCHEMA
from support.wire_data import ACCOUNT, UPDATES
from support.writer_bench import GROUP, Bench

from .checker import Report, check
from .disturbance import disordered
from .ground_truth import GroundTruth

SEED = 5
ORDERS = 250
_BATCH = 300


def tell(dsn: str) -> LogRecords:
    """The log of a whole history, and its truth in the database."""
    log = LogRecords()
    with connect(dsn, SCHEMA, name="test") as connection:
        truth = GroundTruth(connection, ACCOUNT)
        for frame in disordered(generate_history(SEED, ORDERS, truth=truth).frames(), SEED):
            record = log.frame(frame.raw)
            truth.told(frame.raw, record.place, KNOWN_AT_MS + record.place.offset)
        truth.finish()
    return log


def apply(dsn: str, log: LogRecords, without: int | None = None) -> None:
    """Write the log as apply does, all of it but for the record at the offset `without`, which the cursor passes."""
    with contextlib.closing(Bench(dsn)) as bench:
        bench.rows("UPDATE stream_cursors SET next_offset = 0 RETURNING 1")  # there is none the first time
        move = bench.claim(UPDATES)
        for start in range(0, len(log.records), _BATCH):
            batch = log.records[start : start + _BATCH]
            move = move._replace(expected=start, next_offset=start + len(batch))
            bench.write([record for record in batch if record.place.offset != without], moves=[move])


class Tables:
    """Tables that say what the truth says, and a transaction in which a test may spoil them."""

    def __init__(self, dsn: str, log: LogRecords) -> None:
        self.dsn, self.log = dsn, log
        self.connection = connect(dsn, SCHEMA, name="test", autocommit=False)

    def close(self) -> None:
        """Take everything back."""
        self.connection.rollback()
        self.connection.close()

    def spoil(self, statement: str) -> str:
        """Change one row; gives what the statement returns of it."""
        rows = self.connection.execute(statement.encode()).fetchall()
        assert len(rows) == 1
        return str(rows[0][0])

    def check(self) -> Report:
        """Compare them as they stand in the transaction."""
        ends = {Partition(UPDATES, 0): len(self.log.records)}
        return check(self.connection, account_id=ACCOUNT, group=GROUP, ends=ends)

    def faults(self) -> list[str]:
        """All differences in words."""
        report = self.check()
        assert report.differences == len(report.listed)
        return [str(fault) for fault in report.listed]
