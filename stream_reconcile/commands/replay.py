"""`stream-reconcile replay`: the log run again into a second schema, compared with the live one, promoted, dropped."""

from __future__ import annotations

import getpass
import socket
import sys
import time
import uuid
from typing import Annotated, Any

import typer

from stream_reconcile.commands import replay_output as shown
from stream_reconcile.commands.output import console, print_json
from stream_reconcile.commands.postgres import failures_in_plain_words, opened
from stream_reconcile.commands.progress import progress_of
from stream_reconcile.commands.servers import Servers, codec_factory, role_names, servers_to_look_at, topics
from stream_reconcile.commands.start import settings_for_a_report
from stream_reconcile.config import Settings
from stream_reconcile.core.errors import ConfigError
from stream_reconcile.core.replay.until import Moment, Offsets, parse_moment, parse_offsets, parse_until
from stream_reconcile.jobs.apply.member import tune_interpreter
from stream_reconcile.jobs.replay.compare import comparison
from stream_reconcile.jobs.replay.config import DEFAULT_SHARE, ReplayConfig
from stream_reconcile.jobs.replay.places import end_offsets, log_now
from stream_reconcile.jobs.replay.promote import promote
from stream_reconcile.jobs.replay.run import Replay
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.store.connect import check_schema_name
from stream_reconcile.store.replay_schema import drop

LISTED = 20
"""Differences that are listed unless all are asked for."""

Schema = Annotated[str | None, typer.Option(metavar="SCHEMA")]


def replay(  # noqa: PLR0913, PLR0917 - each is an option of the command
    into: Annotated[str | None, typer.Option(metavar="SCHEMA", help="Apply the log to this schema.")] = None,
    diff: Annotated[str | None, typer.Option(metavar="SCHEMA", help="Compare it with the live one.")] = None,
    promote_: Annotated[
        str | None, typer.Option("--promote", metavar="SCHEMA", help="Put its tables in the place of the live ones.")
    ] = None,
    drop_: Annotated[str | None, typer.Option("--drop", metavar="SCHEMA", help="Drop it.")] = None,
    until: Annotated[
        str,
        typer.Option(metavar="PLACE", help="--into: now, TOPIC:PARTITION:OFFSET,… (others: now), or a time."),
    ] = "now",
    from_offsets: Annotated[
        str | None,
        typer.Option(
            metavar="OFFSETS", help="--into, new: begin at TOPIC:PARTITION:OFFSET,… (others: the first record)."
        ),
    ] = None,
    from_datetime: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="--into, new: begin at the first record of this time."),
    ] = None,
    share: Annotated[
        float,
        typer.Option(
            metavar="PART", min=0, max=0.99, help="Share of its throughput that live apply keeps while it is behind."
        ),
    ] = DEFAULT_SHARE,
    every: Annotated[bool, typer.Option("--all", help="--diff: list every difference.")] = False,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="--diff: how long to wait for live apply.")
    ] = 60,
    reason: Annotated[str, typer.Option(metavar="WHY", help="--promote: why; kept in operator_actions.")] = "",
    who: Annotated[str | None, typer.Option(metavar="NAME", help="--promote: who (default: user@host).")] = None,
    accept_lost: Annotated[
        bool, typer.Option("--accept-lost", help="--promote: although the log no longer holds all records.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, of the shape in docs/json.")] = False,
) -> None:
    """Rebuild all derived tables from the log in a second schema, compare them with the live ones, put them in place.

    Say one of --into, --diff, --promote and --drop. Live apply goes on beside it and keeps its --share.
    """
    chosen = [name for name in (into, diff, promote_, drop_) if name is not None]
    if len(chosen) != 1:
        raise ConfigError("say one of --into, --diff, --promote and --drop, each with the name of a schema")
    schema = check_schema_name(chosen[0])
    since = _since(from_offsets, from_datetime)
    place = parse_until(until)
    name = (who or f"{getpass.getuser()}@{socket.gethostname()}").strip()
    if promote_ is not None and not (reason.strip() and name):
        raise ConfigError("say why the replay is promoted, and by whom: --reason and --who may not be empty")
    settings = settings_for_a_report()
    with servers_to_look_at(settings) as servers, failures_in_plain_words(servers):
        with opened(servers, settings.schema_, "replay"):
            pass  # says what is wrong with the live schema before anything is made of it
        config = _config(settings, servers, schema, share)
        tune_interpreter()
        if into is not None:
            status = _into(config, settings, since, place, as_json=as_json)
        elif diff is not None:
            status = _diff(config, settings, every=every, wait_s=wait, as_json=as_json)
        elif promote_ is not None:
            status = _promote(config, settings, name, reason.strip(), accept_lost=accept_lost, as_json=as_json)
        else:
            status = _drop(config, as_json=as_json)
    raise typer.Exit(status)


def _since(from_offsets: str | None, from_datetime: str | None) -> Offsets | Moment | None:
    if from_offsets is not None and from_datetime is not None:
        raise ConfigError("--from-offsets and --from-datetime say the same thing twice: leave one out")
    if from_offsets is not None:
        return parse_offsets(from_offsets, option="--from-offsets")
    return None if from_datetime is None else parse_moment(from_datetime, option="--from-datetime")


def _config(settings: Settings, servers: Servers, schema: str, share: float) -> ReplayConfig:
    return ReplayConfig(
        kafka=servers.kafka,
        dsn=servers.dsn,
        live_schema=settings.schema_,
        schema=schema,
        group=settings.consumer_group,
        topics=topics(settings),
        roles=role_names(settings),
        share=share,
    )


def _into(
    config: ReplayConfig, settings: Settings, since: Offsets | Moment | None, until: Any, *, as_json: bool
) -> int:
    begun = time.monotonic()
    with KafkaAdmin(config.kafka) as admin:
        ends = end_offsets(admin, log_now(admin, config.topics), until)
    with (
        progress_of(f"replay into {config.schema}") as progress,
        Replay(
            config, codec_factory(settings)(), owner=f"replay-{uuid.uuid4()}", since=since, progress=progress
        ) as job,
    ):
        resumed = job.position
        job.to(ends)
        report = shown.into_json(config, job, resumed, time.monotonic() - begun)
    if as_json:
        print_json(report)
    else:
        shown.show_into(console(), report)
    return 1 if report["lost"] else 0


def _diff(config: ReplayConfig, settings: Settings, *, every: bool, wait_s: float, as_json: bool) -> int:
    said: set[str] = set()

    def waiting(why: str) -> None:
        if why not in said:
            said.add(why)
            sys.stderr.write(f"waiting: {why}\n")

    with (
        progress_of(f"replay into {config.schema}") as progress,
        comparison(config, codec_factory(settings)(), progress=progress, waiting=waiting, wait_s=wait_s) as compared,
    ):
        if as_json:
            count = shown.print_diff_json(config, compared)
        else:
            count = shown.show_diff(console(), config, compared, limit=None if every else LISTED)
    return 1 if count else 0


def _promote(config: ReplayConfig, settings: Settings, who: str, why: str, *, accept_lost: bool, as_json: bool) -> int:
    with progress_of(f"replay into {config.schema}") as progress:
        done = promote(config, codec_factory(settings)(), who=who, why=why, accept_lost=accept_lost, progress=progress)
    report = {
        "schema": config.schema,
        "live_schema": config.live_schema,
        "action_id": done.action_id,
        "before": done.before,
        "after": done.after,
        "old_tables_in": config.schema,
    }
    if as_json:
        print_json(report)
    else:
        shown.show_promoted(console(), config, done)
    return 0


def _drop(config: ReplayConfig, *, as_json: bool) -> int:
    state = drop(config.dsn, config.live_schema, config.schema)
    if as_json:
        print_json({"schema": config.schema, "dropped": True, "was_live": state.promoted_at is not None})
    else:
        console().print(f"Schema {config.schema} is gone.")
    return 0
