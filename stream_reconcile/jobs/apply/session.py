"""One life of a member: a connection to Postgres, a place in the group, and the loop between them.

    take      what is there: a lone record at once, a backlog in large batches
    fit       the run of records that begins at each cursor, without holes
    decode    parse; what can't be read is a dead letter
    write     one fenced transaction
    mirror    show the position to the group

Any doubt about a position ends in one place, `_reread`: the cursor rows are read and judged (core.cursors).
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Final, NamedTuple, Self

import psycopg
import structlog
from confluent_kafka import Message

from stream_reconcile.core.cursors import Verdict, is_restored, is_restored_at_start, judge
from stream_reconcile.core.errors import (
    CursorsLost,
    FencedError,
    LogReplaced,
    PostgresUnreachable,
    ReconcileError,
    WrongAccount,
)
from stream_reconcile.core.fold import Recent
from stream_reconcile.jobs.apply.config import ApplyConfig, Report
from stream_reconcile.jobs.apply.decode import Decoded, Decoder
from stream_reconcile.jobs.apply.mirror import Mirror
from stream_reconcile.jobs.apply.positions import Positions
from stream_reconcile.jobs.apply.tally import Passage, Tally, passage
from stream_reconcile.jobs.apply.topic_watch import TopicWatch
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.codec import Codec
from stream_reconcile.log.consumer import LogConsumer
from stream_reconcile.log.topics import Partition
from stream_reconcile.metrics import ApplyMetrics
from stream_reconcile.store.batch import Batch, Record, Written
from stream_reconcile.store.connect import connect
from stream_reconcile.store.cursors import CursorStore, LogState
from stream_reconcile.store.failures import is_transient
from stream_reconcile.store.lock_conflicts import waited_out
from stream_reconcile.store.second_writer import note_cursors
from stream_reconcile.store.writer import Writer

log = structlog.get_logger()

WATCH_EVERY_S: Final = 1.0
WATCH_BUSY_S: Final = 4.0
"""So much later while batches are under way, which compare the cursors too: to watch, they have to end first."""
POLL_S: Final = 0.25
HAND_OVER_RECORDS: Final = 500
MOST_UNDER_WAY: Final = 2
"""Batches being written or waiting for it: with one, neither thread has anything to do when their times differ."""
RECONNECT_LIMIT_S: Final = 240.0
"""Less than max.poll.interval.ms (300 s), after which the group gives the partitions away."""


class _Prepared(NamedTuple):
    """A batch that is decoded and not yet written."""

    batch: Batch
    decoded: Decoded
    records: int
    passage: Passage | None
    begun: float


class Session:
    """Made with everything connected; `run` until stopped or something is lost. Raises as its parts do."""

    def __init__(
        self, config: ApplyConfig, codec: Codec, metrics: ApplyMetrics, report: Report, *, owner: str, protocol: str
    ) -> None:
        self._config = config
        self._owner = owner
        self._metrics = metrics
        self._tally = Tally(metrics, codec)
        self._report = report
        self._decoder = Decoder(codec, config.topics)
        self._positions = Positions()
        self._gone: list[str] = []
        self._accounts: set[str] = set()
        self._recent: Recent = {}
        """The batch before, on its way into the tables: most of what comes twice comes twice at once."""
        self._under_way: deque[tuple[Future[Written | None], _Prepared]] = deque()
        self._doubt = False
        """A commit was refused or its outcome is unknown: what was prepared after it does not follow on the cursors."""
        self._thread = ThreadPoolExecutor(1, "apply-write")
        self._admin = KafkaAdmin(config.kafka)
        self._topic_watch = TopicWatch(self._admin, config.topics.applied)
        try:
            self._connect()
            self._consumer = LogConsumer(
                config.kafka,
                group=config.group,
                topics=config.topics.applied,
                protocol=protocol,
                claim=self._claim,
                release=self._release,
            )
            self._mirror = Mirror(self._consumer, self._positions)
        except BaseException:
            self._topic_watch.close()
            self._admin.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, ReconcileError):  # where Kafka is away, leaving the group takes its time
            self._report(False, str(error))
        # What is under way is not waited for with an eye to its outcome: the next session reads it from the cursor.
        self._thread.shutdown(wait=True)
        self._topic_watch.close()
        self._under_way.clear()
        # Leaving the group calls back into this session: the database connection goes last.
        self._consumer.close()
        self._admin.close()
        self._connection.close()

    def run(self, stop: threading.Event) -> None:
        """Apply until `stop` is set.

        Under a backlog the next batches are read and decoded while Postgres writes, in a thread of its own, the one
        before; a few records are written at once, where handing them over would cost more than it gains.
        """
        next_look = next_watch = 0.0
        while not stop.is_set():
            messages = self._consumer.take(self._config.batch_records, 0 if self._under_way else POLL_S)
            prepared = self._prepare(messages) if messages else None
            if prepared is None:
                self._finish()
                self._mirror.pause()
            elif self._finish(leaving=MOST_UNDER_WAY - 1 if prepared.records >= HAND_OVER_RECORDS else 0):
                self._go_on(prepared)
            now = time.monotonic()
            if now >= next_look:
                self._check_topics(self._topic_watch.look())
                next_look = now + WATCH_EVERY_S
            if now >= next_watch + (WATCH_BUSY_S if self._under_way else 0):
                self._finish()
                self._watch()
                next_watch = time.monotonic() + WATCH_EVERY_S
        self._finish()

    def _go_on(self, prepared: _Prepared) -> None:
        """Write what was prepared, here or in the other thread."""
        if not prepared.decoded.accounts <= self._accounts:
            if not self._finish():
                return
            self._check_accounts(prepared.decoded.accounts)
        if prepared.records < HAND_OVER_RECORDS:
            self._committed(prepared, self._write(prepared.batch))
        else:
            self._under_way.append((self._thread.submit(self._write, prepared.batch), prepared))

    def _finish(self, *, leaving: int = 0) -> bool:
        """Wait until no more than `leaving` batches are under way; False when one was not committed.

        The cursors were read again then, and what was prepared does not follow on them.
        """
        while len(self._under_way) > leaving:
            future, prepared = self._under_way.popleft()
            if not self._committed(prepared, future.result()):
                return False
        return True

    def _connect(self) -> None:
        config = self._config
        self._connection = connect(config.dsn, config.schema, name="stream-reconcile apply")
        try:
            self._writer = Writer(self._connection, group=config.group, owner=self._owner)
            self._cursors = CursorStore(
                self._connection, dsn=config.dsn, schema=config.schema, group=config.group, owner=self._owner
            )
            self._writer.bind_left_over()
        except BaseException:
            self._connection.close()
            raise

    # --- assignment -------------------------------------------------------------------------------------------------

    def _claim(self, partitions: list[Partition]) -> dict[Partition, int]:
        """Take the cursors of newly assigned partitions; gives the offset to read each from."""
        self._finish()
        self._recent = {}
        self._topic_watch.forget()
        states, _ = self._log_states(partitions)
        mirrors = self._admin.group_offsets(self._config.group, partitions)
        # What was never applied is needed from its first record on, be that still there (F5) or not.
        claims = {p: self._cursors.claim(*p, states[p]._replace(low=0)) for p in partitions}
        # Asked again: a claim may have waited for a commit of the old owner, which went beyond what was the end before.
        states, ends = self._log_states(partitions)
        starts: dict[Partition, int] = {}
        for partition, claimed in claims.items():
            state, cursor = states[partition], claimed.cursor
            mirror = mirrors.get(partition)
            if mirror and is_restored_at_start(mirror.offset, mirror.metadata, claimed.max_offset, cursor.topic_id):
                self._cursors.record_mismatch(*partition, mirror.offset, cursor.next_offset)
            if cursor.topic_id != state.topic_id or not state.low <= cursor.next_offset <= ends[partition]:
                cursor = self._cursors.restart(*partition, cursor, claimed.max_offset, state)
            self._positions.put(partition, cursor, max(claimed.max_offset, cursor.next_offset))
            starts[partition] = cursor.next_offset
        added = sum(claimed.added for claimed in claims.values())
        log.info("partitions_claimed", partitions=len(partitions), never_applied_before=added, owner=self._owner)
        return starts

    def _release(self, partitions: list[Partition], lost: bool) -> None:
        if not lost:
            self._finish()
            self._mirror.show(last=True)
        for partition in partitions:
            self._positions.drop(partition)
        log.info("partitions_released", partitions=len(partitions), lost=lost)

    def _log_states(self, partitions: list[Partition]) -> tuple[dict[Partition, LogState], dict[Partition, int]]:
        """What the cluster says of each partition, and its end offset. Raises LogReplaced when one is not there."""
        cluster = self._admin.cluster().cluster_id
        topic_ids = self._admin.topic_ids({partition.topic for partition in partitions})
        watermarks = self._admin.watermarks(partitions)
        for partition in partitions:
            if partition.topic not in topic_ids or partition not in watermarks:
                raise LogReplaced(f"topic {partition.topic} was deleted while its cursors were claimed")
        states = {p: LogState(watermarks[p].low, topic_ids[p.topic], cluster) for p in partitions}
        return states, {p: watermarks[p].high for p in partitions}

    # --- a batch ----------------------------------------------------------------------------------------------------

    def _prepare(self, messages: list[Message]) -> _Prepared | None:
        """What is to be written of a fetch; None when nothing of it fits the cursors."""
        runs, seeks, passed = self._positions.fit(messages)
        for partition, offset in seeks.items():
            self._consumer.seek(partition, offset)
        if passed:
            self._metrics.offset_holes.inc(passed)
        if not runs:
            return None
        topic_ids = {run.partition: self._positions[run.partition].topic_id for run in runs}
        oldest = passage(runs, self._positions)

        def records() -> list[Record]:
            return self._decoder.records((*run.partition, topic_ids[run.partition], run.messages) for run in runs)

        decoded = Decoded(self._recent)
        for run in runs:
            self._decoder.decode_run(*run.partition, topic_ids[run.partition], run.messages, decoded)
        self._recent = decoded.fold.events
        batch = Batch(decoded.fold, decoded.dead_letters, self._positions.moves(runs), records, decoded.holdings)
        return _Prepared(batch, decoded, sum(len(run.messages) for run in runs), oldest, time.monotonic())

    def _committed(self, prepared: _Prepared, written: Written | None) -> bool:
        """Note a commit and show it to the group; False when there was none."""
        if written is None:
            wait([future for future, _ in self._under_way])  # they come to nothing, and the connection is free then
            self._under_way.clear()
            self._reread(go_back=True)
            self._doubt = False
            return False
        self._positions.advanced(prepared.batch.moves)
        self._mirror.note()
        seconds = time.monotonic() - prepared.begun
        self._tally.committed(prepared.decoded, written, prepared.passage, records=prepared.records, seconds=seconds)
        return True

    def _write(self, batch: Batch) -> Written | None:
        """Commit; None when the commit was refused or its outcome is unknown: the cursors have to be read again."""
        if self._doubt:
            return None
        self._doubt = True  # whatever leaves this function early
        try:
            written = waited_out(lambda: self._writer.write(batch))
        except FencedError as error:
            self._metrics.refused_commits.inc()
            log.warning("commit_refused", why=str(error))
            return None
        except psycopg.Error as error:
            if not is_transient(error):
                raise
            self._report(False, f"Postgres failed a commit ({type(error).__name__}): connecting again")
            self._reconnect()
            return None
        self._doubt = False
        return written

    def _check_accounts(self, accounts: set[str]) -> None:
        """Raises WrongAccount for an account that is not to be applied."""
        pinned = self._cursors.accounts()
        self._accounts = {account for account, stopped in pinned.items() if not stopped}
        for account in sorted(accounts - self._accounts):
            why = "an open discrepancy wrong_account stops it" if account in pinned else "it is not pinned here"
            raise WrongAccount(
                f"the log holds records of account {account}, and {why}: check the topic prefix, the database and the "
                "account behind the key"
            )

    # --- doubt ------------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """With nothing under way: cursor rows as we left them, accounts not stopped."""
        try:
            self._reread()
            self._cursors.close_mismatches()
            pinned = self._cursors.accounts()
        except psycopg.Error as error:
            if not is_transient(error):
                raise
            self._report(False, f"Postgres does not answer ({type(error).__name__}): connecting again")
            self._reconnect()
            self._reread(go_back=True)
            return
        self._accounts = {account for account, stopped in pinned.items() if not stopped}
        self._mirror.show()
        self._report(not self._gone, ", ".join(f"topic {topic} was made anew or deleted" for topic in self._gone))

    def _check_topics(self, topic_ids: dict[str, str] | None) -> None:
        """Compare with the cursors' topics. One that is gone is said as long as it is: the others are applied."""
        if topic_ids is None:
            return
        for partition in self._positions:
            if topic_ids.get(partition.topic) != self._positions[partition].topic_id:
                raise LogReplaced(f"topic {partition.topic} was made anew or deleted")
        self._gone = [topic for topic in self._config.topics.applied if topic not in topic_ids]

    def _reread(self, *, go_back: bool = False) -> None:
        """Judge our cursors against their rows. Raises CursorsLost when one is lost.

        `go_back`: what was read beyond the cursors was dropped, so each partition is read again from its cursor.
        """
        if go_back:
            self._recent = {}
        rows, lost = self._cursors.read(), dict[Partition, bool]()
        for partition in list(self._positions):
            mine = self._positions[partition]
            row, max_offset = rows.get((partition.topic, partition.partition), (None, 0))
            verdict = judge(mine, row)
            if verdict is Verdict.SAME and not go_back:
                continue
            if is_restored(mine, row):
                self._cursors.record_mismatch(*partition, mine.next_offset, row.next_offset if row else 0)
            if row is None or verdict is Verdict.LOST:
                lost[partition] = is_restored(mine, row)
                continue
            self._recent = {}
            if verdict is Verdict.MOVED:
                log.info("cursor_moved", topic=partition.topic, partition=partition.partition, offset=row.next_offset)
            self._positions.put(partition, row, max_offset)
            self._consumer.seek(partition, row.next_offset)
        if lost:
            note_cursors(self._connection, {p: self._positions[p] for p, restored in lost.items() if not restored})
            self._metrics.second_writer.inc()  # once for all of them: alerts go by how often it happens
            raise CursorsLost(f"another member owns the cursors of {', '.join(f'{p[0]}:{p[1]}' for p in lost)}")

    def _reconnect(self) -> None:
        """A new connection, with backoff; raises PostgresUnreachable after four minutes."""
        self._connection.close()
        give_up = time.monotonic() + RECONNECT_LIMIT_S
        delay = 0.1
        while True:
            try:
                self._connect()
            except (PostgresUnreachable, psycopg.OperationalError) as error:
                if time.monotonic() > give_up or self._config.stop.wait(random.uniform(0, delay)):  # noqa: S311 - jitter
                    raise
                self._report(False, str(error))
                delay = min(delay * 2, 5.0)
            else:
                return
