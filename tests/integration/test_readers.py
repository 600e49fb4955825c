"""What status pages read: typed, in order, from one moment, and never a write."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from stream_reconcile.store import readers
from stream_reconcile.store.connect import connect

pytestmark = pytest.mark.rows_only

AT = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database, "reconcile", name="t") as opened:
        yield opened


def put_cursor(connection: psycopg.Connection, topic: str, partition: int, group: str = "g") -> None:
    connection.execute(
        """INSERT INTO stream_cursors (consumer_group, topic, partition, next_offset, max_offset, owner, epoch,
                                       cluster_id, topic_id, last_record_at)
           VALUES (%s, %s, %s, 5, 9, 'me', 7, 'cluster', 'id', %s)""",
        [group, topic, partition, AT],
    )


def put_dead_letter(
    connection: psycopg.Connection,
    offset: int,
    *,
    topic_id: str = "id",
    resolved: bool = False,
    recorded: datetime = AT,
) -> None:
    connection.execute(
        """INSERT INTO dead_letters (topic_id, topic, partition, "offset", key, payload, kafka_timestamp, account_id,
                                     reason, error, recorded_at, resolved_at)
           VALUES (%s, 't', 0, %s, 'k', %s, %s, 'a', 'undecodable', 'no header', %s, %s)""",
        [topic_id, offset, topic_id.encode() + b"\x00", AT, recorded, AT if resolved else None],
    )


def put_discrepancy(connection: psycopg.Connection, account: str, kind: str, subject: str, seen: datetime) -> None:
    connection.execute(
        """INSERT INTO discrepancies (account_id, type, subject, evidence, first_seen_at)
           VALUES (%s, %s, %s, '{"broker": "10", "ours": "9"}', %s)""",
        [account, kind, subject, seen],
    )


def test_a_new_schema_reads_as_empty(connection: psycopg.Connection) -> None:
    assert readers.counts(connection) == readers.Counts(0, 0, 0, 0, 0, 0, 0, 0)
    for read in (
        readers.accounts,
        readers.leases,
        readers.sessions,
        readers.open_gaps,
        readers.open_discrepancies,
        readers.open_discrepancy_counts,
        readers.dead_letters,
    ):
        assert read(connection) == []
    assert readers.cursors(connection, "g") == []
    assert readers.dead_letter(connection, "t", 0, 0) is None
    assert readers.why(connection, "o") is None


def test_cursors_of_one_group_in_order(connection: psycopg.Connection) -> None:
    for topic, partition in (("t.b", 0), ("t.a", 10), ("t.a", 2)):
        put_cursor(connection, topic, partition)
    put_cursor(connection, "t.a", 0, group="another")
    found = readers.cursors(connection, "g")
    assert [(cursor.topic, cursor.partition) for cursor in found] == [("t.a", 2), ("t.a", 10), ("t.b", 0)]
    assert found[0] == readers.Cursor("t.a", 2, 5, 9, "me", 7, None, "cluster", "id", AT)


def test_open_discrepancies_oldest_first(connection: psycopg.Connection) -> None:
    put_discrepancy(connection, "a", "missing_fill", "o-1", AT)
    put_discrepancy(connection, "b", "excess_fill", "o-2", AT - timedelta(hours=1))
    put_discrepancy(connection, "a", "missing_fill", "o-3", AT + timedelta(hours=1))
    put_discrepancy(connection, "a", "missing_fill", "o-4", AT)
    connection.execute("UPDATE discrepancies SET state = 'resolved', resolved_at = now() WHERE subject = 'o-4'")
    found = readers.open_discrepancies(connection)
    assert [one.subject for one in found] == ["o-2", "o-1", "o-3"]
    assert found[0].evidence == {"broker": "10", "ours": "9"}
    assert [one.subject for one in readers.open_discrepancies(connection, account_id="a")] == ["o-1", "o-3"]
    assert [one.subject for one in readers.open_discrepancies(connection, limit=1)] == ["o-2"]
    assert readers.open_discrepancy_counts(connection) == [
        readers.DiscrepancyCount("a", "missing_fill", 2),
        readers.DiscrepancyCount("b", "excess_fill", 1),
    ]
    assert readers.counts(connection).open_discrepancies == 3


def test_dead_letters_are_listed_without_and_shown_with_their_bytes(connection: psycopg.Connection) -> None:
    put_dead_letter(connection, 12)
    put_dead_letter(connection, 7)
    put_dead_letter(connection, 8, resolved=True)
    assert [letter.offset for letter in readers.dead_letters(connection)] == [7, 12]
    assert [letter.offset for letter in readers.dead_letters(connection, resolved_too=True)] == [7, 8, 12]
    assert [letter.offset for letter in readers.dead_letters(connection, limit=1)] == [7]
    assert readers.counts(connection).open_dead_letters == 2
    shown = readers.dead_letter(connection, "t", 0, 12)
    assert shown is not None
    assert (shown.key, shown.payload, shown.reason, shown.kafka_timestamp) == (b"k", b"id\x00", "undecodable", AT)


def test_of_a_topic_made_anew_the_newest_dead_letter_is_shown(connection: psycopg.Connection) -> None:
    put_dead_letter(connection, 3, topic_id="z-old")
    put_dead_letter(connection, 3, topic_id="a-new", recorded=AT + timedelta(days=1))
    shown = readers.dead_letter(connection, "t", 0, 3)
    assert shown is not None
    assert shown.topic_id == "a-new"


def test_leases_say_whether_they_are_held(connection: psycopg.Connection) -> None:
    connection.execute(
        """INSERT INTO leases VALUES ('sweep', 'a', 'me', 2, now() + interval '1 minute'),
                                     ('ingest', 'a', 'gone', 1, now() - interval '1 minute')"""
    )
    found = readers.leases(connection)
    assert [(lease.job, lease.owner, lease.held) for lease in found] == [
        ("ingest", "gone", False),
        ("sweep", "me", True),
    ]


def test_sessions_newest_first_for_each_account(connection: psycopg.Connection) -> None:
    for account in ("a", "b"):
        for hour in range(3):
            connection.execute(
                """INSERT INTO stream_sessions (account_id, owner, lease_epoch, opened_at, good_until_ns)
                   VALUES (%s, 'me', 1, %s, 1767623400123456789)""",
                [account, AT + timedelta(hours=hour)],
            )
    found = readers.sessions(connection, per_account=2)
    assert [(one.account_id, one.opened_at.hour) for one in found] == [("a", 16), ("a", 15), ("b", 16), ("b", 15)]
    assert found[0].good_until_ns == 1767623400123456789
    assert found[0].good_until == datetime(2026, 1, 5, 14, 30, 0, 123456, tzinfo=UTC)
    assert isinstance(found[0].session_id, UUID)


def test_gaps_that_no_sweep_has_covered(connection: psycopg.Connection) -> None:
    connection.execute(
        """INSERT INTO stream_gaps (account_id, window_start, window_end, reason, closed_at, closed_by) VALUES
               ('a', '2026-01-05 14:30Z', NULL, 'start', NULL, NULL),
               ('a', '1970-01-01 00:00Z', '2026-01-05 14:30Z', 'recreated log', NULL, NULL),
               ('a', '2026-01-05 14:00Z', '2026-01-05 14:30Z', 'listening', now(), 'sweep 1')"""
    )
    found = readers.open_gaps(connection)
    assert [(gap.reason, gap.window_end) for gap in found] == [("recreated log", AT), ("start", None)]
    assert readers.counts(connection).open_gaps == 2


def test_accounts(connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO accounts VALUES ('a', 'fingerprint', %s)", [AT])
    assert readers.accounts(connection) == [readers.Account("a", "fingerprint", AT)]


def test_a_snapshot_is_of_one_moment_and_cannot_write(connection: psycopg.Connection, database: str) -> None:
    put_cursor(connection, "t", 0)
    with connect(database, "reconcile", name="other") as other, readers.snapshot(connection):
        before = readers.counts(connection)
        put_dead_letter(other, 1)
        other.execute("UPDATE stream_cursors SET next_offset = 6")
        assert readers.counts(connection) == before
        assert readers.cursors(connection, "g")[0].next_offset == 5
    assert readers.cursors(connection, "g")[0].next_offset == 6
    with pytest.raises(errors.ReadOnlySqlTransaction), readers.snapshot(connection):
        put_dead_letter(connection, 2)
