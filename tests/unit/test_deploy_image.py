"""deploy/Dockerfile and deploy/systemd: sane by their linters, and of settings and commands that the program has."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from stream_reconcile.commands.run import Role
from support.command_line import parse_command
from support.deploy import DEPLOY, ROOT, compose, env_file, settings_of, unknown_settings

DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
UNIT_FILE = DEPLOY / "systemd" / "stream-reconcile@.service"
UNIT = UNIT_FILE.read_text(encoding="utf-8")


def test_hadolint_finds_nothing_to_say() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_base_can_be_pinned_and_is_not_latest() -> None:
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${PYTHON_IMAGE}"] * 2
    base = re.search(r"^ARG PYTHON_IMAGE=(\S+)", DOCKERFILE, re.MULTILINE)
    assert base
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", base[1])
    assert compose()["services"]["web"]["build"]["args"] == {"PYTHON_IMAGE": base[1]}


def test_what_is_installed_is_pinned_by_hash() -> None:
    installs = re.findall(r"pip install(?:[^&]|&(?!&))*", DOCKERFILE)
    assert len(installs) == 3
    assert all("--require-hashes" in one or "--no-deps --offline" in one for one in installs)


def test_it_runs_as_nobody_in_particular() -> None:
    final = DOCKERFILE.rpartition("FROM ")[2]
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    assert "VOLUME" not in final


def test_its_settings_port_and_command_are_the_programs(tmp_path: Path) -> None:
    final = DOCKERFILE.rpartition("FROM ")[2]
    environ = dict(re.findall(r"([A-Z]+_[A-Z_]+)=(\S+)", final[final.index("ENV ") : final.index("USER ")]))
    assert unknown_settings(environ) == []
    settings = settings_of({name: value for name, value in environ.items() if name.startswith("RECONCILE_")}, tmp_path)
    assert settings.embedded is False
    assert f"EXPOSE {settings.listen.port}\n" in final
    assert f"127.0.0.1:{settings.listen.port}/livez" in final
    (command,) = re.findall(r'^CMD \["(\w+)"\]', final, re.MULTILINE)
    assert parse_command(command)[0] == "run"
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert re.findall(r'^ENTRYPOINT \["([\w-]+)"\]', final, re.MULTILINE) == list(scripts)


def test_what_is_copied_is_there_and_let_through() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] in let_through, source
    assert let_through <= {path.name for path in ROOT.iterdir()}


def test_the_image_has_what_the_program_needs_and_no_embedded_servers() -> None:
    def pins(name: str) -> dict[str, str]:
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        return dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE))

    server, everything = pins("server.txt"), pins("runtime.txt")
    assert server.items() <= everything.items()
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split(r"[\[><=]", one)[0] for one in wanted["dependencies"]]
    assert set(names) <= server.keys()
    embedded = {re.split(r"[><=]", one)[0] for one in wanted["optional-dependencies"]["embedded"]}
    assert not embedded & server.keys()


def of_unit(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


def test_the_unit_runs_a_role_with_settings_of_the_program(tmp_path: Path) -> None:
    (command,) = of_unit("ExecStart")
    words = command.split()
    assert words[0].endswith("/stream-reconcile")
    for role in Role:
        assert parse_command([word.replace("%i", role) for word in words[1:]])[1]["role"] == [role]
    environ = dict(one.split("=", 1) for line in of_unit("Environment") for one in line.split())
    example = env_file(DEPLOY / "systemd" / "settings.env.example", commented=True)
    assert unknown_settings(environ | example) == []
    assert settings_of(environ | example, tmp_path).require_accounts()
    credentials = {one.partition(":")[0] for one in of_unit("LoadCredential")}
    files = {value for name, value in environ.items() if name.endswith("_FILE")}
    assert files == {f"%d/{name}" for name in credentials}


def test_the_unit_gives_it_time_and_does_not_insist_on_a_mistake() -> None:
    assert int(of_unit("TimeoutStopSec")[0]) > 25
    assert of_unit("RestartPreventExitStatus") == ["2"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit_and_finds_it_safe(tmp_path: Path) -> None:
    unit = tmp_path / "stream-reconcile@.service"
    # the program is not installed where the unit looks for it
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT, flags=re.MULTILINE), encoding="utf-8")
    instance = tmp_path / "stream-reconcile@apply.service"
    instance.symlink_to(unit.name)
    done = subprocess.run(
        ["systemd-analyze", "verify", instance], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", instance],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout[-400:]
