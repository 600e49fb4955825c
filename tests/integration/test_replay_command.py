"""`stream-reconcile replay` as people call it: its reports, the shape of each --json, its exit status."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from psycopg import conninfo

from stream_reconcile.cli import main
from support.command import environment
from support.logins import temporary_logins
from support.member_processes import stage_settings
from support.members import Stage, applying
from support.real_log import RealLog
from support.replays import tell_a_fault_story

SHAPES = Path(__file__).resolve().parents[2] / "docs" / "json"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def stage(kafka: str, topic_prefix: str, database: str) -> Iterator[Stage]:
    with RealLog(kafka, topic_prefix) as log:
        yield Stage(log, database, f"{topic_prefix}-group")


@pytest.fixture
def login(stage: Stage) -> Iterator[str]:
    """No superuser: a login that migrates, and may make schemas."""
    with temporary_logins(stage.dsn) as make:
        dsn = make("reconcile_migrator")
        named = conninfo.conninfo_to_dict(dsn)
        stage.execute(f"GRANT CREATE ON DATABASE {named['dbname']} TO {named['user']}")
        yield dsn


@pytest.fixture
def run(
    stage: Stage, login: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Run:
    """Run the command in this process: exit status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    settings = environment(stage_settings(stage) | {"DATABASE_URL": login})
    for name in (name for name in list(os.environ) if name not in settings):
        monkeypatch.delenv(name)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["stream-reconcile", "replay", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return command


def shaped(name: str, text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    schema = json.loads((SHAPES / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(document)
    return document


def test_into_diff_promote_drop(stage: Stage, run: Run) -> None:
    tell_a_fault_story(stage, orders=40)
    with applying(stage):
        stage.wait_drained()
    ends = stage.log.ends()
    updates = stage.log.topics.trade_updates

    # To a place, then on to the end: it goes on where it stood.
    status, out, _ = run("--into", "again", "--until", f"{updates}:0:10", "--json")
    first = shaped("replay", out)
    assert (status, first["records"]) == (0, sum(ends.values()) - ends[next(p for p in ends if p == (updates, 0))] + 10)
    status, out, _ = run("--into", "again")
    assert status == 0
    assert f"{sum(ends.values()) - first['records']:,} records applied" in out
    assert "4 records could not be applied" in out

    status, out, _ = run("--diff", "again")
    assert (status, "\n0 differences between reconcile and again" in out) == (0, True)
    ((order_id,),) = stage.rows("UPDATE executions SET symbol = NULL, qty = 1.50 WHERE alpaca_order_id ="
                                " (SELECT min(alpaca_order_id) FROM executions) RETURNING alpaca_order_id")  # fmt: skip
    stage.execute("DELETE FROM order_events")
    stage.execute("DELETE FROM dead_letters WHERE payload = 'no record'")
    status, out, _ = run("--diff", "again")
    assert status == 1
    assert f"executions alpaca_order_id {order_id}" in out
    assert "    symbol: live nothing, replay " in out
    assert "more: --all lists them" in out
    assert "no record" not in out
    assert out.count("\n") < 60
    status, out, _ = run("--diff", "again", "--json")
    told = shaped("replay-diff", out)
    assert (status, told["count"]) == (1, len(told["differences"]))
    by_table = {
        table: [d for d in told["differences"] if d["table"] == table] for table in ("executions", "dead_letters")
    }
    ((altered,), letters) = by_table.values()
    assert altered["columns"]["qty"]["live"] == "1.50"
    assert [place["retained"] for place in altered["records"]] == [True]
    assert [letter["kind"] for letter in letters] == ["only_replay"] * 3
    assert letters[0]["columns"]["payload"]["replay"].startswith("9 bytes, sha256 ")

    status, out, err = run("--promote", "again")
    assert (status, "--reason" in err) == (2, True)
    status, out, _ = run("--promote", "again", "--reason", "put right", "--json")
    done = shaped("replay-promote", out)
    assert (status, done["before"]) == (0, done["after"])
    assert run("--diff", "again")[0] == 1  # the other way round now
    status, out, _ = run("--drop", "again", "--json")
    assert shaped("replay-drop", out) == {"schema": "again", "dropped": True, "was_live": True}
    assert run("--into", "afresh")[0] == 0
    assert run("--diff", "afresh")[0] == 0


def test_wrong_use_says_what_to_write(run: Run) -> None:
    for arguments, message in (
        (["--into", "reconcile"], "is the live schema"),
        (["--into", "a", "--until", "x:0:1"], "is no partition that apply reads"),
        (["--into", "a", "--from-offsets", "x:0:1"], "is no partition that apply reads"),
        (["--diff", "nowhere"], "does not exist"),
        (["--promote", "nowhere", "--reason", "x"], "does not exist"),
        (["--drop", "reconcile"], "is the live schema"),
    ):
        status, out, err = run(*arguments)
        assert (status, out) == (2, ""), arguments
        assert message in err.splitlines()[-1]
