"""The command on a terminal and in a pipe: colours, progress, and the completion of each shell."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.command import environment, stream_reconcile

PROGRAM = Path(sys.executable).with_name("stream-reconcile")
COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-7]|9[0-7]|38;[25];[0-9;]+)m")
NO_SERVERS = (str(PROGRAM), "lag")  # an error, in red where somebody sees it
BARS = """
import sys
from stream_reconcile.commands.progress import patience_with, progress_of
with patience_with("full sweep") as show:
    show(0, None)
    show(3, 10)
with progress_of("replay into again") as progress:
    progress(3, 10)
sys.stdout.write("the result\\n")
"""


def on_a_terminal(words: Sequence[str], folder: Path, **settings: str) -> str:
    """What a terminal is sent, stdout and stderr alike."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            words,
            env=environment({"TERM": "xterm-256color", "COLUMNS": "100", **settings}),
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
    finally:
        os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:
        pass  # how Linux says that nobody has the other end any more
    finally:
        os.close(ours)
        process.wait(60)
    return written.decode("utf-8")


def piped(words: Sequence[str], folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, env=environment(settings), cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_colours_are_for_terminals_that_want_them(tmp_path: Path) -> None:
    seen = on_a_terminal(NO_SERVERS, tmp_path)
    assert "error: " in re.sub(r"\x1b\[[0-9;]*m", "", seen)
    assert COLOUR.search(seen)
    assert not COLOUR.search(on_a_terminal(NO_SERVERS, tmp_path, NO_COLOR="1"))
    done = piped(NO_SERVERS, tmp_path)
    assert done.stderr.startswith("error: ")
    assert "\x1b" not in done.stdout + done.stderr


def test_progress_is_for_terminals(tmp_path: Path) -> None:
    seen = on_a_terminal((sys.executable, "-c", BARS), tmp_path)
    assert "3 of 10 orders" in seen
    assert "3/10" in seen
    done = piped((sys.executable, "-c", BARS), tmp_path)
    assert (done.stdout, done.stderr) == ("the result\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_completion(shell: str, tmp_path: Path) -> None:
    script = stream_reconcile(settings={"_STREAM_RECONCILE_COMPLETE": f"source_{shell}"}, folder=tmp_path).stdout
    assert f"complete_{shell}" in script
    if shutil.which(shell):  # its own parser
        (tmp_path / "completion").write_text(script, encoding="utf-8")
        assert piped((shell, "-n", "completion"), tmp_path).stderr == ""

    def completed(line: str) -> str:
        asked = {
            "_STREAM_RECONCILE_COMPLETE": f"complete_{shell}",
            "_TYPER_COMPLETE_ARGS": line,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            "_TYPER_COMPLETE_WORD_TO_COMPLETE": line.rsplit(" ", maxsplit=1)[-1],
            "COMP_WORDS": line,
            "COMP_CWORD": str(line.count(" ")),
        }
        return stream_reconcile(settings=asked, folder=tmp_path).stdout

    assert {"rewind", "replay"} <= set(re.findall(r"\w+", completed("stream-reconcile re")))
    assert "undo" in completed("stream-reconcile rewind un")
    assert "full" in completed("stream-reconcile sweep --kind fu")


def test_bash_completes_a_command(tmp_path: Path) -> None:
    """As a person types it, with the script that is installed."""
    typed = (
        "source <(_STREAM_RECONCILE_COMPLETE=source_bash stream-reconcile); "
        "COMP_WORDS=(stream-reconcile dead-letters re); COMP_CWORD=2; "
        '_stream_reconcile_completion stream-reconcile; echo "${COMPREPLY[@]}"'
    )
    done = piped(("bash", "-c", typed), tmp_path, PATH=f"{PROGRAM.parent}:{os.environ['PATH']}")
    assert done.stdout.split() == ["retry"], done.stderr


def test_a_list_of_commands_loads_none_of_them(tmp_path: Path) -> None:
    looked_at = "import sys; from stream_reconcile.cli import app; app(['--help'], standalone_mode=False);"
    others = "print(sorted({'psycopg', 'confluent_kafka', 'pydantic_settings', 'starlette'} & sys.modules.keys()))"
    done = piped((sys.executable, "-c", looked_at + others), tmp_path)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_version(tmp_path: Path) -> None:
    said = stream_reconcile("--version", settings={}, folder=tmp_path).stdout
    assert re.fullmatch(r"stream-reconcile \d+\.\d+\.\d+\S*\n", said)
