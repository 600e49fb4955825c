"""What `check` wants to know of a Postgres server and of our login's rights. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from stream_reconcile.store.queries import load

_FILE = "server_facts.sql"


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """`now` is the server's clock; `not_durable` the settings that are off and let a crash take back commits.

    `is_superuser`: our login may do everything. `is_encrypted`: what goes over our connection can't be read on the way.
    """

    version: str
    major: int
    is_standby: bool
    not_durable: list[str]
    is_superuser: bool
    is_encrypted: bool
    now: datetime


def read(connection: psycopg.Connection) -> ServerFacts:
    """Facts about the server."""
    with connection.cursor(row_factory=class_row(ServerFacts)) as cursor:
        encrypted = {"is_encrypted": connection.pgconn.ssl_in_use}
        return cursor.execute(load(_FILE)["facts"], encrypted).fetchall()[0]


def missing_rights(connection: psycopg.Connection, schema: str) -> dict[str, list[str]]:
    """Rights that the jobs need and this login lacks, by table; empty where nothing is missing."""
    rows = connection.execute(load(_FILE)["missing_rights"], {"schema": schema}).fetchall()
    return {table: list(rights) for table, rights in rows}
