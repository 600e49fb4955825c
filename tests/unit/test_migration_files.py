"""Migration files: found by name, in order of their numbers, twins and strangers refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.store.migration_files import find_migrations


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text(f"-- {name}\n", encoding="utf-8")


def test_files_come_in_order_of_their_numbers(tmp_path: Path) -> None:
    write(tmp_path, "0010_derived_more.sql", "0002_derived.sql", "0001_primary.sql", "README.md")
    found = find_migrations(tmp_path)
    assert [(m.version, m.name, m.kind) for m in found] == [
        ("0001", "0001_primary", "primary"),
        ("0002", "0002_derived", "derived"),
        ("0010", "0010_derived_more", "derived"),
    ]
    assert found[0].sql == "-- 0001_primary.sql\n"
    assert found[0].sha256 == hashlib.sha256(b"-- 0001_primary.sql\n").hexdigest()


@pytest.mark.parametrize(
    "name", ["1_primary.sql", "0001_other.sql", "0001-primary.sql", "0001_primarykeys.sql", "x.sql"]
)
def test_a_file_of_another_name_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, "0002_derived.sql", name)
    with pytest.raises(ConfigError, match="NNNN_primary"):
        find_migrations(tmp_path)


def test_a_number_given_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "0002_derived.sql", "0002_primary_other.sql")
    with pytest.raises(ConfigError, match="same number"):
        find_migrations(tmp_path)


def test_what_a_file_says_at_its_head(tmp_path: Path) -> None:
    write(tmp_path, "0001_primary.sql")
    (tmp_path / "0002_primary.sql").write_text(
        "-- An index.\n-- outside a transaction\n-- oldest program: 0001\nCREATE INDEX CONCURRENTLY i ON t (a);\n"
    )
    (tmp_path / "0003_primary.sql").write_text("CREATE TABLE t (a int);\n-- outside a transaction\n")
    found = find_migrations(tmp_path)
    assert [(m.outside, m.oldest_program) for m in found] == [(False, None), (True, "0001"), (False, None)]


@pytest.mark.parametrize("oldest", ["0003", "2", "", "none"])
def test_an_oldest_program_that_is_none_is_refused(tmp_path: Path, oldest: str) -> None:
    (tmp_path / "0002_primary.sql").write_text(f"-- oldest program: {oldest}\nDROP TABLE t")
    with pytest.raises(ConfigError, match="0002 at most"):
        find_migrations(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no migrations"):
        find_migrations(tmp_path)


def test_the_packages_own_files_have_no_hole_in_their_numbers() -> None:
    found = find_migrations()
    assert [int(migration.version) for migration in found] == list(range(1, len(found) + 1))
    assert found[0].kind == "primary"
