"""The command line as its own parser sees it: every command with its words, and what a line of a page means."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import typer

from stream_reconcile.cli import app


def root() -> Any:
    """The program itself, as a group of commands."""
    return typer.main.get_command(app)


def all_commands() -> Iterator[tuple[str, Any, Any]]:
    """Words, command and context of the program ("") and of each command, those of groups too."""
    yield from _below(root(), "", None)


def _below(command: Any, path: str, parent: Any) -> Iterator[tuple[str, Any, Any]]:
    context = command.make_context(
        path.rsplit(" ", maxsplit=1)[-1] or "stream-reconcile", [], parent=parent, resilient_parsing=True
    )
    yield path, command, context
    for name in getattr(command, "commands", {}):
        yield from _below(command.commands[name], f"{path} {name}".strip(), context)


def parse_command(words: Sequence[str] | str) -> tuple[str, dict[str, Any]]:
    """Name and arguments of a command of ours; fails as the command itself does for a name or flag that is wrong."""
    given = shlex.split(words, comments=True) if isinstance(words, str) else list(words)
    command, name, first, context = root(), "", "", None
    while True:
        if not first and given and given[0].startswith("-"):  # the program's own option: it would act at once
            assert any(given[0] in option.opts for option in command.get_params(_bare(command))), given[0]
            return "", {}
        context = command.make_context(name or "stream-reconcile", given, parent=context)
        given = [*context._protected_args, *context.args]
        if not given or not hasattr(command, "resolve_command"):
            return first, dict(context.params)
        name, command, given = command.resolve_command(context, given)
        first = first or name


def _bare(command: Any) -> Any:
    return command.make_context("stream-reconcile", [], resilient_parsing=True)
