"""`stream-reconcile sweep`: have the broker read and compared now, and say what came of it."""

from __future__ import annotations

import getpass
import threading
import time
from collections.abc import Callable
from typing import Annotated, Any, Final

import psycopg
import typer

from stream_reconcile.commands.output import console, print_json
from stream_reconcile.commands.postgres import opened
from stream_reconcile.commands.progress import patience_with
from stream_reconcile.commands.run_sweep import sweep_config
from stream_reconcile.commands.servers import Servers, codec_factory, servers_to_look_at
from stream_reconcile.commands.start import program_version, settings_for_a_report
from stream_reconcile.config import Settings
from stream_reconcile.core.errors import ConfigError, SweepIncomplete
from stream_reconcile.core.sweep.schedule import Kind
from stream_reconcile.jobs.sweep import SweepMetrics
from stream_reconcile.jobs.sweep.job import run_sweeps
from stream_reconcile.metrics import Metrics
from stream_reconcile.store import leases, readers, sweeps

_LOOK_S: Final = 0.2


def sweep(
    kind: Annotated[Kind, typer.Option(help="What to read: hot, deep, gap or full (docs/sweep.md).")] = Kind.DEEP,
    account: Annotated[str | None, typer.Option(metavar="ID", help="Account id, where there are several.")] = None,
    why: Annotated[str, typer.Option(metavar="WHY", help="Reason, kept in operator_actions.")] = "",
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long to wait for it; it goes on after that.", min=1)
    ] = 600,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, of the shape in docs/json.")] = False,
) -> None:
    """Have the broker read now and compared with the rows, wait for it, and say what is proven.

    The process that has the lease does it; where none has, this one does, and needs the key. Apply has to run.
    """
    settings = settings_for_a_report()
    with servers_to_look_at(settings) as servers, opened(servers, settings.schema_, "sweep") as connection:
        account_id = account_to_sweep(connection, account)
        action_id = sweeps.ask_for(connection, account_id, kind, who=getpass.getuser(), why=why)
        known = sweeps.orders_known(connection, account_id) if kind is Kind.FULL else None
        with patience_with(f"{kind.value} sweep") as show:

            def look() -> dict[str, Any] | None:
                if known is not None:  # only a full sweep says how far it is
                    done = sweeps.full_progress(connection, account_id)
                    show(done, max(done, known) if done else None)
                return sweeps.answer_of(connection, action_id)

            answer = _answer(settings, servers, connection, account_id, look, wait)
        open_now = [one for one in readers.agreement(connection) if one.account_id == account_id and one.blocked_by]
    blocked_by = open_now[0].blocked_by if open_now else []
    report = {"account_id": account_id, "kind": kind.value, **answer, "blocked_by": blocked_by}
    if as_json:
        print_json(report)
    else:
        _show(report)
    raise typer.Exit(0 if answer["proven_equal_at"] else 1)


def account_to_sweep(connection: psycopg.Connection, wanted: str | None) -> str:
    known = [account.account_id for account in readers.accounts(connection)]
    if wanted is None and len(known) == 1:
        return known[0]
    if wanted in known:
        return str(wanted)
    if not known:
        raise ConfigError("no account has been seen yet: let `stream-reconcile run` see it first")
    raise ConfigError(f"name one of the accounts with --account: {', '.join(known)}")


def _answer(
    settings: Settings,
    servers: Servers,
    connection: psycopg.Connection,
    account_id: str,
    look: Callable[[], dict[str, Any] | None],
    wait_s: float,
) -> dict[str, Any]:
    """Wait for the holder of the lease; be it where nobody is."""
    deadline, stop = time.monotonic() + wait_s, threading.Event()
    ours: threading.Thread | None = None
    try:
        while (answer := look()) is None:
            if time.monotonic() > deadline:
                raise SweepIncomplete(f"the sweep has not ended within {wait_s:g} s; it goes on where it runs")
            if ours is None and leases.holder(connection, "sweep", account_id) is None:
                ours = _sweeper(settings, servers, account_id, stop)
            time.sleep(_LOOK_S)
        return answer
    finally:
        stop.set()
        if ours is not None:
            ours.join(30)


def _sweeper(settings: Settings, servers: Servers, account_id: str, stop: threading.Event) -> threading.Thread:
    accounts = settings.require_accounts()
    mine = next((account for account in accounts if account.account_id == account_id), accounts[0])
    config = sweep_config(settings, mine, servers, sole=len(accounts) == 1)
    metrics = SweepMetrics(Metrics(program_version()).registry)

    def run() -> None:
        run_sweeps(config, codec_factory(settings), stop=stop, report=lambda _ready, _why: None, metrics=metrics)

    thread = threading.Thread(target=run, name="sweep", daemon=True)
    thread.start()
    return thread


def _show(report: dict[str, Any]) -> None:
    out = console()
    if report["proven_equal_at"]:
        out.print(f"Account {report['account_id']}: equal to the broker as of {report['proven_equal_at']}")
    elif report["error"]:
        out.print(f"Account {report['account_id']}: not complete: {report['error']}")
    else:
        out.print(f"Account {report['account_id']}: complete, but not proven equal")
    for blocker in report["blocked_by"]:
        out.print(f"! open: {blocker}")
