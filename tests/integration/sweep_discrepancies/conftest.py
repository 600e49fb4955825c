"""One running program for all tests of discrepancies; each leaves it equal, proved and quiet. It ends with the last of
them: other tests do not bear threads in the background."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka.admin import AdminClient

from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from support.discrepancies import TIMING
from support.http_client import Rest
from support.servers import Servers, create_database, drop_database
from support.whole import Whole, reconciling


@pytest.fixture(scope="package")
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(seed=21, rate_limit=100_000, activity_delay_seconds=0.1) as made:
        yield made


@contextmanager
def own_place(servers: Servers, kafka: str, postgres_server: str) -> Iterator[tuple[str, str]]:
    """A database and a prefix of topics, for longer than one test."""
    name = prefix = f"test_{secrets.token_hex(6)}"
    dsn = create_database(postgres_server, name, template=servers.template())
    yield dsn, prefix
    drop_database(postgres_server, name)
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    made = [topic for topic in admin.list_topics(timeout=30).topics if topic.startswith(prefix)]
    for deleted in admin.delete_topics(made, operation_timeout=30).values():
        deleted.result(timeout=30)


@pytest.fixture(scope="package")
def shared(servers: Servers, kafka: str, postgres_server: str, simulator: RunningSimulator) -> Iterator[Whole]:
    with (
        own_place(servers, kafka, postgres_server) as (dsn, prefix),
        reconciling(simulator, dsn, kafka, prefix, timing=TIMING) as running,
    ):
        running.listening()
        running.proved(scope="deep")
        yield running


@pytest.fixture
def whole(shared: Whole) -> Iterator[Whole]:
    """Equal and proved before, and after: what a test finds it has seen to."""
    yield shared
    shared.simulator.control.clear_faults()
    shared.equal()
    shared.proved()
    before = [(row["discrepancy_id"], row["state"]) for row in shared.discrepancies()]
    shared.proved()
    assert [(row["discrepancy_id"], row["state"]) for row in shared.discrepancies()] == before, "something fires again"
    assert shared.open_types() == []


@pytest.fixture
def rest(whole: Whole) -> Iterator[Rest]:
    with Rest(whole.simulator) as client:
        yield client
