"""The command `stream-reconcile`: what commands there are, and how any of them ends.

Exit status (DESIGN §6): 0 fine; 1 bad news; 2 wrong use or configuration; 3 something needed can't be reached.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from stream_reconcile.commands.check.command import check
from stream_reconcile.commands.dead_letters import dead_letters
from stream_reconcile.commands.demo import demo
from stream_reconcile.commands.discrepancies import discrepancies
from stream_reconcile.commands.lag import lag
from stream_reconcile.commands.migrate import migrate
from stream_reconcile.commands.output import print_error
from stream_reconcile.commands.run import run
from stream_reconcile.commands.start import program_version
from stream_reconcile.commands.status import status
from stream_reconcile.commands.sweep import sweep
from stream_reconcile.config import FILE_VARIABLE
from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.simulator.command import simulate

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it

app = typer.Typer(
    name="stream-reconcile",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo)
app.command()(run)
app.command()(migrate)
app.command()(check)
app.command()(status)
app.command()(lag)
app.command()(sweep)
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(discrepancies, name="discrepancies")
app.command()(simulate)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stream-reconcile {program_version()}")
        raise typer.Exit


@app.callback()
def _all_commands(
    config: Annotated[str | None, typer.Option(help="TOML file with settings; as RECONCILE_CONFIG.")] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keeps a Postgres provably equal to an Alpaca account: trade updates through Kafka, exactly once.

    Settings come from the environment and a TOML file: docs/configuration.md.
    """
    if config is not None:
        os.environ[FILE_VARIABLE] = config


def main() -> None:
    """Run the command line; always ends by SystemExit."""
    try:
        app()
    except ReconcileError as error:
        print_error(error)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
