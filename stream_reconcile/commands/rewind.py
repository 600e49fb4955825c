"""`stream-reconcile rewind`: have stretches of the log applied again, while the group runs; and take that back."""

from __future__ import annotations

import getpass
import socket
from typing import Annotated, Any, Final

import typer

from stream_reconcile.commands.output import console, print_json, table
from stream_reconcile.commands.postgres import failures_in_plain_words, opened
from stream_reconcile.commands.rewind_wait import wait_for
from stream_reconcile.commands.servers import Servers, servers_to_look_at, topics
from stream_reconcile.commands.start import settings_for_a_report
from stream_reconcile.config import Settings
from stream_reconcile.core.errors import ConfigError
from stream_reconcile.core.rewind_target import How, chosen_topics, target
from stream_reconcile.jobs.rewind import Plan, Rewinder, require_possible
from stream_reconcile.jobs.rewind_report import rewind_json
from stream_reconcile.store.rewinds import Done

rewind = typer.Typer()

Who = Annotated[
    str | None, typer.Option(metavar="NAME", help="Who does it (default: user@host); kept with the database login.")
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the group has passed its old position.")]
Limit = Annotated[float, typer.Option(metavar="SECONDS", help="Wait at most so long.", min=1)]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, of the shape in docs/json.")]

_WAIT_S: Final = 600.0


@rewind.callback(invoke_without_command=True)
def rewind_to(  # noqa: PLR0913, PLR0917 - one parameter for each option
    context: typer.Context,
    topic: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOPIC",
            help="t, t:p or t:p,p with or without the prefix (repeatable). Default: all that apply reads.",
        ),
    ] = None,
    to_offset: Annotated[int | None, typer.Option(metavar="OFFSET", help="To this offset.")] = None,
    to_datetime: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="To the first record of this time or later (ISO 8601; UTC without a zone)."),
    ] = None,
    by_duration: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="To the first record of so long ago or later: PT15M (ISO 8601), or 15m."),
    ] = None,
    shift_by: Annotated[int | None, typer.Option(metavar="N", help="So many records back: -100.")] = None,
    to_earliest: Annotated[bool, typer.Option("--to-earliest", help="To the first record that is there.")] = False,
    execute: Annotated[bool, typer.Option("--execute", help="Do it.")] = False,
    reason: Annotated[str | None, typer.Option(metavar="WHY", help="Why; needed with --execute, and kept.")] = None,
    who: Who = None,
    wait: Wait = True,
    timeout: Limit = _WAIT_S,
    as_json: AsJson = False,
) -> None:
    """Set cursors back, so that the log is applied again from there; never forward. No job has to be stopped.

    Without --execute it only shows the plan. Say one of --to-offset, --to-datetime, --by-duration, --shift-by and
    --to-earliest.
    """
    if context.invoked_subcommand is not None:
        if topic or execute or to_earliest or any(one is not None for one in (to_offset, to_datetime, by_duration)):
            raise ConfigError("options of `rewind` mean nothing to `rewind undo`: write its own after it")
        return
    if execute and not (reason or "").strip():
        raise ConfigError("--execute needs --reason: it is kept with who did it")
    settings = settings_for_a_report()
    asked: dict[str, object] = {
        How.OFFSET: to_offset,
        How.DATETIME: to_datetime,
        How.DURATION: by_duration,
        How.SHIFT: shift_by,
        How.EARLIEST: to_earliest,
    }
    named = topics(settings)
    chosen = chosen_topics(topic or (), prefix=named.prefix, applied=named.applied)
    with servers_to_look_at(settings) as servers, failures_in_plain_words(servers):
        rewinder = _rewinder(settings, servers)
        plan = rewinder.plan(target(asked, now_ms=rewinder.now_ms), chosen)
        done: Done | None = None
        waited = None
        if execute and plan.moves and not plan.refused:
            done = rewinder.execute(plan, who=_name(who), why=str(reason).strip())
            waited = wait_for(rewinder, done, plan, timeout) if wait else None
    _end(plan, done, waited, execute=execute, as_json=as_json)


@rewind.command("undo")
def undo(
    action: Annotated[
        int | None,
        typer.Argument(metavar="ACTION", min=1, max=2**63 - 1, help="Number of the rewind. Default: the newest."),
    ] = None,
    execute: Annotated[bool, typer.Option("--execute/--plan", help="Do it, or only say what it would do.")] = True,
    reason: Annotated[str, typer.Option(metavar="WHY", help="Why; kept.")] = "",
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Take a rewind back: cursors that have not come past where they stood go there at once, and never backward."""
    settings = settings_for_a_report()
    with servers_to_look_at(settings) as servers, failures_in_plain_words(servers):
        rewinder = _rewinder(settings, servers)
        plan = rewinder.plan_undo(action)
        done = None
        if execute and plan.moves and not plan.refused:
            done = rewinder.undo(plan, who=_name(who), why=reason.strip())
    _end(plan, done, None, execute=execute, as_json=as_json)


def _rewinder(settings: Settings, servers: Servers) -> Rewinder:
    with opened(servers, settings.schema_, "rewind"):
        pass  # says what is wrong with the schema before anything is asked of it
    return Rewinder(
        servers.dsn, settings.schema_, servers.kafka, group=settings.consumer_group, topics=topics(settings)
    )


def _name(who: str | None) -> str:
    name = (who or f"{getpass.getuser()}@{socket.gethostname()}").strip()
    if not name:
        raise ConfigError("--who may not be empty")
    return name


def _end(plan: Plan, done: Done | None, waited: dict[str, Any] | None, *, execute: bool, as_json: bool) -> None:
    report = rewind_json(plan, done, waited)
    if as_json:
        print_json(report)
    else:
        _show(report, execute=execute)
    if execute:
        require_possible(plan)
    raise typer.Exit(1 if plan.refused or (waited and waited["timed_out"]) else 0)


def _show(report: dict[str, Any], *, execute: bool) -> None:
    out = console()
    numbers = ("PARTITION", "FROM", "TO", "RECORDS")
    rows = table("TOPIC", *numbers, "TIME FROM", "TIME TO", "", right=numbers)
    for part in report["partitions"]:
        offsets = (str(part[name]) if part[name] >= 0 else "-" for name in ("old_offset", "new_offset"))
        moves = part["verdict"] == "moves"
        gone = part["no_longer_retained"]
        why = part["why"] if moves or not gone else f"{part['why']} ({gone} records gone)"
        rows.add_row(
            part["topic"],
            str(part["partition"]),
            *offsets,
            str(part["records"]),
            part["old_time"] or "(end)" if part["old_offset"] >= 0 else "-",
            (part["new_time"] or "(end)") if moves else "",
            ": ".join(text for text in ("" if moves else part["verdict"], why) if text),
        )
    out.print(rows)
    for note in report["notes"]:
        out.print(note)
    out.print(f"\n{report['group']}: {_summary(report, execute=execute)}")
    waited = report["waited"]
    if waited is not None:
        out.print(_waited_words(waited))


def _summary(report: dict[str, Any], *, execute: bool) -> str:
    moving = sum(part["verdict"] == "moves" for part in report["partitions"])
    if report["action"] == "undo":
        what = f"{report['records']} records of rewind {report['undoes']} are not read again"
    else:
        what = f"{report['records']} records of {moving} partitions are read again"
    if not report["possible"]:
        return "not possible as it is: nothing is moved. Leave out what is refused with --topic"
    if moving == 0:
        return "there is nothing to move"
    if report["executed"]:
        return f"{what}; recorded as action {report['action_id']}"
    about = ""
    if report["estimate"] is not None:
        about = f", in about {report['estimate']['seconds']:.0f} s ({report['estimate']['from']})"
    return f"{what}{about}. This is the plan: --execute does it" if not execute else what


def _waited_words(waited: dict[str, Any]) -> str:
    if not waited["group_has_members"]:
        return "no member is in the group: it is taken up when one starts (`stream-reconcile run --role apply`)"
    if waited["timed_out"]:
        return f"{waited['records']} records were read again when the time to wait was over; it goes on: see `lag`"
    return f"taken up after {waited['taken_up_seconds']:.2f} s, all read again after {waited['passed_seconds']:.2f} s"
