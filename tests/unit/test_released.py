"""What each release left in an installation is kept, so that upgrades from it are tried for ever (`make released`)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stream_reconcile.log.schemas import schema_directory
from stream_reconcile.store.migration_files import find_migrations
from support import released

OURS = {one.name: one.sha256 for one in find_migrations()}
KEPT = released.kept()


def test_the_changelog_has_this_version() -> None:
    assert released.version() in released.changelog()


def test_every_release_is_kept() -> None:
    missing = set(released.released()) - set(KEPT)
    assert not missing, f"run `make released` in the tree of {missing}, and keep what it writes in tests/released"


def test_a_release_is_kept_with_all_its_migrations() -> None:
    name = released.version()
    if name not in released.released():
        return  # `make released` comes with the release
    assert released.about(name)["migrations"] == OURS, (
        f"{name} is released: a new migration belongs to the next version, in pyproject.toml and CHANGELOG.md"
    )


def test_records_are_kept_of_the_same_versions() -> None:
    assert sorted(path.name for path in (schema_directory() / "released").iterdir()) == sorted(KEPT)


@pytest.mark.parametrize("name", KEPT)
def test_a_migration_that_was_released_is_never_changed(name: str) -> None:
    then = released.about(name)["migrations"]
    assert then == {one: OURS.get(one) for one in list(OURS)[: len(then)]}, (
        f"these are in tables somewhere since {name}: put changes into a new file"
        if name in released.released()
        else f"{name} is not released: `make released` keeps it anew"
    )


@pytest.mark.parametrize("name", KEPT)
def test_what_is_kept_has_rows_in_every_table_rights_and_the_log(name: str) -> None:
    text = (released.FOLDER / name / "tables.sql").read_text(encoding="utf-8")
    tables = set(re.findall(r"^CREATE TABLE (\S+) \(", text, re.MULTILINE))
    assert len(tables) > 20
    assert tables == set(re.findall(r"^INSERT INTO (\S+) ", text, re.MULTILINE))
    for role in ("migrator", "writer", "reader", "intent"):
        assert f"reconcile_{role}" in text
    log = (released.FOLDER / name / "log.jsonl").read_text(encoding="utf-8")
    topics = [topic for topic in released.about(name)["partitions"] if f'"topic": "{topic}"' in log]
    assert len(topics) >= 5


def test_what_is_released_is_not_kept_anew(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(released, "FOLDER", tmp_path)
    monkeypatch.setattr(released, "changelog", lambda: {released.version(): True})
    assert released.main() == 1
    assert "is released" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_which_versions_are_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(released, "version", lambda: "0.10.0")
    monkeypatch.setattr(released, "changelog", lambda: {"0.10.0": False, "0.9.0": True, "0.1.0": False})
    assert released.released() == ["0.1.0", "0.9.0"]
    monkeypatch.setattr(released, "changelog", lambda: {"0.10.0": True, "0.9.0": True})
    assert released.released() == ["0.9.0", "0.10.0"]
