"""`stream-reconcile discrepancies`: what differed between the broker and the rows — list, look closely, accept."""

from __future__ import annotations

import getpass
import json
import socket
from enum import StrEnum
from typing import Annotated

import typer

from stream_reconcile.commands.output import console, print_json, table
from stream_reconcile.commands.postgres import opened
from stream_reconcile.commands.servers import servers_to_look_at
from stream_reconcile.commands.start import settings_for_a_report
from stream_reconcile.commands.times import moment
from stream_reconcile.core.discrepancy_types import BLOCKS_PROOF, TYPES
from stream_reconcile.core.errors import ConfigError, RefusedError
from stream_reconcile.store import discrepancies_by_hand as by_hand
from stream_reconcile.store.discrepancies_by_hand import ClosableDiscrepancy
from stream_reconcile.store.shapes import blocks_proof, discrepancy_json

discrepancies = typer.Typer(
    no_args_is_help=True, help="Differences found between the broker and the tables: list, show, accept."
)

Id = Annotated[int, typer.Argument(metavar="ID", min=1, help="Number, as `discrepancies list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, of the shape in docs/json.")]

_CLOSES = {
    "self": "by itself, when the two sides agree again",
    "person": "when a person accepts it",
    "either": "by itself, or when a person accepts it",
}


class State(StrEnum):
    """Which to list."""

    OPEN = "open"
    RESOLVED = "resolved"
    ACCEPTED = "accepted"
    ALL = "all"


@discrepancies.command("list")
def list_discrepancies(
    state: Annotated[State, typer.Option(help="Of this state.")] = State.OPEN,
    kind: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Of this type (docs/commands.md has them all).")
    ] = None,
    account: Annotated[str | None, typer.Option(metavar="ID", help="Of this account id.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Seen at or after this time (RFC 3339 or a date; UTC unless it says otherwise)."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="The newest so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """What differs, newest last; `discrepancies show` tells more of one."""
    if kind is not None and kind not in TYPES:
        raise ConfigError(f"there is no type {kind!r}: one of {', '.join(TYPES)}")
    seen_since = None if since is None else moment(since)
    settings = settings_for_a_report()
    with servers_to_look_at(settings) as servers, opened(servers, settings.schema_, "discrepancies") as connection:
        found = by_hand.find(
            connection,
            state=None if state is State.ALL else state.value,
            kind=kind,
            account_id=account,
            since=seen_since,
            limit=limit,
        )
        total = by_hand.count_open(connection)
    if as_json:
        print_json(
            {"open": total, "matching": found.matching, "discrepancies": [discrepancy_json(row) for row in found.rows]}
        )
        return
    out = console()
    if found.rows:
        rows = table("ID", "TYPE", "SUBJECT", "ACCOUNT", "FIRST SEEN", "LAST SEEN", "STATE", "PROOF", right=("ID",))
        for row in found.rows:
            rows.add_row(
                str(row.discrepancy_id),
                row.type,
                row.subject,
                row.account_id,
                row.first_seen_at.isoformat(timespec="seconds"),
                row.last_seen_at.isoformat(timespec="seconds"),
                row.state,
                "blocked" if blocks_proof(row) else "-",
            )
        out.print(rows)
    if found.matching > len(found.rows):
        out.print(f"the newest {len(found.rows)} of {found.matching}: --limit shows more")
    out.print(f"{total} open")


@discrepancies.command("show")
def show(discrepancy_id: Id, as_json: AsJson = False) -> None:
    """One, with the evidence of both sides, and what to do about it."""
    settings = settings_for_a_report()
    with servers_to_look_at(settings) as servers, opened(servers, settings.schema_, "discrepancies") as connection:
        found = by_hand.one(connection, discrepancy_id)
        total = by_hand.count_open(connection)
    if found is None:
        raise unknown_discrepancy(discrepancy_id)
    if as_json:
        print_json({"open": total, "matching": 1, "discrepancies": [discrepancy_json(found)]})
        return
    out = console()
    told = discrepancy_json(found)
    evidence = told.pop("evidence")
    for name in ("blocks_proof", "means", "advice", "closes"):
        told.pop(name)
    for name, value in told.items():
        out.print(f"{name}: {'-' if value is None else value}")
    # What the two sides said goes side by side with the same names; all else there is comes after it.
    sides = {"broker": evidence.pop("broker", None), "ours": evidence.pop("ours", None)}
    for name, side in (sides | ({"evidence": evidence} if evidence else {})).items():
        out.print(f"{name}: {'-' if side is None else json.dumps(side, indent=2, ensure_ascii=False)}")
    out.print(f"blocks the proof: {_proof_words(found)}")
    kind = TYPES.get(found.type)
    if kind is None:
        out.print("This version does not know the type: a newer one wrote it.")
        return
    out.print(f"means: {kind.means} ({kind.code})")
    out.print(f"closes: {_CLOSES[kind.closes]}")
    out.print(f"what to do: {kind.advice}")


@discrepancies.command("accept")
def accept(
    discrepancy_id: Id,
    reason: Annotated[str, typer.Option(metavar="WHY", help="Why it is right as it is; kept as its resolution.")],
    who: Annotated[str | None, typer.Option(metavar="NAME", help="Who accepts it (default: user@host).")] = None,
    as_json: AsJson = False,
) -> None:
    """Close an open one by a person's judgement: it changes no order and no fill, and is recorded with who and why."""
    reason, name = reason.strip(), (who or f"{getpass.getuser()}@{socket.gethostname()}").strip()
    if not reason or not name:
        raise ConfigError("say why it is accepted, and by whom: --reason and --who may not be empty")
    settings = settings_for_a_report()
    with servers_to_look_at(settings) as servers, opened(servers, settings.schema_, "discrepancies") as connection:
        accepted = by_hand.accept(connection, discrepancy_id, reason=reason, who=name)
        stands = accepted or by_hand.one(connection, discrepancy_id)
        total = by_hand.count_open(connection)
    if stands is None:
        raise unknown_discrepancy(discrepancy_id)
    if accepted is None:
        raise not_open(stands)
    if as_json:
        print_json({"open": total, "matching": 1, "discrepancies": [discrepancy_json(accepted)]})
        return
    out = console()
    out.print(f"{accepted.type} {accepted.subject}: accepted by {name}")
    kind = TYPES.get(accepted.type)
    if kind is not None and kind.closes == "self":
        out.print(
            "It would have closed by itself once the two sides agree; accepted, it no longer says that they do not."
        )
    out.print(f"{total} open")


def not_open(stands: ClosableDiscrepancy) -> RefusedError:
    """It can't be accepted: somebody or something came before."""
    return RefusedError(
        f"discrepancy {stands.discrepancy_id} ({stands.type}, {stands.subject}) is not open: it was {stands.state} by "
        f"{stands.resolved_by or 'nobody named'} ({stands.resolution or 'no reason given'}); nothing was changed"
    )


def unknown_discrepancy(discrepancy_id: int) -> ConfigError:
    """There is none of this number."""
    return ConfigError(
        f"there is no discrepancy {discrepancy_id}: `stream-reconcile discrepancies list --state all` shows them"
    )


def _proof_words(row: ClosableDiscrepancy) -> str:
    if row.type not in BLOCKS_PROOF:
        return "no"
    return "yes, while it is open" if row.state == "open" else f"not any more: it is {row.state}"
