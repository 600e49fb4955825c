"""`stream-reconcile executions at TIME`: what was known of orders at a time that is past."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from stream_reconcile.commands.output import console, print_json, table
from stream_reconcile.commands.postgres import opened
from stream_reconcile.commands.servers import servers_to_look_at
from stream_reconcile.commands.start import settings_for_a_report
from stream_reconcile.commands.times import moment
from stream_reconcile.store.past import OrderAt, executions_at

executions = typer.Typer(
    no_args_is_help=True, help="Orders as they were known at a time that is past: what was believed, and what was said."
)

_SHOWN = ("symbol", "side", "qty")


@executions.callback()
def _group() -> None:
    """Makes `at` a command of its own, so that others can stand beside it."""


@executions.command("at")
def at(
    time: Annotated[str, typer.Argument(metavar="TIME", help="2026-01-05T14:30:00Z; UTC without an offset.")],
    order: Annotated[str | None, typer.Option(metavar="ID", help="Only this order, by the broker's id.")] = None,
    symbol: Annotated[str | None, typer.Option(metavar="SYMBOL", help="Only orders in this symbol.")] = None,
    account: Annotated[str | None, typer.Option(metavar="ID", help="Only orders of this account.")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only those that were open.")] = False,
    differing: Annotated[
        bool, typer.Option("--differing", help="Only those of which the broker had said more than was believed.")
    ] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="At most so many, the last to change.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, of the shape in docs/json.")] = False,
) -> None:
    """What we believed (committed by then) and what the broker had said (in the log by then), side by side."""
    when, settings = moment(time), settings_for_a_report()
    with servers_to_look_at(settings) as servers, opened(servers, settings.schema_, "executions") as connection:
        found = executions_at(
            connection,
            when,
            order_id=order,
            symbol=symbol,
            account_id=account,
            open_only=open_only,
            differing=differing,
            limit=limit,
        )
    if as_json:
        print_json(executions_json(when, found))
    else:
        _show(when, found)


def executions_json(when: datetime, found: list[OrderAt]) -> dict[str, Any]:
    """The shape of docs/json/executions-at.schema.json."""
    names = ("account_id", "alpaca_order_id", "differs", "believed", "said")
    return {
        "at": when.isoformat(),
        "matching": found[0].matching if found else 0,
        "orders": [{name: getattr(one, name) for name in names} for one in found],
    }


def _show(when: datetime, found: list[OrderAt]) -> None:
    out = console()
    if found:
        rows = table("ORDER", "SYMBOL", "SIDE", "QTY", "BELIEVED", "FILLED", "SAID", "FILLED", "")
        for one in found:
            terms = one.said or one.believed or {}
            rows.add_row(
                one.alpaca_order_id,
                *(_text(terms.get(name)) for name in _SHOWN),
                *(
                    _text((side or {}).get(name))
                    for side in (one.believed, one.said)
                    for name in ("status", "filled_qty")
                ),
                "differs" if one.differs else "",
            )
        out.print(rows)
    matching = found[0].matching if found else 0
    out.print(
        f"{len(found)} of {matching} orders as of {when.isoformat()}: believed here, and said by the broker by then"
    )


def _text(value: object) -> str:
    return "-" if value is None else str(value)
