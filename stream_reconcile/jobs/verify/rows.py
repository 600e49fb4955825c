"""The rows: the log applied once more, digested at checkpoints, and the live rows held against what it gives."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from stream_reconcile.core.seal import Checkpoint
from stream_reconcile.jobs.replay.compare import Difference, comparison
from stream_reconcile.jobs.replay.config import Progress, ReplayConfig
from stream_reconcile.jobs.replay.run import Replay
from stream_reconcile.jobs.verify.findings import Report, What
from stream_reconcile.log.codec import Codec
from stream_reconcile.log.topics import Partition
from stream_reconcile.store.connect import connect_snapshot
from stream_reconcile.store.sealed_rows import seal_tables

MOST_LISTED = 1_000


def chosen(checkpoints: Sequence[Checkpoint], most: int) -> list[Checkpoint]:
    """At most so many of them, evenly spread, the last one always."""
    if len(checkpoints) <= most:
        return list(checkpoints)
    step = len(checkpoints) / most
    return [checkpoints[min(len(checkpoints), round(step * (number + 1))) - 1] for number in range(most)]


def place_of(checkpoint: Checkpoint) -> dict[Partition, int]:
    """Where the log had been applied to."""
    return {
        Partition(place.rpartition(":")[0], int(place.rpartition(":")[2])): at
        for place, at in checkpoint.offsets.items()
    }


def derive(
    config: ReplayConfig, codec: Codec, checkpoints: Sequence[Checkpoint], report: Report, progress: Progress
) -> bool:
    """Apply the log up to each checkpoint in turn, and hold the rows against it. Whether all of the log was there.

    Ends at the first that differs: what is wrong there is wrong in all that follow. Raises as Replay.
    """
    with Replay(config, codec, owner=f"verify-{uuid.uuid4()}", progress=progress) as replay:
        for checkpoint in checkpoints:
            replay.to(place_of(checkpoint))
            if replay.lost:
                lost = replay.lost[0]
                report.add(
                    What.CUT,
                    checkpoint.seq,
                    f"{lost.topic}:{lost.partition}:{lost.first}-{lost.next - 1}",
                    "the log no longer holds these records: rows can't be derived from it alone. With rows that were "
                    "exported at a checkpoint behind them: verify --rows",
                )
                return False
            if not check_rows(config, checkpoint, report):
                return True
    return True


def check_rows(config: ReplayConfig, checkpoint: Checkpoint, report: Report) -> bool:
    """Digest the rows of the replay's schema as the checkpoint has them; whether they are the same."""
    with snapshot(config) as connection:
        try:
            columns = {name: seal.columns for name, seal in checkpoint.tables.items()}
            there = seal_tables(connection, config.schema, report.account_id, columns)
        except KeyError as error:
            why = f"this version has no {error.args[0]}: verify with the version that sealed it ({checkpoint.program})"
            report.add(What.DERIVED, checkpoint.seq, f"checkpoint {checkpoint.seq}", why)
            return False
    equal = True
    for name, sealed in checkpoint.tables.items():
        if there[name].digest != sealed.digest:
            equal = False
            why = f"the log gives {there[name].rows} rows, {sealed.rows} were sealed, and they differ"
            report.add(What.DERIVED, checkpoint.seq, f"table {name}", why)
    report.checked_rows.append(checkpoint.seq)
    return equal


def check_live(config: ReplayConfig, codec: Codec, report: Report, progress: Progress, wait_s: float) -> None:
    """Every live row against what the log gives, at one position. Raises as `comparison`."""
    with comparison(config, codec, progress=progress, wait_s=wait_s) as compared:
        for lost in compared.lost:
            subject = f"{lost.topic}:{lost.partition}:{lost.first}-{lost.next - 1}"
            report.add(What.CUT, None, subject, "its records are gone, and came after the newest checkpoint")
        if compared.lost:
            return
        report.live_rows = sum(table.live_rows for table in compared.tables)
        for number, one in enumerate(compared.differences()):
            if number == MOST_LISTED:
                report.add(What.LIVE, None, "more rows", f"more than {MOST_LISTED} differ: `replay --diff` lists all")
                return
            report.add(What.LIVE, None, f"{one.table} {' '.join(one.key.values())}", _told(one))


def _told(one: Difference) -> str:
    kind = {
        "only_live": "the row is in the live table, and the log gives none",
        "only_replay": "the row is missing from the live table, and the log gives one",
        "changed": f"{', '.join(sorted(one.columns))} are not what the log gives",
    }[one.kind]
    places = ", ".join(f"{place.topic}:{place.partition}:{place.offset}" for place in one.records)
    return f"{kind} (record {places})" if places else kind


@contextmanager
def snapshot(config: ReplayConfig) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the replay's schema that may read for long."""
    with connect_snapshot(config.dsn, config.schema, name="stream-reconcile verify") as connection:
        yield connection
