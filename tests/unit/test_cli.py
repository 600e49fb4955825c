"""The command line: what is wrong use, how errors are printed, and with which exit status."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stream_reconcile.cli import main
from stream_reconcile.config import Settings, env_name

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a command in this process: exit status, stdout, stderr."""
    monkeypatch.setenv("RECONCILE_CONFIG", "")  # --config sets it: gone again afterwards
    for name in ("RECONCILE_CONFIG", *map(env_name, Settings.model_fields)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run_command(*arguments: str, **settings: str) -> tuple[int, str, str]:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["stream-reconcile", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, printed.out, printed.err

    return run_command


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (["lag"], {}, "KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL are not set. Set both"),
        (["lag"], {"RECONCILE_EMBEDDED": "0"}, "are not set"),
        (["status"], {"DATABASE_URL": "postgresql://h/d"}, "KAFKA_BOOTSTRAP_SERVERS is not set"),
        (["run"], {"DATABASE_URL": "postgresql://h/d"}, "APCA_API_KEY_ID and APCA_API_SECRET_KEY are not set"),
        (
            ["run", "--role", "apply"],
            {"DATABASE_URL": "postgresql://h/d"},
            "KAFKA_BOOTSTRAP_SERVERS is not set",
        ),
        (["run", "--role", "apply", "--role", "web"], {"RECONCILE_HTTP_ADDR": "127.0.0.1:0"}, "are not set"),
        (["status"], {"RECONCILE_PARTITIONS": "x"}, "RECONCILE_PARTITIONS: 'x' is not a whole number"),
        (["--config", "nowhere.toml", "lag"], {}, "RECONCILE_CONFIG: there is no file nowhere.toml"),
        (["dead-letters", "retry"], {}, "say which dead letters"),
        (["dead-letters", "retry", "--all", "--reason", "empty"], {}, "say which dead letters"),
        (["dead-letters", "show", "topic:1"], {}, "'topic:1' is not the name of a dead letter"),
        (["replay"], {}, "say one of --into, --diff, --promote and --drop"),
        (["replay", "--into", "a", "--diff", "a"], {}, "say one of --into"),
        (["replay", "--into", "pg_x"], {}, "belongs to Postgres"),
        (["replay", "--into", "a", "--until", "soon"], {}, "--until: 'soon' is neither `now`"),
        (["replay", "--into", "a", "--from-offsets", "x:0:1", "--from-datetime", "2026-01-01"], {}, "leave one out"),
        (["replay", "--promote", "a"], {}, "--reason and --who may not be empty"),
        (["replay", "--diff", "a"], {}, "KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL are not set"),
        (["discrepancies", "list"], {}, "KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL are not set"),
        (
            ["discrepancies", "list", "--type", "missing_fil"],
            {},
            "there is no type 'missing_fil': one of ambiguous_sub",
        ),
        (["discrepancies", "list", "--since", "yesterday"], {}, "'yesterday' is no time"),
        (["discrepancies", "accept", "1", "--reason", " "], {}, "--reason and --who may not be empty"),
        (["discrepancies", "accept", "1", "--reason", "x", "--who", " "], {}, "--reason and --who may not be empty"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(
    run: Run, arguments: list[str], settings: dict[str, str], message: str
) -> None:
    status, out, err = run(*arguments, **settings)
    assert (status, out) == (2, "")
    last = err.splitlines()[-1]
    assert last.startswith("error: ")
    assert message in last


def test_a_folder_that_the_demo_left_is_no_data_of_ours(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".reconcile" / "demo-1").mkdir(parents=True)
    status, _, err = run("lag")
    assert (status, err.splitlines()[-1].startswith("error: KAFKA_BOOTSTRAP_SERVERS")) == (2, True)


def test_several_mistakes_are_several_lines(run: Run) -> None:
    status, _, err = run("lag", RECONCILE_PARTITIONS="x", RECONCILE_SCHEMA="X")
    assert status == 2
    assert [line.split(":")[0] for line in err.splitlines()] == ["error", "error"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--role", "sweeep"],
        ["lagg"],
        ["lag", "--jsn"],
        ["discrepancies", "list", "--state", "x"],
        ["discrepancies", "accept", "1"],
        ["discrepancies", "show", "x"],
        ["rewind", "undo", "x"],
        ["rewind", "--to-offset", "1", "--execute"],
        ["rewind", "--to-earliest", "undo"],
        ["lag", "--fail-over", "-1"],
    ],
)
def test_the_command_line_itself(run: Run, arguments: list[str]) -> None:
    assert run(*arguments)[0] == 2


def test_version_and_help(run: Run) -> None:
    status, out, _ = run("--version")
    assert (status, out.split()[0]) == (0, "stream-reconcile")
    status, out, _ = run("--help")
    assert status == 0
    for command in ("run", "migrate", "check", "status", "lag", "sweep", "rewind", "dead-letters", "discrepancies"):
        assert command in out
    status, out, _ = run("run", "--help")
    assert "ingest|apply|sweep|web" in out.replace("[", "").replace("]", "")


def test_a_command_loads_only_what_it_needs() -> None:
    """Start-up is what a user, a test and each process of the demo wait for."""
    looked_at = "import sys; from stream_reconcile.cli import app; app(['simulate', '--help'], standalone_mode=False);"
    others = "print(sorted({'psycopg', 'confluent_kafka', 'alembic', 'pydantic_settings'} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", looked_at + others], capture_output=True, text=True, timeout=60, check=True
    )
    assert "order flow" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
