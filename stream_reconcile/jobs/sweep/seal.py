"""Sealing: after a deep sweep that proved equality, a checkpoint of the rows, in Postgres and on the topic `proofs`.

In a thread of its own, so that no sweep waits for it, and no more than a twentieth of the time: where digesting all
rows takes 10 s, there is a checkpoint every 200 s at most.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from types import TracebackType
from typing import NamedTuple, Self

import psycopg
import structlog

from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.core.seal import FIRST, BrokerSeal, Checkpoint, StretchSeal
from stream_reconcile.jobs.sweep import proof_copies
from stream_reconcile.jobs.sweep.config import SweepConfig
from stream_reconcile.jobs.sweep.metrics import SweepMetrics
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.codec import Codec
from stream_reconcile.log.log_digests import log_digests
from stream_reconcile.log.topics import Partition
from stream_reconcile.store import proofs
from stream_reconcile.store.connect import connect, connect_snapshot
from stream_reconcile.store.leases import Lease
from stream_reconcile.store.migrations import current_version, expected_version
from stream_reconcile.store.replay_schema import Coverage, coverage
from stream_reconcile.store.sealed_rows import count_open_letters, seal_tables

log = structlog.get_logger()


class Proven(NamedTuple):
    """A sweep that proved the rows equal to the broker."""

    sweep_id: str
    kind: str
    at: datetime
    broker: BrokerSeal


class Sealer:
    """Of one account, as long as its sweep lease is held. A context manager."""

    def __init__(
        self,
        config: SweepConfig,
        account_id: str,
        lease: Lease,
        codec: Codec,
        metrics: SweepMetrics,
        halt: threading.Event,
    ) -> None:
        self._config, self._account_id, self._lease = config, account_id, lease
        self._codec, self._metrics, self._halt = codec, metrics, halt
        self._told = threading.Condition()
        self._waiting: Proven | None = None
        self._closed = self._taken_back = False
        self._next_s = 0.0
        self._thread = threading.Thread(target=self._work, name="sweep-seal", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._told:
            self._closed = True
            self._told.notify_all()
        self._thread.join(self._config.timing.lease_s)

    def offer(self, proven: Proven) -> None:
        """This is proven: seal it, unless it is too soon. Returns at once."""
        with self._told:
            self._waiting = proven
            self._told.notify_all()

    def _work(self) -> None:
        while True:
            with self._told:
                self._told.wait_for(lambda: self._closed or self._waiting is not None)
                proven, self._waiting = self._waiting, None
                if self._closed or proven is None:
                    return
            began = time.monotonic()
            if began < self._next_s:
                continue
            try:
                self._seal(proven)
            except (ReconcileError, psycopg.Error, ValueError) as error:
                why = str(error) if isinstance(error, ReconcileError) else type(error).__name__
                log.warning("checkpoint_not_sealed", account_id=self._account_id, why=why)
            except Exception:
                # Left alone it would end this thread, and nobody would see that nothing is sealed any more.
                log.exception("checkpoint_not_sealed", account_id=self._account_id)
            self._next_s = began + self._config.timing.seal_every * (time.monotonic() - began)

    def _seal(self, proven: Proven) -> None:
        config, account_id = self._config, self._account_id
        with connect_snapshot(config.dsn, config.schema, name="stream-reconcile seal") as snapshot:
            places = coverage(snapshot, config.group)
            if any(place.next_offset < place.offset for place in places.values()):
                return  # a rewind reads again what is in the rows: they are those of no one place
            if current_version(snapshot, config.schema) != expected_version():
                # There may be columns that this version fills with nothing, and can't derive again.
                log.info("checkpoint_waits", account_id=account_id, why="the schema is newer than this program")
                return
            ((sealed_at,),) = snapshot.execute("SELECT now()").fetchall()
            tables = seal_tables(snapshot, config.schema, account_id)
            letters = count_open_letters(snapshot, account_id)
        with connect(config.dsn, config.schema, name="stream-reconcile seal") as connection:
            if not self._taken_back:
                proof_copies.take_back(config, self._codec, self._lease, connection, self._halt)
                self._taken_back = True
            known = proofs.newest(connection, account_id)
            before = None if known is None else known[0]
            stretches = self._stretches(places, before)
            if self._halt.is_set():
                return
            checkpoint = Checkpoint(
                account_id=account_id,
                seq=1 if before is None else before.seq + 1,
                previous=FIRST if known is None else known[1],
                sweep_id=proven.sweep_id,
                kind=proven.kind,
                proven_equal_at=_text(proven.at),
                sealed_at=_text(sealed_at),
                program=config.program,
                tables=tables,
                log=stretches,
                broker=proven.broker,
                open_dead_letters=letters,
            )
            proofs.add(connection, checkpoint, self._lease)
            self._metrics.sealed.labels(account_id).set(sealed_at.timestamp())
            log.info("checkpoint_sealed", account_id=account_id, seq=checkpoint.seq, hash=checkpoint.hash)
            proof_copies.publish(config, self._codec, account_id, connection)

    def _stretches(self, places: dict[tuple[str, int], Coverage], before: Checkpoint | None) -> dict[str, StretchSeal]:
        """Digests of the log from the checkpoint before to the place of the rows."""
        ends = {Partition(*place): at.offset for place, at in places.items()}
        with KafkaAdmin(self._config.kafka) as admin:
            lows = {partition: marks.low for partition, marks in admin.watermarks(sorted(ends)).items()}
        starts: dict[Partition, int] = {}
        for partition, end in ends.items():
            sealed = before.log.get(f"{partition.topic}:{partition.partition}") if before is not None else None
            same = sealed is not None and sealed.topic_id == places[partition].topic_id
            # What expired before it was sealed is missing from the chain, and verify says so.
            starts[partition] = min(end, max(sealed.next if sealed is not None and same else 0, lows.get(partition, 0)))
        digests = log_digests(self._config.kafka, self._config.group, starts, ends, self._halt)
        return {
            f"{partition.topic}:{partition.partition}": StretchSeal(
                starts[partition], ends[partition], places[partition].topic_id, digests[partition]
            )
            for partition in sorted(ends)
        }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
