"""Leases in a real Postgres: one holder, by the database's clock, and never an epoch twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from stream_reconcile.core.errors import FencedError
from stream_reconcile.store import leases
from stream_reconcile.store.connect import connect
from stream_reconcile.store.leases import Lease
from support.servers import SCHEMA
from support.waiting import wait_until

pytestmark = pytest.mark.rows_only


@pytest.fixture
def connection(database: str) -> Any:
    with connect(database, SCHEMA, name="test") as made:
        yield made


def take(connection: psycopg.Connection[Any], owner: str, *, seconds: float = 15) -> Lease:
    lease = leases.acquire(connection, "ingest", "A", owner, seconds=seconds)
    assert lease is not None
    return lease


def run_out(connection: psycopg.Connection[Any]) -> None:
    connection.execute("UPDATE leases SET expires_at = clock_timestamp() - interval '1 ms'")


def test_one_holder_at_a_time(connection: psycopg.Connection[Any]) -> None:
    lease = take(connection, "one")
    assert leases.acquire(connection, "ingest", "A", "two") is None
    holder = leases.holder(connection, "ingest", "A")
    assert holder is not None
    assert (holder.owner, holder.epoch) == ("one", lease.epoch)
    assert leases.acquire(connection, "ingest", "B", "two") is not None
    assert leases.acquire(connection, "sweep", "A", "two") is not None


def test_taken_when_it_ran_out_with_a_greater_epoch(connection: psycopg.Connection[Any]) -> None:
    first = take(connection, "one", seconds=0.05)
    second = wait_until(lambda: leases.acquire(connection, "ingest", "A", "two"), what="the lease to run out")
    assert second.epoch > first.epoch
    assert not leases.renew(connection, first)
    assert not leases.release(connection, first)
    assert leases.renew(connection, second)


def test_one_that_ran_out_and_nobody_took_can_be_kept(connection: psycopg.Connection[Any]) -> None:
    lease = take(connection, "one")
    run_out(connection)
    assert leases.holder(connection, "ingest", "A") is None
    assert leases.renew(connection, lease)
    assert leases.acquire(connection, "ingest", "A", "two") is None


def test_released_is_free_at_once(connection: psycopg.Connection[Any]) -> None:
    lease = take(connection, "one")
    assert leases.release(connection, lease)
    assert take(connection, "two").epoch > lease.epoch


def test_no_epoch_twice_though_the_clock_stands_or_the_row_is_from_the_future(
    connection: psycopg.Connection[Any],
) -> None:
    epochs = []
    for _ in range(20):
        epochs.append(take(connection, "one").epoch)
    assert epochs == sorted(set(epochs))
    connection.execute("UPDATE leases SET epoch = epoch + 1000000000000, expires_at = clock_timestamp()")
    assert take(connection, "two").epoch > epochs[-1] + 1_000_000_000_000 - 1


def test_of_many_who_reach_for_it_one_gets_it(database: str) -> None:
    barrier = threading.Barrier(8)

    def reach(number: int) -> Lease | None:
        with connect(database, SCHEMA, name="test") as mine:
            barrier.wait(10)
            return leases.acquire(mine, "ingest", "A", f"owner-{number}")

    with ThreadPoolExecutor(8) as pool:
        got = [lease for lease in pool.map(reach, range(8)) if lease is not None]
    assert len(got) == 1


def test_what_a_holder_writes_nobody_can_get_between(database: str, connection: psycopg.Connection[Any]) -> None:
    lease = take(connection, "one")
    run_out(connection)
    with connect(database, SCHEMA, name="other", lock_timeout_ms=200) as other:
        with connection.transaction():
            leases.hold(connection, lease)
            with pytest.raises(psycopg.errors.LockNotAvailable):
                leases.acquire(other, "ingest", "A", "two")
        assert leases.acquire(other, "ingest", "A", "two") is not None
    with pytest.raises(FencedError), connection.transaction():
        leases.hold(connection, lease)
