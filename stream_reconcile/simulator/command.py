"""`stream-reconcile simulate`: the simulated broker on a port, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer
from rich.console import Console

from stream_reconcile.simulator.fault_catalogue import read_fault
from stream_reconcile.simulator.server import serving
from stream_reconcile.simulator.settings import SimulatorSettings

_DEFAULT = SimulatorSettings()
_FLOW, _FILLS, _SOCKET, _REST = "Own order flow and faults", "Orders of clients", "The websocket", "REST"


def simulate(  # noqa: PLR0913, PLR0917 - every setting is a flag, and the signature is the interface
    port: Annotated[
        int, typer.Option(metavar="N", help="Port for REST, websocket and control; 0: any free one.")
    ] = 8765,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="Address to listen on; /sim answers on loopback only.")
    ] = _DEFAULT.host,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed, same orders, keys and account.")] = _DEFAULT.seed,
    key: Annotated[str, typer.Option(metavar="KEY", help="API key id; default: made of the seed.")] = "",
    secret: Annotated[str, typer.Option(metavar="SECRET", help="API secret; default: made of the seed.")] = "",
    account_id: Annotated[str, typer.Option(metavar="ID", help="Account id; default: made of the seed.")] = "",
    rate: Annotated[
        float,
        typer.Option(
            metavar="RATE",
            min=0,
            rich_help_panel=_FLOW,
            help="Own order flow, events a second; 0: clients' orders only.",
        ),
    ] = 0.0,
    orders: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, rich_help_panel=_FLOW, help="End the own flow after so many orders; 0: never."
        ),
    ] = 0,
    preload_orders: Annotated[
        int,
        typer.Option(metavar="N", min=0, rich_help_panel=_FLOW, help="Orders that stand in the books at the start."),
    ] = 0,
    preload_hours: Annotated[
        float, typer.Option(metavar="HOURS", min=0.01, rich_help_panel=_FLOW, help="How far back those reach.")
    ] = 24.0,
    faults: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="FAULT",
            rich_help_panel=_FLOW,
            help="Arm a fault: name, or name:parameter=value (repeatable).",
        ),
    ] = None,
    reversals: Annotated[
        bool, typer.Option(rich_help_panel=_FLOW, help="Busts and corrections in the own order flow.")
    ] = True,
    auto_fill: Annotated[bool, typer.Option(help="Fill clients' orders by the quote, or leave it to /sim.")] = True,
    acknowledge_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, rich_help_panel=_FILLS, help="From pending_new to new.")
    ] = 0.005,
    fill_seconds: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0, rich_help_panel=_FILLS, help="From new to the fill of a marketable order."
        ),
    ] = 0.02,
    buying_power: Annotated[
        float, typer.Option(metavar="AMOUNT", min=0, rich_help_panel=_FILLS, help="A dearer order is refused.")
    ] = 4_000_000.0,
    text_frames: Annotated[
        bool, typer.Option("--text-frames", rich_help_panel=_SOCKET, help="Websocket messages as text, not binary.")
    ] = False,
    order_groups: Annotated[
        bool,
        typer.Option(
            "--order-groups", rich_help_panel=_SOCKET, help="Orders of a group carry group_id and group_role."
        ),
    ] = False,
    second_connection: Annotated[
        str, typer.Option(metavar="WHAT", rich_help_panel=_SOCKET, help="An extra socket: reject (429), kick, allow.")
    ] = "reject",
    slot_hold_seconds: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0, rich_help_panel=_SOCKET, help="Slot stays taken after an abrupt end."),
    ] = 0.0,
    connect_limit: Annotated[
        int, typer.Option(metavar="N", min=0, rich_help_panel=_SOCKET, help="Handshakes per window before 429; 0: any.")
    ] = 20,
    connect_window_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, rich_help_panel=_SOCKET, help="That window.")
    ] = 10.0,
    ping_interval_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, rich_help_panel=_SOCKET, help="Server pings; 0: none.")
    ] = 20.0,
    ping_timeout_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, rich_help_panel=_SOCKET, help="Close if unanswered; 0: never.")
    ] = 20.0,
    rate_limit: Annotated[
        int, typer.Option(metavar="N", min=0, rich_help_panel=_REST, help="REST requests per window; 0: any.")
    ] = 200,
    rate_window_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, rich_help_panel=_REST, help="That window.")
    ] = 60.0,
    order_cursors: Annotated[
        str,
        typer.Option(metavar="WHAT", rich_help_panel=_REST, help="before/after_order_id: take, refuse (422), ignore."),
    ] = "take",
    activity_delay_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, rich_help_panel=_REST, help="Until a FILL activity is listed.")
    ] = 1.0,
    withdraw_busted: Annotated[
        bool,
        typer.Option("--withdraw-busted", rich_help_panel=_REST, help="Busted executions lose their FILL activity."),
    ] = False,
) -> None:
    """An Alpaca to test against: REST and trade_updates on one port, order flow, faults, ground truth."""
    for fault in faults or ():
        read_fault(fault)
    settings = SimulatorSettings(
        seed=seed,
        host=host,
        port=port,
        key=key,
        secret=secret,
        account_id=account_id,
        rate=rate,
        orders=orders,
        preload_orders=preload_orders,
        preload_hours=preload_hours,
        reversals=reversals,
        auto_fill=auto_fill,
        acknowledge_seconds=acknowledge_seconds,
        fill_seconds=fill_seconds,
        buying_power=buying_power,
        text_frames=text_frames,
        order_groups=order_groups,
        second_connection=second_connection,
        slot_hold_seconds=slot_hold_seconds,
        connect_limit=connect_limit,
        connect_window_seconds=connect_window_seconds,
        ping_interval_seconds=ping_interval_seconds,
        ping_timeout_seconds=ping_timeout_seconds,
        rate_limit=rate_limit,
        rate_window_seconds=rate_window_seconds,
        order_cursors=order_cursors,
        activity_delay_seconds=activity_delay_seconds,
        withdraw_busted=withdraw_busted,
        faults=tuple(faults or ()),
    )
    asyncio.run(_serve(settings))


async def _serve(settings: SimulatorSettings) -> None:
    """Serve until SIGINT or SIGTERM."""
    enough = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, enough.set)
    console = Console(highlight=False, soft_wrap=True)
    async with serving(settings) as (_, port):
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        base_url = f"http://{host}:{port}"
        # Plain lines first: they can be sourced, `eval "$(… | head -3)"`.
        console.print(f"export APCA_API_BASE_URL={base_url}")
        console.print(f"export APCA_API_KEY_ID={settings.key}")
        console.print(f"export APCA_API_SECRET_KEY={settings.secret}")
        console.print(f"\nStream ws://{host}:{port}/stream · control and ground truth {base_url}/sim · Ctrl-C ends it")
        await enough.wait()
