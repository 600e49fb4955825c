"""`stream-reconcile discrepancies` as a process, on a real Postgres, while nothing else runs, Kafka neither."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from jsonschema import Draft202012Validator
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from stream_reconcile.core.discrepancy_types import TYPES
from support.command import stream_reconcile
from support.logins import temporary_logins

SHAPE = Draft202012Validator(
    json.loads(
        (Path(__file__).resolve().parents[2] / "docs" / "json" / "discrepancies.schema.json").read_text(
            encoding="utf-8"
        )
    ),
    format_checker=Draft202012Validator.FORMAT_CHECKER,
)
ACCOUNT, OTHER = "account-1", "account-2"
EVIDENCE = {"broker": {"filled_qty": "10"}, "ours": {"net": "7.5", "fills": 3}}
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Books:
    """A database with discrepancies, and the command that looks at it."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn = dsn
        self.folder = folder

    def execute(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.dsn, options="-c search_path=reconcile", row_factory=dict_row) as connection:
            cursor = connection.execute(statement, values)  # type: ignore[call-overload]  # a test's own statement
            return cursor.fetchall() if cursor.description else []

    def add(
        self, kind: str, subject: str = "o-1", *, account: str = ACCOUNT, state: str = "open", hours: int = 0
    ) -> int:
        """One that was first seen `hours` after noon, and last a minute later."""
        seen = NOON + timedelta(hours=hours)
        (row,) = self.execute(
            "INSERT INTO discrepancies (account_id, type, subject, state, evidence, first_seen_at, last_seen_at,"
            " resolved_at, resolution, resolved_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " RETURNING discrepancy_id",
            *(account, kind, subject, state, Jsonb(EVIDENCE), seen, seen + timedelta(minutes=1)),
            *((None, None, None) if state == "open" else (seen, "the sums agree", "apply")),
        )
        return int(row["discrepancy_id"])

    def run(self, *arguments: str, dsn: str | None = None) -> tuple[int, str, str]:
        settings = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "DATABASE_URL": dsn or self.dsn}
        done = stream_reconcile("discrepancies", *arguments, settings=settings, folder=self.folder)
        return done.returncode, done.stdout, done.stderr

    def report(self, *arguments: str) -> dict[str, Any]:
        status, out, err = self.run(*arguments, "--json")
        assert status == 0, err
        document: dict[str, Any] = json.loads(out)
        SHAPE.validate(document)
        return document

    def listed(self, *arguments: str) -> list[int]:
        return [row["discrepancy_id"] for row in self.report("list", *arguments)["discrepancies"]]


@pytest.fixture
def books(database: str, tmp_path: Path) -> Books:
    return Books(database, tmp_path)


def test_nothing_is_a_list_too(books: Books) -> None:
    assert books.report("list") == {"open": 0, "matching": 0, "discrepancies": []}
    assert books.run("list") == (0, "0 open\n", "")


def test_list_shows_what_is_open_newest_last_and_ends_with_0(books: Books) -> None:
    newest = books.add("missing_fill", "o-2", hours=2)
    oldest = books.add("external_order", "o-1", hours=0)
    books.add("missing_fill", "o-3", hours=1, state="resolved")
    found = books.report("list")
    assert (found["open"], found["matching"]) == (2, 2)
    assert [row["discrepancy_id"] for row in found["discrepancies"]] == [oldest, newest]
    assert [row["blocks_proof"] for row in found["discrepancies"]] == [False, True]
    status, out, _ = books.run("list")
    assert status == 0
    head, first, second, total = out.splitlines()
    assert head.split() == ["ID", "TYPE", "SUBJECT", "ACCOUNT", "FIRST", "SEEN", "LAST", "SEEN", "STATE", "PROOF"]
    assert (first.split()[1], first.split()[-1]) == ("external_order", "-")
    assert (second.split()[1], second.split()[-1]) == ("missing_fill", "blocked")
    assert total == "2 open"


def test_the_filters_of_list(books: Books) -> None:
    first = books.add("missing_fill", hours=0)
    second = books.add("external_order", hours=1, account=OTHER)
    third = books.add("missing_fill", "o-2", hours=2, state="resolved")
    fourth = books.add("external_order", "o-2", hours=3, state="accepted")
    assert books.listed("--state", "all") == [first, second, third, fourth]
    assert books.listed("--state", "resolved") == [third]
    assert books.listed("--state", "accepted") == [fourth]
    assert books.listed("--state", "all", "--type", "missing_fill") == [first, third]
    assert books.listed("--account", OTHER) == [second]
    # Last seen a minute past the hour; without a zone the time is UTC.
    assert books.listed("--state", "all", "--since", "2026-01-05T14:01:00") == [third, fourth]
    assert books.listed("--state", "all", "--since", "2026-01-05T15:01:00.000001+01:00") == [fourth]
    assert books.listed("--state", "all", "--since", "2026-01-05") == [first, second, third, fourth]
    limited = books.report("list", "--state", "all", "--limit", "2")
    assert ([row["discrepancy_id"] for row in limited["discrepancies"]], limited["matching"]) == ([third, fourth], 4)
    assert "the newest 2 of 4: --limit shows more" in books.run("list", "--state", "all", "--limit", "2")[1]


def test_show_has_the_evidence_of_both_sides_and_the_advice(books: Books) -> None:
    number = books.add("missing_fill")
    (row,) = books.report("show", str(number))["discrepancies"]
    assert (row["evidence"], row["blocks_proof"]) == (EVIDENCE, True)
    assert (row["advice"], row["closes"]) == (TYPES["missing_fill"].advice, "self")
    status, out, _ = books.run("show", str(number))
    assert status == 0
    assert 'broker: {\n  "filled_qty": "10"\n}' in out
    assert 'ours: {\n  "net": "7.5",\n  "fills": 3\n}' in out.replace(
        '"fills": 3,\n  "net": "7.5"', '"net": "7.5",\n  "fills": 3'
    )
    assert "blocks the proof: yes, while it is open" in out
    assert f"what to do: {TYPES['missing_fill'].advice}" in out


def test_show_of_one_that_is_closed_and_of_a_type_of_a_later_version(books: Books) -> None:
    closed, later = books.add("missing_fill", state="resolved"), books.add("moon_phase")
    assert "blocks the proof: not any more: it is resolved" in books.run("show", str(closed))[1]
    (row,) = books.report("show", str(later))["discrepancies"]
    assert (row["blocks_proof"], row["means"], row["advice"], row["closes"]) == (False, None, None, None)
    assert "a newer one wrote it" in books.run("show", str(later))[1]


def test_accept_closes_it_and_records_who_and_why(books: Books) -> None:
    number, untouched = books.add("external_order"), books.add("external_order", "o-2")
    status, out, _ = books.run("accept", str(number), "--reason", "placed by hand", "--who", "Ada")
    assert (status, out) == (0, "external_order o-1: accepted by Ada\n1 open\n")
    (row,) = books.execute("SELECT * FROM discrepancies WHERE discrepancy_id = %s", number)
    assert (row["state"], row["resolution"], row["resolved_by"]) == ("accepted", "placed by hand", "Ada")
    assert row["last_seen_at"] == NOON + timedelta(minutes=1), "nobody has seen it again"
    (action,) = books.execute("SELECT * FROM operator_actions")
    assert (action["action"], action["account_id"], action["subject"]) == ("discrepancy_accept", ACCOUNT, str(number))
    assert (action["who"], action["why"]) == ("Ada", "placed by hand")
    assert action["before"] == {"type": "external_order", "subject": "o-1", "state": "open", "evidence": EVIDENCE}
    assert action["after"] == {"state": "accepted", "resolution": "placed by hand", "resolved_by": "Ada"}
    assert action["finished_at"] == row["resolved_at"], "one transaction"
    assert books.listed() == [untouched]


def test_accept_in_json_and_under_the_name_of_this_login(books: Books) -> None:
    number = books.add("missing_fill")
    (row,) = books.report("accept", str(number), "--reason", "looked at")["discrepancies"]
    assert (row["state"], row["blocks_proof"]) == ("accepted", False)
    assert "@" in row["resolved_by"]


def test_accepting_what_closes_by_itself_says_so(books: Books) -> None:
    number = books.add("missing_fill")
    assert "would have closed by itself" in books.run("accept", str(number), "--reason", "x", "--who", "Ada")[1]


@pytest.mark.parametrize("state", ["resolved", "accepted"])
def test_one_that_is_closed_is_refused(books: Books, state: str) -> None:
    number = books.add("missing_fill", state=state)
    before = books.execute("SELECT * FROM discrepancies")
    status, out, err = books.run("accept", str(number), "--reason", "again", "--who", "Ada")
    assert (status, out) == (2, "")
    assert f"is not open: it was {state} by apply (the sums agree); nothing was changed" in err
    assert books.execute("SELECT * FROM discrepancies") == before
    assert books.execute("SELECT * FROM operator_actions") == []


def test_a_number_that_nobody_has(books: Books) -> None:
    for arguments in (["show", "99"], ["accept", "99", "--reason", "x"]):
        status, out, err = books.run(*arguments)
        assert (status, out) == (2, "")
        assert "there is no discrepancy 99: `stream-reconcile discrepancies list --state all`" in err
    assert books.execute("SELECT * FROM operator_actions") == []


def test_a_database_that_does_not_answer_is_status_3(books: Books) -> None:
    status, _, err = books.run("list", dsn="postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=2")
    assert status == 3
    assert "can't be reached" in err


def test_a_reader_may_look_and_not_accept(books: Books) -> None:
    number = books.add("external_order")
    with temporary_logins(books.dsn) as make_login:
        reader, writer = make_login("reconcile_reader"), make_login("reconcile_writer")
        assert books.run("show", str(number), dsn=reader)[0] == 0
        status, _, err = books.run("accept", str(number), "--reason", "x", dsn=reader)
        assert status == 2
        assert "does not let this login do that" in err
        assert books.listed() == [number]
        assert books.run("accept", str(number), "--reason", "x", dsn=writer)[0] == 0
    assert books.listed() == []
