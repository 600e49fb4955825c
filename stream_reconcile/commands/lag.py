"""`stream-reconcile lag`: how far apply is behind, per partition."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from stream_reconcile.commands.output import console, print_json, seconds, table
from stream_reconcile.commands.postgres import failures_in_plain_words, opened
from stream_reconcile.commands.servers import Servers, servers_to_look_at, topics
from stream_reconcile.commands.start import settings_for_a_report
from stream_reconcile.config import Settings
from stream_reconcile.core.lag_state import LagState
from stream_reconcile.jobs.lag import LagReader, LagReport

# Between two looks that tell a cursor that moves from one that does not.
_LOOK_AGAIN_S = 1.0


def lag(as_json: Annotated[bool, typer.Option("--json", help="As JSON (docs/json/lag.schema.json).")] = False) -> None:
    """Records and seconds that are not applied yet, from the database cursor. Needs no running job.

    Exit status 1 if a partition is behind by more than RECONCILE_LAG_LIMIT_SECONDS (unless it was rewound), or has lost
    its position.
    """
    settings = settings_for_a_report()
    with servers_to_look_at(settings) as servers:
        report = read_lag(settings, servers)
    if as_json:
        print_json(lag_json(report))
    else:
        _show(report)
    raise typer.Exit(1 if report.is_bad_news else 0)


def read_lag(settings: Settings, servers: Servers) -> LagReport:
    """Lag now, with a second look where the first leaves open whether a cursor moves."""
    with opened(servers, settings.schema_, "lag"):
        pass  # says what is wrong with the schema before anything is asked of it
    with (
        failures_in_plain_words(servers),
        LagReader(
            servers.dsn,
            settings.schema_,
            servers.kafka,
            group=settings.consumer_group,
            topics=topics(settings),
            limit_seconds=settings.lag_limit_seconds,
            stalled_after_s=_LOOK_AGAIN_S,
        ) as reader,
    ):
        report = reader.read()
        if any(part.state in (LagState.WARN, LagState.REWIND) for part in report.partitions):
            time.sleep(_LOOK_AGAIN_S)
            report = reader.read()
    return report


def lag_json(report: LagReport) -> dict[str, Any]:
    """The shape of docs/json/lag.schema.json."""
    names = ("topic", "partition", "next_offset", "end_offset", "lag", "lag_seconds", "state")
    return {
        "group": report.group,
        "partitions": [{name: getattr(part, name) for name in names} for part in report.partitions],
    }


def _show(report: LagReport) -> None:
    out = console()
    if not report.partitions:
        out.print("There are no topics yet: `stream-reconcile run` makes them.")
        return
    numbers = ("PARTITION", "NEXT", "END", "LAG", "SECONDS")
    rows = table("TOPIC", *numbers, "STATE", right=numbers)
    for part in report.partitions:
        offsets = (str(offset) if offset >= 0 else "-" for offset in (part.next_offset, part.end_offset))
        rows.add_row(
            part.topic, str(part.partition), *offsets, str(part.lag), seconds(part.lag_seconds), part.state.value
        )
    out.print(rows)
    out.print(f"\n{report.group}: {report.records} records, {seconds(report.seconds)} s behind")
