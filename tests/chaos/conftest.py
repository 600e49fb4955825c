"""Tables to spoil, equal to their truth at the start of each test."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from support.log_records import LogRecords
from support.servers import Servers, create_database, drop_database

from .small_log import Tables, apply, tell


@pytest.fixture(scope="package")
def applied(servers: Servers, postgres_server: str) -> Iterator[tuple[str, LogRecords]]:
    """DSN of a database to which a log was applied, and the log. Shared: leave it as it is."""
    name = f"test_{secrets.token_hex(6)}"
    dsn = create_database(postgres_server, name, template=servers.template())
    log = tell(dsn)
    apply(dsn, log)
    yield dsn, log
    drop_database(postgres_server, name)


@pytest.fixture
def tables(applied: tuple[str, LogRecords]) -> Iterator[Tables]:
    tables = Tables(*applied)
    yield tables
    tables.close()
