"""`stream-reconcile verify`: sealed checkpoints derived again from the log, and the live rows held against it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from stream_reconcile.commands.output import console, print_json, table
from stream_reconcile.commands.postgres import failures_in_plain_words, opened
from stream_reconcile.commands.progress import progress_of
from stream_reconcile.commands.servers import codec_factory, role_names, servers_to_look_at, topics
from stream_reconcile.commands.start import settings_for_a_report
from stream_reconcile.core.errors import ConfigError
from stream_reconcile.jobs.apply.member import tune_interpreter
from stream_reconcile.jobs.replay.config import DEFAULT_SHARE, ReplayConfig
from stream_reconcile.jobs.verify.findings import Report
from stream_reconcile.jobs.verify.run import VerifyOptions
from stream_reconcile.jobs.verify.run import verify as run_verify
from stream_reconcile.store import proofs
from stream_reconcile.store.connect import check_schema_name


def verify(
    first: Annotated[int, typer.Option("--from", min=1, metavar="CHECKPOINT", help="From this checkpoint on.")] = 1,
    account: Annotated[
        str | None, typer.Option(metavar="ID", help="Of this account; needed where several have checkpoints.")
    ] = None,
    rows: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Begin with rows that --export wrote, in place of the log before."),
    ] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the rows at the newest checkpoint there, if all holds.")
    ] = None,
    checks: Annotated[
        int, typer.Option(metavar="N", min=1, help="At how many checkpoints the rows are derived, at most.")
    ] = 10,
    schema: Annotated[
        str, typer.Option(metavar="SCHEMA", help="Schema to derive them in; it is made, and dropped at the end.")
    ] = "verify",
    share: Annotated[
        float,
        typer.Option(
            metavar="PART", min=0, max=0.99, help="Share of its throughput that live apply keeps while it is behind."
        ),
    ] = DEFAULT_SHARE,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, of the shape in docs/json.")] = False,
) -> None:
    """Whether sealed checkpoints, the log and the rows still say the same; what was altered or is gone is named.

    It prints the newest hash: kept where nobody can who may write here, it vouches for all before it.
    """
    settings = settings_for_a_report()
    with servers_to_look_at(settings) as servers, failures_in_plain_words(servers):
        with opened(servers, settings.schema_, "verify") as connection:
            known = proofs.accounts(connection)
        if account is None and len(known) != 1:
            raise ConfigError(
                f"say which account: {', '.join(known)}"
                if known
                else "there are no checkpoints yet: a deep sweep seals one"
            )
        config = ReplayConfig(
            kafka=servers.kafka,
            dsn=servers.dsn,
            live_schema=settings.schema_,
            schema=check_schema_name(schema),
            group=settings.consumer_group,
            topics=topics(settings),
            roles=role_names(settings),
            share=share,
        )
        options = VerifyOptions(first=first, checks=checks, rows=rows, export=export)
        tune_interpreter()
        with progress_of(f"replay into {config.schema}") as progress:
            report = run_verify(config, codec_factory(settings)(), account or known[0], options, progress=progress)
    if as_json:
        print_json(verify_json(report))
    else:
        _show(report)
    raise typer.Exit(1 if report.found else 0)


def verify_json(report: Report) -> dict[str, Any]:
    """The shape of docs/json/verify.schema.json."""
    found = [{"what": one.what.value, "seq": one.seq, "subject": one.subject, "why": one.why} for one in report.found]
    return asdict(report) | {"found": found}


def _show(report: Report) -> None:
    out = console()
    if report.found:
        rows = table("WHAT", "CHECKPOINT", "SUBJECT", "WHY", right=("CHECKPOINT",))
        for one in report.found:
            rows.add_row(one.what.value, "-" if one.seq is None else str(one.seq), one.subject, one.why)
        out.print(rows)
    checked = ", ".join(map(str, report.checked_rows)) or "none"
    out.print(f"account {report.account_id}: {report.checkpoints} checkpoints, {report.first} to {report.last}")
    out.print(f"{report.records} records hold what was sealed; rows derived again at checkpoints: {checked}")
    if report.live_rows is not None:
        out.print(f"{report.live_rows} live rows compared")
    if report.exported is not None:
        out.print(f"rows at checkpoint {report.last} are in {report.exported}")
    out.print(f"newest hash {report.head}: keep it where nobody who may write here can")
    out.print("all holds" if not report.found else f"{len(report.found)} things do not hold")
