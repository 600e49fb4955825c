"""Fixtures for every test: real servers, a fresh database, topics of one's own.

Both servers are started when a test first asks for them, once for the whole run, whatever the number of workers
(`support.servers`). A test that stops, pauses or fills a server takes `own_kafka` or `own_postgres`.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from stream_reconcile.embedded import EmbeddedKafka, EmbeddedPostgres
from support.logging_state import logging_restored
from support.servers import (
    KAFKA_PROPERTIES,
    POSTGRES_SETTINGS,
    AskController,
    OwnedServers,
    Reception,
    Servers,
    create_database,
    delete_topics,
    drop_database,
    empty_tables,
    migrated_database,
    traversable_directory,
)
from support.shown import Recorder, recording

_OWNED = pytest.StashKey[OwnedServers]()
_RECEPTION = pytest.StashKey[Reception]()
_SERVERS = pytest.StashKey[Servers]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        config.stash[_SERVERS] = AskController(*worker["test_servers"])
        return
    owned = OwnedServers()
    config.stash[_OWNED] = config.stash[_SERVERS] = owned


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist, in the controller, before each worker is started."""
    stash = node.config.stash
    if _RECEPTION not in stash:
        stash[_RECEPTION] = Reception(stash[_OWNED])
    node.workerinput["test_servers"] = (stash[_RECEPTION].address, stash[_RECEPTION].key)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with the longest tests first, or a worker may begin one when the other has nothing left to do.

    How long a test may take says how long it takes. A file stays together: fixtures are shared in it.
    """
    longest: dict[Path, float] = {}
    for item in items:
        marker = item.get_closest_marker("timeout")
        longest[item.path] = max(longest.get(item.path, 0.0), float(marker.args[0]) if marker else 0.0)
    items.sort(key=lambda item: -longest[item.path])


def pytest_unconfigure(config: pytest.Config) -> None:
    if _RECEPTION in config.stash:
        config.stash[_RECEPTION].close()
    if _OWNED in config.stash:
        config.stash[_OWNED].stop()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """No test meets a log that one before it has set up."""
    with logging_restored():
        yield


@pytest.fixture(autouse=True)
def shown(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Iterator[Recorder | None]:
    """Tests that make a discrepancy of the list tell what they saw of it (`make shown`)."""
    with recording(request, record_property) as recorder:
        yield recorder


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Servers:
    return request.config.stash[_SERVERS]


@pytest.fixture(scope="session")
def kafka(servers: Servers) -> str:
    """Bootstrap servers of the shared Kafka. Take `topic_prefix` too, and keep to it."""
    return servers.kafka()


@pytest.fixture(scope="session")
def postgres_server(servers: Servers) -> str:
    """Superuser's DSN of the shared Postgres (its database `postgres`). Roles belong to all tests: don't drop them."""
    return servers.postgres()


@pytest.fixture
def empty_database(postgres_server: str) -> Iterator[str]:
    """DSN (superuser) of a database without anything in it, dropped after the test."""
    name = f"test_{secrets.token_hex(6)}"
    yield create_database(postgres_server, name)
    drop_database(postgres_server, name)


@pytest.fixture
def database(request: pytest.FixtureRequest, servers: Servers, shown: Recorder | None) -> Iterator[str]:
    """DSN (superuser) of a database whose schema `reconcile` is migrated, and of which nobody else knows.

    Tests that are marked `rows_only` get the same again and again, emptied before each.
    """
    with ExitStack() as stack:
        if request.node.get_closest_marker("rows_only"):
            dsn: str = request.getfixturevalue("database_of_rows")
            empty_tables(dsn)
        else:
            dsn = stack.enter_context(migrated_database(servers))
        yield dsn
        if shown is not None:
            shown.look(dsn)


@pytest.fixture(scope="session")
def database_of_rows(servers: Servers) -> Iterator[str]:
    """One for all tests of a worker that change nothing but rows."""
    with migrated_database(servers) as dsn:
        yield dsn


@pytest.fixture
def postgres_dsn(database: str) -> str:
    """Another name of `database`."""
    return database


@pytest.fixture
def topic_prefix(kafka: str) -> Iterator[str]:
    """A prefix that no other test uses; topics that begin with it are deleted after the test."""
    prefix = f"test-{secrets.token_hex(6)}"
    yield prefix
    delete_topics(kafka, prefix)


@pytest.fixture
def server_directory() -> Iterator[Path]:
    """An empty directory for servers of one's own, removed after the test."""
    directory = traversable_directory("reconcile-test-")
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def own_kafka(server_directory: Path) -> Iterator[EmbeddedKafka]:
    """A Kafka to stop, kill, pause (SIGSTOP to `.pid`) and restart; 3 s to start."""
    with EmbeddedKafka(server_directory / "kafka", properties=KAFKA_PROPERTIES) as server:
        yield server


@pytest.fixture
def own_postgres(server_directory: Path) -> Iterator[EmbeddedPostgres]:
    """A Postgres to stop, kill, pause and restart; 1 s to start."""
    with EmbeddedPostgres(server_directory / "postgres", settings=POSTGRES_SETTINGS) as server:
        yield server
