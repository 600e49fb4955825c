"""Applying the log to a second schema: apply's own parsing and transaction, without a group.

    r = Replay(config, codec)          # makes or opens the schema, takes its cursors under a new epoch
    r.to({partition: offset, …})       # applies up to there; call it again with greater offsets
    r.position, r.lost                 # where it stands; what of the log was gone

Rows and cursor commit together (I3) under the same fence (I4): a second replay into the same schema takes the cursors,
and this one's next commit is refused. Killed, it goes on from its own cursors when it is run again.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Final, NamedTuple, Self

import structlog
from confluent_kafka import Message

from stream_reconcile.core.errors import FencedError, KafkaUnreachable, LogReplaced, Stopped, WrongAccount
from stream_reconcile.core.fold import Fold, Recent
from stream_reconcile.core.replay.until import Moment, Offsets
from stream_reconcile.jobs.apply.decode import Decoded, Decoder
from stream_reconcile.jobs.apply.positions import Positions
from stream_reconcile.jobs.replay.config import Progress, ReplayConfig
from stream_reconcile.jobs.replay.places import LogNow, log_now, start_offsets
from stream_reconcile.jobs.replay.share import Share
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.codec import Codec
from stream_reconcile.log.consumer import OffsetsGone
from stream_reconcile.log.reader import LogReader
from stream_reconcile.log.topics import Partition
from stream_reconcile.store.batch import Batch, CursorMove, Record, Written
from stream_reconcile.store.blockers import ending_blockers
from stream_reconcile.store.cursors import CursorStore
from stream_reconcile.store.queries import load
from stream_reconcile.store.replay_schema import (
    REPLAY_GROUP,
    Lost,
    lock_state,
    open_session,
    prepare,
    put_state,
    read_state,
)
from stream_reconcile.store.writer import Writer

log = structlog.get_logger()

POLL_S: Final = 0.25
SILENT_S: Final = 60.0
"""Without a record for so long, and with records to come: Kafka does not answer."""
MOST_UNDER_WAY: Final = 2


class _Prepared(NamedTuple):
    batch: Batch
    decoded: Decoded
    records: int


class Replay:
    """One process that fills one schema. Raises as its parts do; closed, the schema is as the last commit left it."""

    def __init__(
        self,
        config: ReplayConfig,
        codec: Codec,
        *,
        owner: str,
        since: Offsets | Moment | None = None,
        progress: Progress = lambda _done, _total: None,
    ) -> None:
        """Open the schema and take its cursors. `since` counts where the schema is new: an old one goes on.

        Raises ConfigError (schema), LogReplaced (a topic was made anew since it began), and what is below them.
        """
        self._config, self._progress = config, progress
        self._decoder = Decoder(codec, config.topics)
        self._positions = Positions()
        self._accounts: set[str] = set()
        self._recent: Recent = {}
        self._under_way: deque[tuple[Future[Written], _Prepared]] = deque()
        self._done = self._total = 0
        self.records = 0
        """Records applied by this object."""
        self.no_statement: Counter[str] = Counter()
        """Records that say nothing of an order, by kind."""
        prepare(config.dsn, config.live_schema, config.schema, roles=config.roles)
        self._thread = ThreadPoolExecutor(1, "replay-write")
        self._share = Share(config.kafka, config.dsn, config.live_schema, config.group, config.share)
        self._admin = KafkaAdmin(config.kafka)
        try:
            self._connection = open_session(config.dsn, config.live_schema, config.schema)
            try:
                self._writer = Writer(self._connection, group=REPLAY_GROUP, owner=owner)
                self._cursors = CursorStore(
                    self._connection, dsn=config.dsn, schema=config.schema, group=REPLAY_GROUP, owner=owner
                )
                self._claim(since)
            except BaseException:
                self._connection.close()
                raise
        except BaseException:
            self._close_rest()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Wait for the transaction under way, and close all connections."""
        self._close_rest()
        self._connection.close()

    @property
    def position(self) -> dict[Partition, int]:
        """Next offset of each partition, as committed."""
        return {partition: self._positions[partition].next_offset for partition in self._positions}

    @property
    def starts(self) -> dict[Partition, int]:
        """First offset of each partition from which the schema's rows are made."""
        return dict(self._starts)

    @property
    def lost(self) -> list[Lost]:
        """What of the log could not be replayed into this schema, by partition."""
        return list(self._lost)

    @property
    def rested_s(self) -> float:
        """Seconds that live apply was given."""
        return self._share.rested_s

    def open_letters(self) -> int:
        """Records that could not be applied."""
        row = self._connection.execute(load("replay.sql")["open_letters"]).fetchone()
        return 0 if row is None else int(row[0])

    def log_now(self) -> LogNow:
        """The log as the cluster has it now. Raises LogReplaced where a topic is another one than its cursor's."""
        found = log_now(self._admin, self._config.topics)
        for partition in self._positions:
            if found.topic_ids[partition.topic] != self._positions[partition].topic_id:
                raise LogReplaced(
                    f"topic {partition.topic} was made anew since schema {self._config.schema} was begun, and its rows "
                    f"are of the old one: drop it (`replay --drop {self._config.schema}`) and begin again"
                )
        return found

    def to(self, until: Mapping[Partition, int], *, hurry: bool = False) -> None:
        """Apply each partition up to, and not including, the offset given; what is behind it already stays as it is.
        `hurry`: without regard for live apply, which waits for this.

        Raises Stopped, FencedError (another replay has taken the schema), WrongAccount, LogReplaced, KafkaUnreachable,
        psycopg.Error as it comes. Whatever is raised, the schema stands at its last commit, and `to` may be tried anew
        on a new object.
        """
        self._done, self._total = 0, sum(max(0, at - self.position.get(p, at)) for p, at in until.items())
        for _ in range(3):
            self._pass_over_lost(self.log_now(), until)
            try:
                self._read(until, hurry=hurry)
            except OffsetsGone as gone:  # expired while it was read: what is gone is noted, and the rest read
                log.info("replay_log_expired", why=str(gone))
                self._recent = {}
                continue
            self._pass_over_ends(until)
            # The topic that was read is the one that the cursor names, from the first record to the last.
            self.log_now()
            return
        raise KafkaUnreachable("the log expires faster than it is replayed: try again, or begin at a later place")

    # --- beginning --------------------------------------------------------------------------------------------------

    def _claim(self, since: Offsets | Moment | None) -> None:
        found = log_now(self._admin, self._config.topics)
        wanted = start_offsets(self._admin, found, since)
        # One transaction: what was gone at the beginning of a cursor stands with it, and a process that was stopped on
        # its way here takes up what another one has noted meanwhile.
        config = self._config
        with (
            ending_blockers(self._connection, dsn=config.dsn, schema=config.schema, what="replay"),
            self._connection.transaction(),
        ):
            lock_state(self._connection)
            state = read_state(self._connection)
            self._starts = {Partition(*place): at for place, at in state.starts.items()}
            self._lost = state.lost
            rows = self._cursors.read()
            for partition, marks in sorted(found.watermarks.items()):
                begin = found.state(partition)
                if tuple(partition) not in rows:
                    start = self._starts[partition] = wanted[partition]
                    if start < marks.low:
                        self._note(Lost(*partition, start, marks.low, "it is not in the log any more"))
                    begin = begin._replace(low=max(start, marks.low))
                claimed = self._cursors.claim(*partition, begin)
                self._positions.put(partition, claimed.cursor, claimed.max_offset)
            put_state(self._connection, self._starts, self._lost)
        self._writer.bind_left_over()
        self.log_now()

    def _note(self, lost: Lost) -> None:
        """Note records as lost; what a run that was killed noted at the same place is put right."""
        self._lost = [one for one in self._lost if one[:3] != lost[:3]] + [lost]
        self._lost.sort()
        log.warning("replay_log_gone", topic=lost.topic, partition=lost.partition, first=lost.first, next=lost.next)

    def _pass_over_lost(self, found: LogNow, until: Mapping[Partition, int]) -> None:
        """What expired between two runs, or while one went on, is noted and passed."""
        moves = []
        for partition, end in until.items():
            cursor, low = self._positions[partition], found.watermarks[partition].low
            to = min(low, end)
            if cursor.next_offset < to:
                self._note(Lost(*partition, cursor.next_offset, to, "it expired before it was replayed"))
                moves.append(self._move(partition, to))
        if moves:
            # Under the fence of the cursors: one that lost the schema takes nothing back that its heir has noted.
            with self._connection.transaction():
                lock_state(self._connection)
                put_state(self._connection, self._starts, self._lost)
                self._advance(moves)

    def _pass_over_ends(self, until: Mapping[Partition, int]) -> None:
        """What stands before the end and is no record (a transaction's marker, a compacted one) is passed."""
        moves = [self._move(p, end) for p, end in until.items() if self._positions[p].next_offset < end]
        if moves:
            self._advance(moves)

    def _move(self, partition: Partition, to: int) -> CursorMove:
        cursor = self._positions[partition]
        return CursorMove(*partition, cursor.next_offset, cursor.epoch, cursor.topic_id, to, None, None)

    def _advance(self, moves: list[CursorMove]) -> None:
        self._writer.write(Batch(Fold(), [], moves, list))
        for move in moves:
            partition = Partition(move.topic, move.partition)
            cursor = self._positions[partition]
            self._positions.put(partition, cursor._replace(next_offset=move.next_offset), move.next_offset)

    # --- reading and writing ----------------------------------------------------------------------------------------

    def _read(self, until: Mapping[Partition, int], *, hurry: bool) -> None:
        if self._total == 0:
            return
        self._share.begin(hurry=hurry)
        heard = time.monotonic()
        try:
            with LogReader(self._config.kafka, self._config.group, self.position, until) as reader:
                while not reader.done:
                    if self._config.stop.is_set():
                        raise Stopped(f"stopped: run it again, and schema {self._config.schema} goes on from here")
                    messages = reader.take(self._config.batch_records, 0 if self._under_way else POLL_S)
                    if messages:
                        heard = time.monotonic()
                        self._go_on(reader, messages)
                    else:
                        self._finish()
                        if time.monotonic() - heard > SILENT_S:
                            raise KafkaUnreachable(f"no record came for {SILENT_S:g} s, and more are there")
                self._finish()
        except BaseException:
            # What is under way ends by itself, and its outcome is in the cursor rows.
            wait([future for future, _ in self._under_way])
            self._under_way.clear()
            self._take_rows()
            raise

    def _go_on(self, reader: LogReader, messages: list[Message]) -> None:
        runs, seeks, passed = self._positions.fit(messages)
        for partition, offset in seeks.items():
            reader.seek(partition, offset)
        if passed:
            log.info("replay_offset_holes", offsets=passed)
        if not runs:
            return
        topic_ids = {run.partition: self._positions[run.partition].topic_id for run in runs}

        def records() -> list[Record]:
            return self._decoder.records((*run.partition, topic_ids[run.partition], run.messages) for run in runs)

        decoded = Decoded(self._recent)
        for run in runs:
            self._decoder.decode_run(*run.partition, topic_ids[run.partition], run.messages, decoded)
        self._recent = decoded.fold.events
        self._check_accounts(decoded.accounts)
        batch = Batch(decoded.fold, decoded.dead_letters, self._positions.moves(runs), records, decoded.holdings)
        self._finish(leaving=MOST_UNDER_WAY - 1)
        prepared = _Prepared(batch, decoded, sum(len(run.messages) for run in runs))
        self._under_way.append((self._thread.submit(self._writer.write, batch), prepared))
        if self._share.live_is_behind:
            self._finish()
        self._share.rest(self._config.stop)

    def _finish(self, *, leaving: int = 0) -> None:
        """Wait until no more than `leaving` batches are under way. Raises what a write raised."""
        while len(self._under_way) > leaving:
            future, prepared = self._under_way[0]
            try:
                future.result()
            except FencedError:
                raise FencedError(
                    f"another replay, diff or promote has taken schema {self._config.schema}: this one has ended; "
                    "nothing was written twice"
                ) from None
            self._under_way.popleft()
            self._positions.advanced(prepared.batch.moves)
            self.no_statement.update(prepared.decoded.no_statement)
            self.records += prepared.records
            self._done += prepared.records
            self._progress(min(self._done, self._total), self._total)

    def _take_rows(self) -> None:
        """After a failure: the positions that the rows say, where they can still be read."""
        self._recent = {}
        try:
            rows = self._cursors.read()
        except Exception as error:  # noqa: BLE001 - the failure that is under way says more
            log.info("replay_cursors_not_read", why=type(error).__name__)
            return
        for partition in list(self._positions):
            row, top = rows.get((partition.topic, partition.partition), (None, 0))
            if row is not None and row.owner == self._positions[partition].owner:
                self._positions.put(partition, row, top)

    def _check_accounts(self, accounts: set[str]) -> None:
        if accounts <= self._accounts:
            return
        self._finish()
        self._accounts = set(self._cursors.accounts())
        for account in sorted(accounts - self._accounts):
            raise WrongAccount(
                f"the log holds records of account {account}, which is not pinned in schema "
                f"{self._config.live_schema}: check the topic prefix and the database"
            )

    def _close_rest(self) -> None:
        self._thread.shutdown(wait=True)
        self._share.close()
        self._admin.close()
