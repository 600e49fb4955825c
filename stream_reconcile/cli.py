"""The command `stream-reconcile`: what commands there are, and how any of them ends.

Exit status (DESIGN §6): 0 fine; 1 bad news; 2 wrong use or configuration; 3 something needed can't be reached.
"""

from __future__ import annotations

import os
import sys
from collections import UserDict
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from stream_reconcile.commands.help_pages import HELP, PROGRAM, dress, epilog
from stream_reconcile.core.errors import ReconcileError

COMMANDS = {
    "demo": "stream_reconcile.commands.demo:demo",
    "run": "stream_reconcile.commands.run:run",
    "migrate": "stream_reconcile.commands.migrate:migrate",
    "check": "stream_reconcile.commands.check.command:check",
    "status": "stream_reconcile.commands.status:status",
    "executions": "stream_reconcile.commands.executions:executions",
    "lag": "stream_reconcile.commands.lag:lag",
    "sweep": "stream_reconcile.commands.sweep:sweep",
    "rewind": "stream_reconcile.commands.rewind:rewind",
    "replay": "stream_reconcile.commands.replay:replay",
    "verify": "stream_reconcile.commands.verify:verify",
    "dead-letters": "stream_reconcile.commands.dead_letters:dead_letters",
    "discrepancies": "stream_reconcile.commands.discrepancies:discrepancies",
    "simulate": "stream_reconcile.simulator.command:simulate",
}
"""Module and name of each command, in the order of `--help`: a function, or a Typer with commands of its own."""

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class _LoadedWhenAsked(UserDict[str, Any]):
    """Commands by name. Each needs packages of its own: loading all of them would double the start of any."""

    def __getitem__(self, name: str) -> Any:
        module, _, attribute = self.data[name].partition(":")
        found = getattr(import_module(module), attribute)
        one = typer.Typer()
        if isinstance(found, typer.Typer):
            one.add_typer(found, name=name)
        else:
            one.command(name)(found)
        command = typer.main.get_group(one).commands[name]
        dress(command, name)
        return command


class _Commands(TyperGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _LoadedWhenAsked(COMMANDS)

    def format_help(self, *arguments: Any) -> None:
        with self._by_name_alone():
            super().format_help(*arguments)

    def shell_complete(self, *arguments: Any) -> list[Any]:
        with self._by_name_alone():
            return super().shell_complete(*arguments)

    @contextmanager
    def _by_name_alone(self) -> Iterator[None]:
        """While commands are only listed: what each says of itself in a line, and nothing is loaded."""
        whole = self.commands
        self.commands = {name: TyperCommand(name, help=HELP[name].summary) for name in COMMANDS}
        try:
            yield
        finally:
            self.commands = whole


app = typer.Typer(
    name=PROGRAM,
    cls=_Commands,
    epilog=epilog(""),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from stream_reconcile.commands.start import program_version  # noqa: PLC0415 - brings the settings with it

        typer.echo(f"{PROGRAM} {program_version()}")
        raise typer.Exit


@app.callback()
def _all_commands(
    config: Annotated[
        str | None, typer.Option(help="TOML file with settings. Default: RECONCILE_CONFIG, else stream-reconcile.toml.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keeps a Postgres provably equal to an Alpaca account: trade updates through Kafka, exactly once."""
    if config is not None:
        from stream_reconcile.config import FILE_VARIABLE  # noqa: PLC0415 - `simulate` has no need of settings

        os.environ[FILE_VARIABLE] = config


def main() -> None:
    """Run the command line; always ends by SystemExit."""
    try:
        app()
    except ReconcileError as error:
        from stream_reconcile.commands.output import print_error  # noqa: PLC0415 - not needed where all goes well

        print_error(error)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
