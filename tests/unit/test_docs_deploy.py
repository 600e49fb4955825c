"""docs/deploy.md and docs/runbooks.md name commands, settings, files and ports that there are."""

from __future__ import annotations

import re

import pytest

from stream_reconcile.cli import COMMANDS
from stream_reconcile.commands.run import Role
from stream_reconcile.config import Settings, env_name, secret_fields
from support.command_line import parse_command
from support.deploy import DEPLOY, ROOT, compose, manifests, unknown_settings

PAGES = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("deploy.md", "runbooks.md")}
DEPLOY_PAGE = PAGES["deploy.md"]


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_those_of_the_program(page: str) -> None:
    found = re.findall(rf"stream-reconcile ((?:{'|'.join(COMMANDS)})\b[^`\n]*)", PAGES[page])
    assert found
    for written in found:
        if "…" not in written:
            parse_command(written)


@pytest.mark.parametrize("page", PAGES)
def test_settings_are_those_of_the_program(page: str) -> None:
    names = re.findall(r"\b((?:RECONCILE|APCA|KAFKA|SCHEMA_REGISTRY|DATABASE)_[A-Z_]+[A-Z])\b(?!_?…)", PAGES[page])
    known = {env_name(field) for field in Settings.model_fields}
    assert set(names) & known
    assert unknown_settings(names) == []


def test_the_table_of_roles_is_complete() -> None:
    assert re.findall(r"^\| `(\w+)` \| \d", DEPLOY_PAGE, re.MULTILINE) == [role.value for role in Role]


def test_addresses_are_those_of_compose() -> None:
    services = compose()["services"]
    published = {port.rpartition(":")[0] for service in services.values() for port in service.get("ports", [])}
    named = set(re.findall(r"127\.0\.0\.1:\d+", DEPLOY_PAGE))
    registry = {one.rpartition(":")[0] for one in services["registry"]["ports"]}
    assert named == published - registry


def test_the_secrets_are_those_that_the_manifests_want() -> None:
    (settings,) = (
        found["data"] for _, found in manifests(DEPLOY / "kubernetes" / "base") if found["kind"] == "ConfigMap"
    )
    files = {path.rpartition("/")[2] for name, path in settings.items() if name.endswith("_FILE")}
    (made,) = re.findall(r"generic stream-reconcile ((?:.|\\\n)*?)\n\$", DEPLOY_PAGE)
    assert files <= set(re.findall(r"--from-file=([\w.-]+)", made))
    assert {f"{env_name(field)}_FILE" for field in secret_fields()} >= {
        name for name in settings if name.endswith("_FILE")
    }
