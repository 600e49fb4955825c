"""`stream-reconcile check`: is everything reachable and configured right, in plain words. It changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Annotated

import typer

from stream_reconcile.commands.check.broker import check_broker
from stream_reconcile.commands.check.findings import Finding, Level, attempt, exit_status
from stream_reconcile.commands.check.kafka import check_kafka, check_registry
from stream_reconcile.commands.check.postgres import check_postgres
from stream_reconcile.commands.output import console, print_json
from stream_reconcile.commands.servers import has_embedded_data, servers_to_look_at
from stream_reconcile.commands.start import program_version, settings_for_a_report
from stream_reconcile.config import Settings, unknown_variables
from stream_reconcile.core.errors import ReconcileError

_MARKS = {
    Level.OK: "ok  ",
    Level.WARNING: "warn",
    Level.BAD: "BAD ",
    Level.WRONG: "WRONG",
    Level.UNREACHABLE: "AWAY",
}


def check(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, of the shape in docs/json.")] = False,
) -> None:
    """Say in plain words what is wrong with settings, broker, Kafka, Postgres and clocks.

    It changes nothing but the schema registry, where there is one: that learns our schemas.
    """
    settings = settings_for_a_report()
    findings: list[Finding] = []
    for finding in look_at_everything(settings):
        findings.append(finding)
        if not as_json:
            console().print(f"{_MARKS[finding.level]:5} {finding.part:9} {finding.message}")
    status = exit_status(findings)
    if as_json:
        rows = [{"part": f.part, "level": f.level.value, "message": f.message} for f in findings]
        print_json({"exit_status": status, "findings": rows})
    raise typer.Exit(status)


def look_at_everything(settings: Settings) -> Iterator[Finding]:
    """All findings, each as soon as it is known."""
    yield from _check_settings(settings)
    accounts: dict[str, str] = {}  # name in the settings, by account id
    yield from attempt("broker", check_broker, settings, accounts)
    no_servers = settings.kafka_bootstrap_servers is None and settings.database_url is None
    if no_servers and settings.embedded is not False and not has_embedded_data(settings.data_path):
        yield Finding(
            Level.OK,
            "servers",
            f"none configured: `run` with all roles starts its own, with data in {settings.data_path}",
        )
        return
    with ExitStack() as stack:
        try:
            servers = stack.enter_context(servers_to_look_at(settings))
        except ReconcileError as error:
            yield Finding.of("servers", error)
            return
        yield from attempt("kafka", check_kafka, settings, servers)
        yield from attempt("registry", check_registry, settings)
        yield from attempt("postgres", check_postgres, settings, servers, accounts)


def _check_settings(settings: Settings) -> Iterator[Finding]:
    yield Finding(Level.OK, "settings", f"stream-reconcile {program_version()}: they can be read")
    for name, meant in unknown_variables().items():
        if meant:
            yield Finding(Level.WARNING, "settings", f"{name} is no setting of ours: did you mean {meant}?")
    if not settings.listen.is_loopback and settings.http_token is None:
        yield Finding(
            Level.WARNING,
            "settings",
            f"RECONCILE_HTTP_ADDR={settings.http_addr} can be reached from other machines and RECONCILE_HTTP_TOKEN is "
            "not set: only /livez and /readyz will answer",
        )
    if settings.retention_ms != -1:
        yield Finding(
            Level.WARNING,
            "settings",
            f"RECONCILE_RETENTION_MS={settings.retention_ms}: no replay can rebuild what is older; -1 keeps all",
        )
