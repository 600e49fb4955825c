"""`stream-reconcile status`: everything about a deployment that stands in its database and its log, at one look."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import psycopg
import typer

from stream_reconcile.commands.lag import read_lag
from stream_reconcile.commands.output import console, print_json, seconds, table
from stream_reconcile.commands.postgres import opened
from stream_reconcile.commands.servers import Servers, servers_to_look_at
from stream_reconcile.commands.start import settings_for_a_report
from stream_reconcile.commands.status_at import read_status_at, show_status_at, status_at_json
from stream_reconcile.commands.times import moment
from stream_reconcile.config import Settings
from stream_reconcile.core.discrepancy_types import BLOCKS_PROOF
from stream_reconcile.core.errors import KafkaUnreachable
from stream_reconcile.jobs.lag import LagReport
from stream_reconcile.store import readers


@dataclass(frozen=True, slots=True)
class Status:
    """What was found. `lag` is None where Kafka can't be reached; `kafka_why` says so then."""

    servers: Servers
    schema: str
    accounts: list[readers.Account]
    leases: list[readers.Lease]
    sessions: list[readers.Session]
    gaps: list[readers.Gap]
    discrepancies: list[readers.DiscrepancyCount]
    agreement: list[readers.Agreement]
    dead_letters: int
    lag: LagReport | None
    kafka_why: str

    def bad_news(self) -> list[str]:
        """What somebody should look at, a sentence each; empty: all is well."""
        found = [
            f"{count.count} open {count.type} in account {count.account_id}"
            for count in self.discrepancies
            if count.type in BLOCKS_PROOF
        ]
        if self.dead_letters:
            found.append(f"{self.dead_letters} dead letters are open: `stream-reconcile dead-letters list`")
        if self.lag is not None:
            states = Counter(part.state for part in self.lag.partitions if part.state.is_bad_news)
            found += [
                f"{count} partitions are {state.value}: `stream-reconcile lag`" for state, count in states.items()
            ]
        return found


def status(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, of the shape in docs/json.")] = False,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="How things stood at this time, from the history (docs/json/status-at.schema.json)."
        ),
    ] = None,
) -> None:
    """Servers, accounts, sessions, gaps, lag and what is open. Needs no running job."""
    settings = settings_for_a_report()
    if at is not None:
        then = read_status_at(settings, moment(at))
        if as_json:
            print_json(status_at_json(then))
        else:
            show_status_at(then)
        return
    with servers_to_look_at(settings) as servers:
        found = read_status(settings, servers)
    if as_json:
        print_json(status_json(found))
    else:
        _show(found)
    if found.lag is None:
        raise typer.Exit(KafkaUnreachable.exit_status)
    raise typer.Exit(1 if found.bad_news() else 0)


def read_status(settings: Settings, servers: Servers) -> Status:
    """Look at the database as of one moment, then at the lag."""
    with opened(servers, settings.schema_, "status") as connection, readers.snapshot(connection):
        parts = database_parts(connection)
    try:
        lag, why = read_lag(settings, servers), ""
    except KafkaUnreachable as error:
        lag, why = None, str(error)
    return Status(servers=servers, schema=settings.schema_, lag=lag, kafka_why=why, **parts)


def database_parts(connection: psycopg.Connection) -> dict[str, Any]:
    """What `Status` has of the database."""
    return {
        "accounts": readers.accounts(connection),
        "leases": readers.leases(connection),
        "sessions": readers.sessions(connection, per_account=1),
        "gaps": readers.open_gaps(connection),
        "discrepancies": readers.open_discrepancy_counts(connection),
        "agreement": readers.agreement(connection),
        "dead_letters": readers.open_dead_letter_count(connection),
    }


def status_json(found: Status) -> dict[str, Any]:
    """The shape of docs/json/status.schema.json."""
    return {
        "bad_news": found.bad_news(),
        "servers": {
            "embedded": found.servers.embedded,
            "kafka": found.servers.kafka.bootstrap_servers,
            "kafka_error": found.kafka_why or None,
            "postgres": found.servers.postgres,
            "schema": found.schema,
        },
        "accounts": [_account_json(found, account) for account in found.accounts],
        "lag": None if found.lag is None else _lag_json(found.lag),
        "open_discrepancies": [
            {
                "account_id": count.account_id,
                "type": count.type,
                "count": count.count,
                "blocks_proof": count.type in BLOCKS_PROOF,
            }
            for count in found.discrepancies
        ],
        "open_dead_letters": found.dead_letters,
    }


def _account_json(found: Status, account: readers.Account) -> dict[str, Any]:
    mine = account.account_id
    session = next((session for session in found.sessions if session.account_id == mine), None)
    return {
        "account_id": mine,
        "pinned_at": _time(account.pinned_at),
        "leases": [
            {"job": lease.job, "owner": lease.owner, "held": lease.held, "expires_at": _time(lease.expires_at)}
            for lease in found.leases
            if lease.account_id == mine
        ],
        "session": session
        and {
            "session_id": str(session.session_id),
            "opened_at": _time(session.opened_at),
            "listening_at": _time(session.listening_at),
            "closed_at": _time(session.closed_at),
            "close_reason": session.close_reason,
            "good_until": _time(session.good_until),
            "frames": session.frames,
        },
        "open_gaps": [
            {"window_start": _time(gap.window_start), "window_end": _time(gap.window_end), "reason": gap.reason}
            for gap in found.gaps
            if gap.account_id == mine
        ],
        "agreement": [
            {
                "scope": one.scope,
                "proven_equal_at": _time(one.proven_equal_at),
                "blocked_by": one.blocked_by,
            }
            for one in found.agreement
            if one.account_id == mine
        ],
    }


def _held(account: dict[str, Any], job: str) -> bool:
    return any(lease["held"] and lease["job"] == job for lease in account["leases"])


def _lag_json(lag: LagReport) -> dict[str, Any]:
    return {
        "group": lag.group,
        "records": lag.records,
        "seconds": lag.seconds,
        "partitions": dict(Counter(part.state.value for part in lag.partitions)),
    }


def _show(found: Status) -> None:
    out = console()
    whose = " (embedded)" if found.servers.embedded else ""
    out.print(f"Kafka     {found.servers.kafka.bootstrap_servers}{whose}")
    out.print(f"Postgres  {found.servers.postgres}, schema {found.schema}{whose}")
    if found.lag is None:
        out.print(f"Lag       unknown: {found.kafka_why}")
    else:
        out.print(f"Lag       {found.lag.records} records, {seconds(found.lag.seconds)} s")
    out.print(
        f"Open      {sum(c.count for c in found.discrepancies)} discrepancies, {found.dead_letters} dead letters\n"
    )
    rows = table("ACCOUNT", "INGEST", "SWEEP", "SESSION", "FRAMES", "GAPS", "PROVEN EQUAL", right=("FRAMES", "GAPS"))
    for account in (_account_json(found, account) for account in found.accounts):
        session = account["session"]
        rows.add_row(
            account["account_id"],
            *("held" if _held(account, job) else "-" for job in ("ingest", "sweep")),
            "-" if session is None else "closed" if session["closed_at"] else "open",
            "-" if session is None else str(session["frames"]),
            str(len(account["open_gaps"])),
            next((one["proven_equal_at"] or "not yet" for one in account["agreement"] if one["scope"] == "hot"), "-"),
        )
    out.print(rows if found.accounts else "No account has been seen yet.")
    for news in found.bad_news():
        out.print(f"! {news}")


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
