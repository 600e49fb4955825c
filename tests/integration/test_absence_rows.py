"""What makes two times "not found" an absence (I6): they are far enough apart, and nothing was found in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

import pytest

from stream_reconcile.store import leases
from stream_reconcile.store.connect import connect
from stream_reconcile.store.sweeps import NotFound, Run, SweepStore
from support.servers import SCHEMA

pytestmark = pytest.mark.rows_only

BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
APART_S: Final = 15


def after(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def run(began_s: float) -> Run:
    return Run(uuid4(), after(began_s), BEGIN)


@pytest.fixture
def store(database: str) -> Iterator[SweepStore]:
    with connect(database, SCHEMA, name="test") as connection:
        connection.execute("INSERT INTO accounts (account_id, key_fingerprint) VALUES ('A', 'k')")
        lease = leases.acquire(connection, "sweep", "A", "test")
        assert lease is not None
        yield SweepStore(connection, lease)


def absent(store: SweepStore, asked_s: float, answered_s: float | None = None) -> tuple[int, datetime] | None:
    """Not found, of a request from then to then; what is known by now."""
    said = NotFound(after(asked_s), after(asked_s if answered_s is None else answered_s))
    return store.note_absences({"x": said}, id_kind="client", apart_s=APART_S).get("x")


def test_two_readings_far_enough_apart(store: SweepStore) -> None:
    # Asked for over a minute: only its answer is a reading. What is near to it is the same once more.
    assert absent(store, 0, 59) == (1, after(59))
    assert absent(store, 61) == (1, after(59))
    assert absent(store, 73.9, 80) == (1, after(59))
    assert absent(store, 74) == (2, after(59))
    assert absent(store, 75) == (2, after(59))


def test_a_sweep_that_asked_earlier_and_is_over_later_counts_for_nothing(store: SweepStore) -> None:
    assert absent(store, 60) == (1, after(60))
    assert absent(store, 5) == (1, after(60))
    assert absent(store, 75) == (2, after(60))


def test_what_is_found_takes_two_again(store: SweepStore) -> None:
    assert absent(store, 0) == (1, after(0))
    store.note_checks(run(10), ["x"], id_kind="client")
    assert absent(store, 20) == (1, after(20))
    # Found by a sweep that began before, and read it at some time since.
    store.note_checks(run(5), ["x"], id_kind="client")
    assert absent(store, 36) == (1, after(36))
    assert absent(store, 51) == (2, after(36))


def test_what_was_asked_before_it_was_found_is_no_absence_any_more(store: SweepStore) -> None:
    store.note_checks(run(10), ["x"], id_kind="client")
    assert absent(store, 5) is None
    assert absent(store, 21) == (1, after(21))
