"""`--help` of every command: whole at 80 columns, with examples that parse, exit statuses, settings and a page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from stream_reconcile.commands.help_pages import HELP
from stream_reconcile.config import FILE_VARIABLE, Settings, env_name
from support.command_line import all_commands, parse_command
from support.deploy import ROOT

COMMANDS = {path: (command, context) for path, command, context in all_commands()}
SETTINGS = {env_name(field) for field in Settings.model_fields} | {FILE_VARIABLE, "NO_COLOR"}


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "80")
    return


def test_every_command_has_a_page_and_no_other() -> None:
    assert HELP.keys() == COMMANDS.keys()


@pytest.mark.parametrize("path", COMMANDS)
def test_help_is_whole_on_a_narrow_terminal(path: str, narrow: None, capsys: pytest.CaptureFixture[str]) -> None:
    command, context = COMMANDS[path]
    command.format_help(context, context.make_formatter())
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    shown = re.sub(r" +\n", "\n", shown)
    # What does not fit is cut off with these dots; some words of ours have them in their middle.
    assert [line for line in shown.splitlines() if re.search(r"\w…", line)] == []
    for words, what in HELP[path].examples:
        assert f"  # {what}" in shown
        assert f"stream-reconcile {words}\n" in shown
    for status in HELP[path].statuses:
        assert f"{status}\n" in shown
    for name in HELP[path].settings:
        assert name in shown
    described = command.help or ""
    assert described.endswith("."), "a sentence says what it does"
    assert "\x1b" not in shown, "nobody sees colours here"


@pytest.mark.parametrize("path", HELP)
def test_what_it_says_is_true(path: str) -> None:
    page = HELP[path]
    for words, _ in page.examples:
        parse_command(words)
        assert words.startswith((path.split(" ", maxsplit=1)[0], "--"))
    assert {status[0] for status in page.statuses} >= {"0", "2"}
    assert set(page.settings) <= SETTINGS
    assert (ROOT / page.page).is_file()
    assert len(page.summary) <= 60


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_says_what_it_is(path: str) -> None:
    command, _ = COMMANDS[path]
    assert [option.name for option in command.params if not option.help] == []
