"""`stream-reconcile lag`: how far apply is behind, per partition; once, or again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer

from stream_reconcile.commands.lag_watch import watch as keep_looking
from stream_reconcile.commands.output import console, print_json, seconds, table
from stream_reconcile.commands.postgres import failures_in_plain_words, opened
from stream_reconcile.commands.servers import Servers, servers_to_look_at, topics
from stream_reconcile.commands.start import settings_for_a_report
from stream_reconcile.config import Settings
from stream_reconcile.core.lag_state import LagState
from stream_reconcile.jobs.lag import STALLED_AFTER_S, LagReader, LagReport

# Between two looks that tell a cursor that moves from one that does not.
_LOOK_AGAIN_S: Final = 1.0


def lag(
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(metavar="SECONDS", help="Between two looks of --watch.", min=0.1)] = 2.0,
    fail_over: Annotated[
        int | None,
        typer.Option(
            metavar="RECORDS",
            help="Exit status 1 if more records than this are behind in all, whatever their age.",
            min=0,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, of the shape in docs/json.")] = False,
) -> None:
    """Records and seconds that are not applied yet, from the database cursor. Needs no running job.

    Bad news is a partition that is behind by more than RECONCILE_LAG_LIMIT_SECONDS (unless it was rewound), or has lost
    its position. With --fail-over the number of records counts instead of the seconds; --watch ends there.
    """
    settings = settings_for_a_report()

    def is_over(report: LagReport) -> bool:
        return fail_over is not None and report.records > fail_over

    with servers_to_look_at(settings) as servers:
        if watch:
            with _reader(settings, servers, stalled_after_s=STALLED_AFTER_S) as reader:
                shape = lag_json if as_json else None
                report = keep_looking(reader.read, every, render=_text, as_json=shape, is_over=is_over)
        else:
            report = read_lag(settings, servers)
    if as_json and not watch:
        print_json(lag_json(report))
    elif not watch:
        console().print(_text(report))
    if fail_over is None:
        raise typer.Exit(1 if report.is_bad_news else 0)
    lost = any(part.state is LagState.LOST for part in report.partitions)
    raise typer.Exit(1 if lost or is_over(report) else 0)


def read_lag(settings: Settings, servers: Servers) -> LagReport:
    """Lag now, with a second look where the first leaves open whether a cursor moves."""
    with _reader(settings, servers, stalled_after_s=_LOOK_AGAIN_S) as reader:
        report = reader.read()
        if any(part.state in (LagState.WARN, LagState.REWIND) for part in report.partitions):
            time.sleep(_LOOK_AGAIN_S)  # whether a cursor moves takes two looks
            report = reader.read()
    return report


@contextmanager
def _reader(settings: Settings, servers: Servers, *, stalled_after_s: float) -> Iterator[LagReader]:
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
            stalled_after_s=stalled_after_s,
        ) as reader,
    ):
        yield reader


def lag_json(report: LagReport) -> dict[str, Any]:
    """The shape of docs/json/lag.schema.json."""
    names = ("topic", "partition", "next_offset", "end_offset", "lag", "lag_seconds", "state")
    return {
        "group": report.group,
        "partitions": [{name: getattr(part, name) for name in names} for part in report.partitions],
    }


def _text(report: LagReport) -> str:
    if not report.partitions:
        return "There are no topics yet: `stream-reconcile run` makes them."
    numbers = ("PARTITION", "NEXT", "END", "LAG", "SECONDS")
    rows = table("TOPIC", *numbers, "STATE", right=numbers)
    for part in report.partitions:
        offsets = (str(offset) if offset >= 0 else "-" for offset in (part.next_offset, part.end_offset))
        rows.add_row(
            part.topic, str(part.partition), *offsets, str(part.lag), seconds(part.lag_seconds), part.state.value
        )
    out = console()
    with out.capture() as shown:
        out.print(rows)
    again = sum(part.rewound for part in report.partitions)
    rewound = f"; {again} of them a rewind has set to be applied again" if again else ""
    return f"{shown.get()}\n{report.group}: {report.records} records, {seconds(report.seconds)} s behind{rewound}"
