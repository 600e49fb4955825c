"""Members of apply for a test: the job in a thread, its database, and what the tables must hold when all is applied."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from confluent_kafka import Consumer, TopicPartition
from psycopg import sql

from stream_reconcile.jobs.apply.config import ApplyConfig
from stream_reconcile.jobs.apply.member import run_apply
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.topics import Partition
from stream_reconcile.metrics import Metrics
from stream_reconcile.store.batch import Record
from support.expected_rows import Tables, actual_tables, expected_tables
from support.real_log import RealLog
from support.servers import SCHEMA
from support.waiting import wait_until
from support.wire_data import ACCOUNT

DERIVED = ("executions", "order_events", "fills", "fill_evidence", "dead_letters")


class Stage:
    """A log, a database with ACCOUNT pinned, a consumer group."""

    def __init__(self, log: RealLog, dsn: str, group: str) -> None:
        self.log, self.dsn, self.group = log, dsn, group
        self.execute("INSERT INTO accounts (account_id, key_fingerprint) VALUES (%s, 'test')", ACCOUNT)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query in the schema, on a connection of its own."""
        with self.connection() as connection:
            return connection.execute(query, values).fetchall()

    def execute(self, statement: str, *values: Any) -> int:
        """Run a statement; gives the number of rows that it touched."""
        with self.connection() as connection:
            return connection.execute(statement, values).rowcount

    def connection(self) -> psycopg.Connection[Any]:
        """A connection that sees the schema."""
        return psycopg.connect(self.dsn, autocommit=True, options=f"-c search_path={SCHEMA}")

    def cursors(self) -> dict[Partition, int]:
        """Next offset of every partition that has a cursor."""
        found = self.rows(
            "SELECT topic, partition, next_offset FROM stream_cursors WHERE consumer_group = %s", self.group
        )
        return {Partition(topic, number): offset for topic, number, offset in found}

    def owners(self) -> dict[Partition, str]:
        """Owner of every cursor."""
        found = self.rows("SELECT topic, partition, owner FROM stream_cursors WHERE consumer_group = %s", self.group)
        return {Partition(topic, number): owner for topic, number, owner in found}

    def drained(self) -> bool:
        """Whether every cursor stands at the end of its partition."""
        return self.cursors() == self.log.ends()

    def wait_drained(self, timeout: float = 60) -> None:
        """Until every cursor stands at the end of its partition."""
        ends = self.log.ends()
        try:
            wait_until(self.drained, timeout=timeout, what="all to be applied")
        except AssertionError as error:
            cursors = self.cursors()
            raise AssertionError(
                f"{error}: {[(p, cursors.get(p), ends[p]) for p in ends if cursors.get(p) != ends[p]]}"
            ) from None

    def findings(self, *kinds: str) -> list[tuple[str, str, str, dict[str, Any]]]:
        """(type, subject, state, evidence) of all discrepancies of these kinds."""
        return self.rows(
            "SELECT type, subject, state, evidence FROM discrepancies WHERE type = ANY(%s) "
            "ORDER BY subject, first_seen_at",
            list(kinds),
        )

    def gaps(self) -> list[tuple[Any, ...]]:
        """(window_start, window_end, reason) of all windows."""
        return self.rows("SELECT window_start, window_end, reason FROM stream_gaps ORDER BY reason")

    def assert_applied(self, records: list[Record] | None = None) -> None:
        """The tables are what the log says (or `records` of it): nothing lost, nothing twice, nothing put aside."""
        expected = expected_tables(self.log.records() if records is None else records)
        with self.connection() as connection:
            actual = actual_tables(connection, ACCOUNT)
        for name in Tables._fields:
            found: dict[Any, Any] = getattr(actual, name)
            wanted: dict[Any, Any] = getattr(expected, name)
            different = {key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)}
            assert not different, (name, len(different), len(wanted), sorted(map(str, different))[:3])
        assert self.rows("SELECT * FROM dead_letters") == []

    def assert_no_alarm(self) -> None:
        """Nothing was taken for a lost log or a restored database."""
        assert self.findings("cursor_mismatch", "retention_loss", "stream_gap") == []
        assert self.gaps() == []

    def move_group(self, offsets: dict[Partition, int]) -> None:
        """Commit offsets to the group, as a person with a Kafka tool would."""
        consumer = Consumer({**self.log.kafka.consumer(self.group)})
        places = [TopicPartition(*partition, offset) for partition, offset in offsets.items()]
        consumer.commit(offsets=places, asynchronous=False)
        consumer.close()

    def keep_copy(self) -> None:
        """Keep all that apply writes, as a backup of the database would."""
        with self.connection() as connection, connection.transaction():
            for table in (*DERIVED, "stream_cursors"):
                connection.execute(
                    sql.SQL("CREATE TABLE {} AS TABLE {}").format(
                        sql.Identifier(f"kept_{table}"), sql.Identifier(table)
                    )
                )

    def restore_copy(self) -> None:
        """Bring back what `keep_copy` kept, in one transaction."""
        with self.connection() as connection, connection.transaction():
            for table in ("stream_cursors", *DERIVED):
                names = sql.Identifier(table), sql.Identifier(f"kept_{table}")
                connection.execute(sql.SQL("TRUNCATE {}").format(names[0]))
                connection.execute(sql.SQL("INSERT INTO {} OVERRIDING SYSTEM VALUE SELECT * FROM {}").format(*names))


class Applying:
    """The job in a thread, and what it said."""

    def __init__(self, stage: Stage, **changes: Any) -> None:
        log = stage.log
        values: dict[str, Any] = {
            "kafka": log.kafka, "dsn": stage.dsn, "schema": SCHEMA, "group": stage.group, "topics": log.topics,
        }  # fmt: skip
        self.config = ApplyConfig(**(values | changes))
        self.reports: list[tuple[bool, str]] = []
        self.error: BaseException | None = None
        self._metrics = Metrics("test")
        self._thread = threading.Thread(target=self._run, name="apply")
        self._thread.start()

    def _run(self) -> None:
        try:
            run_apply(
                self.config,
                lambda: SingleObjectCodec(self.config.topics),
                self._metrics.apply,
                lambda ready, why: self.reports.append((ready, why)),
            )
        except BaseException as error:  # noqa: BLE001 - raised by `stop`, in the test's own thread
            self.error = error

    def metric(self, name: str) -> float:
        """`reconcile_apply_<name>`."""
        value = self._metrics.registry.get_sample_value(f"reconcile_apply_{name}")
        assert value is not None, name
        return value

    def wait_ready(self, timeout: float = 60) -> None:
        """Until its last report is that all is well."""
        wait_until(lambda: self.reports[-1:] == [(True, "")], timeout=timeout, what=f"ready; {self.reports[-1:]}")

    def wait_not_ready(self, word: str, timeout: float = 30) -> str:
        """Until it reports something wrong that contains `word`; gives what it says."""

        def why() -> str:
            return next((why for ready, why in reversed(self.reports) if not ready and word in why), "")

        return wait_until(why, timeout=timeout, what=f"{word!r} in {self.reports[-3:]}")

    def stop(self) -> None:
        """End it in order; raises what it raised."""
        self.config.stop.set()
        self._thread.join(40)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error


@contextmanager
def applying(stage: Stage, **changes: Any) -> Iterator[Applying]:
    """A member while the body runs; `changes` to its configuration."""
    member = Applying(stage, **changes)
    try:
        yield member
    finally:
        member.stop()


@contextmanager
def load(
    stage: Stage, records: list[Record], *, at_once: int, every_s: float, whole: bool = True
) -> Iterator[threading.Thread]:
    """Records that keep coming, some at once, while the body runs. All of them are there after it; not `whole`: what
    had not come by then does not come."""
    ended = threading.Event()

    def send() -> None:
        for start in range(0, len(records), at_once):
            if ended.wait(every_s) and not whole:
                return
            stage.log.produce(records[start : start + at_once])

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield sender
    finally:
        ended.set()
        sender.join(60)
    assert not sender.is_alive()
