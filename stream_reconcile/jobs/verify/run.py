"""One verification: the chain, its copy, the log, the rows at checkpoints, the live rows, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stream_reconcile.core.errors import ConfigError, LogReplaced
from stream_reconcile.core.seal import Checkpoint
from stream_reconcile.jobs.replay.config import Progress, ReplayConfig
from stream_reconcile.jobs.verify.chain import check_chain, check_copies, check_log
from stream_reconcile.jobs.verify.exported import read_rows, write_rows
from stream_reconcile.jobs.verify.findings import Report, What
from stream_reconcile.jobs.verify.rows import check_live, check_rows, chosen, derive
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.codec import Codec
from stream_reconcile.store import proofs
from stream_reconcile.store.connect import connect
from stream_reconcile.store.replay_schema import drop


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What to verify. `first`: from which checkpoint on; `checks`: at how many of them the rows are derived; `rows`:
    folder with exported rows, to begin at; `export`: folder to write the rows of the newest to."""

    first: int = 1
    checks: int = 10
    rows: Path | None = None
    export: Path | None = None
    wait_s: float = 60.0


def verify(
    config: ReplayConfig,
    codec: Codec,
    account_id: str,
    options: VerifyOptions,
    *,
    progress: Progress = lambda _done, _total: None,
) -> Report:
    """Verify an account's checkpoints. The replay's schema is made for it, and dropped at the end, whatever happens.

    Raises ConfigError (nothing to verify, no such export) and what is below it; what does not hold is in the report.
    """
    report = Report(account_id)
    with connect(config.dsn, config.live_schema, name="stream-reconcile verify") as connection:
        stored = proofs.chain(connection, account_id, first=options.first)
    if not stored:
        raise ConfigError(
            f"account {account_id} has no checkpoint from {options.first} on: deep sweeps that prove equality seal them"
        )
    report.checkpoints, report.first, report.last = len(stored), stored[0].seq, stored[-1].seq
    report.head = stored[-1].hash
    good = check_chain(stored, report, first=options.first)
    check_copies(config.kafka, config.group, config.topics.proofs, codec, stored, report, config.stop)
    check_log(config.kafka, config.group, good, report, config.stop)
    if good and not config.stop.is_set():
        _drop_left_over(config)
        try:
            _rows(config, codec, good, options, report, progress)
        finally:
            _drop_left_over(config)
    return report


def _rows(
    config: ReplayConfig,
    codec: Codec,
    checkpoints: list[Checkpoint],
    options: VerifyOptions,
    report: Report,
    progress: Progress,
) -> None:
    if options.rows is not None:
        with KafkaAdmin(config.kafka) as admin:
            begin = read_rows(config, options.rows, admin.cluster().cluster_id)
        sealed = next((one for one in checkpoints if one.seq == begin.seq), None)
        if begin.account_id != report.account_id or sealed is None or sealed.hash != begin.hash:
            raise ConfigError(
                f"{options.rows} holds rows of another checkpoint than those verified: see --account, --from"
            )
        if not check_rows(config, sealed, report):
            return
        checkpoints = [one for one in checkpoints if one.seq > begin.seq]
    try:
        whole = derive(config, codec, chosen(checkpoints, options.checks), report, progress)
    except LogReplaced as error:
        report.add(What.CUT, None, "the log", str(error))
        return
    if not whole:
        return
    if options.export is not None and not report.found and checkpoints:
        write_rows(config, checkpoints[-1], options.export)
        report.exported = str(options.export)
    check_live(config, codec, report, progress, options.wait_s)


def _drop_left_over(config: ReplayConfig) -> None:
    """The schema of a verification, of this one or of one that was killed."""
    with connect(config.dsn, config.live_schema, name="stream-reconcile verify") as connection:
        there = connection.execute(
            "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", [config.schema]
        ).fetchone()
    if there is not None:
        drop(config.dsn, config.live_schema, config.schema)
