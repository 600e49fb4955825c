"""Query files: each query has a name and a description, and the package's own files are well-formed."""

from __future__ import annotations

from importlib import resources

import pytest

from stream_reconcile.store.queries import QueryFileError, load, parse

GOOD = """-- What this file is about.

-- name: first
-- Gives one; 100 % of the time.
-- More of it.
SELECT 1  -- here

-- name: second
-- Gives two.

SELECT %(two)s;
"""


def test_each_query_keeps_its_name_and_loses_its_description() -> None:
    queries = parse(GOOD, "good.sql")
    assert dict(queries) == {"first": "-- first\nSELECT 1  -- here", "second": "-- second\nSELECT %(two)s;"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT 1", "no line `-- name: …`"),
        ("-- name: \n-- Says.\nSELECT 1", "no name for a query"),
        ("-- name: First\n-- Says.\nSELECT 1", "no name for a query"),
        ("-- name: a\n-- Says.\nSELECT 1\n-- name: a\n-- Says.\nSELECT 2", "twice"),
        ("-- name: a\nSELECT 1", "describes"),
        ("-- name: a\n--\nSELECT 1", "describes"),
        ("-- name: a\n-- Says.\n", "no query"),
        ("-- name: a\n-- name: b\n-- Says.\nSELECT 1", "describes"),
    ],
)
def test_a_file_that_is_not_well_formed_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(QueryFileError, match=complaint) as caught:
        parse(text, "bad.sql")
    assert "bad.sql" in str(caught.value)


def test_a_loaded_file_cannot_be_changed_by_its_reader() -> None:
    queries = load("readers.sql")
    assert load("readers.sql") is queries
    with pytest.raises(TypeError):
        queries["counts"] = "DROP TABLE executions"  # type: ignore[index]  # that is what is tried


def test_every_query_file_of_the_package_is_well_formed() -> None:
    folder = resources.files("stream_reconcile.store").joinpath("sql")
    scripts = {"history.sql", "roles.sql", "grants.sql", "grants_primary.sql"}  # run whole, not by name
    names = {file.name for file in folder.iterdir() if file.name.endswith(".sql")} - scripts
    assert "readers.sql" in names
    for name in names:
        assert load(name)
