"""`stream-reconcile demo`: see the whole system at work on this machine, and what it makes of trouble."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from stream_reconcile.commands.output import console, print_json
from stream_reconcile.commands.start import settings_for_a_report
from stream_reconcile.core.errors import ConfigError


def demo(
    seconds: Annotated[float, typer.Option("--for", metavar="SECONDS", min=5, help="How long the broker trades.")] = 60,
    serve: Annotated[bool, typer.Option("--serve", help="Go on after the story, until Ctrl-C.")] = False,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed, same orders.")] = 7,
    rate: Annotated[float, typer.Option(metavar="RATE", min=1, max=500, help="Order events a second.")] = 50,
    keep: Annotated[bool, typer.Option("--keep", help="Keep data and logs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Result as JSON, of the shape in docs/json.")] = False,
) -> None:
    """Kafka, Postgres, a simulated broker and all jobs on this machine, faults on schedule, and a verdict.

    Ctrl-C ends the story with the verdict at once. Other settings than the two below are left aside: servers and keys
    of yours are not touched.
    """
    settings = settings_for_a_report()
    try:
        from stream_reconcile.demo.director import Options, perform  # noqa: PLC0415 - needs an extra
        from stream_reconcile.demo.outcome import as_json as outcome_as_json  # noqa: PLC0415 - needs an extra
        from stream_reconcile.demo.outcome import as_text  # noqa: PLC0415 - needs an extra
        from stream_reconcile.demo.terminal import LineScreen, LiveScreen, Screen  # noqa: PLC0415 - needs an extra
    except ImportError as error:
        raise ConfigError(
            f"the demo needs packages that are not installed ({error.name}): install stream-reconcile[embedded]"
        ) from None
    out = Console(stderr=True, highlight=False, markup=False, soft_wrap=True) if as_json else console()
    screen: Screen = LiveScreen(out) if sys.stdout.isatty() and not as_json else LineScreen(out)
    outcome = perform(Options(seconds, serve, seed, rate, keep), settings, screen)
    if as_json:
        print_json(outcome_as_json(outcome))
    else:
        for line in as_text(outcome):
            out.print(line)
    raise typer.Exit(0 if outcome.equal else 1)
