"""docs/intents.md is true: its statements run as the role, and its tables are what the database grants and answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import psycopg
import pytest
from psycopg import errors

from stream_reconcile import intents
from support.logins import temporary_logins

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "intents.md").read_text(encoding="utf-8")
SQL = [statement for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) for statement in [block.strip()]]


@pytest.fixture
def owner(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def loop(database: str) -> Iterator[psycopg.Connection]:
    with temporary_logins(database) as make, psycopg.connect(make("reconcile_intent"), autocommit=True) as connection:
        yield connection


def rows(heading: str) -> list[list[str]]:
    """Cells of the first table under a heading, without its head."""
    lines = PAGE[PAGE.index(heading) :].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    found = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def granted(owner: psycopg.Connection, privilege: str) -> set[str]:
    query = """SELECT a.attname FROM pg_attribute a
               WHERE a.attrelid = 'reconcile.trade_decisions'::regclass AND a.attnum > 0
                 AND has_column_privilege('reconcile_intent', a.attrelid, a.attnum, %s)"""
    return {name for (name,) in owner.execute(query, [privilege])}


def test_the_statements_do_what_the_page_says(loop: psycopg.Connection) -> None:
    login, insert, update, look = SQL
    assert "GRANT reconcile_intent TO" in login
    (decision_id,) = loop.execute(insert).fetchone() or (None,)
    assert decision_id is not None
    assert loop.execute(insert).fetchone() is None, "no row: there is one already"
    assert loop.execute(update).rowcount == 0, "there is no such decision"
    own = re.sub(r"[0-9]{8}-[-0-9]{27}", str(decision_id), update)
    for _ in range(2):  # repeated after a lost connection
        assert loop.execute(own).rowcount == 1  # type: ignore[call-overload]  # made of the page's own text
    found, submitted_at, state = loop.execute(look).fetchone() or (None, None, None)
    assert (found, state) == (decision_id, "submitted")
    assert submitted_at is not None


def test_the_columns_are_those_that_the_role_has(owner: psycopg.Connection) -> None:
    table = rows("### What may be written")
    written = {kind: {row[0].strip("`") for row in table if row[1].startswith(kind)} for kind in ("insert", "update")}
    assert written["insert"] == granted(owner, "INSERT")
    assert written["update"] == granted(owner, "UPDATE")
    readable = PAGE[PAGE.index("### What may be read") :].split("The states:")[0]
    assert set(re.findall(r"`(\w+)`", readable)) == granted(owner, "SELECT")


def test_states_and_results_are_those_of_the_table(owner: psycopg.Connection) -> None:
    checks = "\n".join(
        text
        for (text,) in owner.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = 'reconcile.trade_decisions'::regclass AND contype = 'c'"
        )
    )
    for name in (row[0].strip("`") for row in rows("### What may be read")):
        assert f"'{name}'::text" in checks
    for result in get_args(intents.Result):
        assert f"'{result}'::text" in checks
        assert f"`{result}`" in PAGE


def test_postgres_answers_as_the_page_says(loop: psycopg.Connection, database: str) -> None:
    plan = "INSERT INTO reconcile.trade_decisions (account_id, client_order_id, qty) VALUES (%s, %s, %s)"
    loop.execute(plan, ["a", "mine", 1])
    loop.execute(plan, ["a", "second", 1])
    loop.execute("UPDATE reconcile.trade_decisions SET submitted_at = now() WHERE client_order_id = 'second'")
    with psycopg.connect(database) as other:
        other.execute(plan, ["a", "other's", 1])
    update = "UPDATE reconcile.trade_decisions SET "
    tries = [
        update + "state = 'bound' WHERE client_order_id = 'mine'",
        "SELECT qty FROM reconcile.trade_decisions",
        "DELETE FROM reconcile.trade_decisions WHERE client_order_id = 'mine'",
        update + "submit_result = 'accepted' WHERE client_order_id IN ('mine', 'second')",
        update + "submit_result = 'accepted' WHERE client_order_id = 'other''s'",
        update + "submitted_at = now() WHERE client_order_id = 'second'",
        update + "submit_result = 'filled' WHERE client_order_id = 'mine'",
        "INSERT INTO reconcile.trade_decisions (account_id, client_order_id) VALUES ('a', 'mine')",
    ]
    for attempt, (row, answer) in zip(tries, rows("### What the role may not do"), strict=True):
        with pytest.raises(errors.Error) as refused:
            loop.execute(attempt)  # type: ignore[call-overload]  # a test's own statement
        assert refused.value.sqlstate == answer[:5], row
