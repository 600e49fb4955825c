"""docs/replay.md says what the command takes and leaves out: every option, and every column and table left out."""

from __future__ import annotations

import re
from pathlib import Path

import typer.main
from typer import Typer

from stream_reconcile.commands.replay import LISTED, replay
from stream_reconcile.jobs.replay.compare import WAIT_S
from stream_reconcile.jobs.replay.config import DEFAULT_SHARE
from stream_reconcile.store.derived import CURSORS, REWRITTEN
from stream_reconcile.store.rows_compared import LEFT_OUT

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "replay.md").read_text(encoding="utf-8")


def test_every_option_is_named_and_no_other() -> None:
    app = Typer(add_completion=False)
    app.command()(replay)
    known = {name for option in typer.main.get_command(app).params for name in option.opts} - {"--help"}
    assert set(re.findall(r"--[a-z]+(?:-[a-z]+)*", PAGE)) == known


def test_defaults() -> None:
    assert f"| `--share S` | {DEFAULT_SHARE} |" in PAGE
    assert f"(`--wait`, {WAIT_S:g} s)" in PAGE
    assert f"The first {LISTED} are listed" in PAGE
    app = Typer(add_completion=False)
    app.command()(replay)
    defaults = {option.opts[0]: option.default for option in typer.main.get_command(app).params}
    assert (defaults["--wait"], defaults["--share"], defaults["--until"]) == (WAIT_S, DEFAULT_SHARE, "now")


def test_what_is_left_out() -> None:
    table = PAGE[PAGE.index("| left out, by name |") :].split("\n\n", 1)[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == {*LEFT_OUT, CURSORS, "dead_letters"}
    assert all(f"`{name}`" in PAGE[PAGE.index("carried over") - 200 :] for name in REWRITTEN)
