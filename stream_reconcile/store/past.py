"""What stood here at a time that is past, and what the broker had said by then: from the history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from stream_reconcile.store.comparison import TERMINAL
from stream_reconcile.store.queries import load

_FILE = "past.sql"


@dataclass(frozen=True, slots=True)
class OrderAt:
    """An order at a time. `believed`: its row here then; `said`: what it would have been, had all that was in the log
    been applied. Each has the columns of the function executions_at, None where there was no such order."""

    account_id: str
    alpaca_order_id: str
    believed: dict[str, Any] | None
    said: dict[str, Any] | None
    differs: bool
    matching: int
    """How many match, however many are given."""


@dataclass(frozen=True, slots=True)
class CountAt:
    """Orders of an account in a status, as believed and as said; None: there was no such order."""

    account_id: str
    believed: str | None
    said: str | None
    orders: int
    differing: int


@dataclass(frozen=True, slots=True)
class AgreementAt:
    """The newest proof there was."""

    account_id: str
    scope: str
    proven_equal_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenAt:
    """What was open of a type."""

    account_id: str
    type: str
    count: int
    first_seen_at: datetime
    blocks_proof: bool


def executions_at(
    connection: psycopg.Connection,
    at: datetime,
    *,
    order_id: str | None = None,
    symbol: str | None = None,
    account_id: str | None = None,
    open_only: bool = False,
    differing: bool = False,
    limit: int = 100,
) -> list[OrderAt]:
    """Orders at a time, the last to change first. Reads the whole history unless one order is asked for."""
    wanted = {
        "at": at,
        "order_id": order_id,
        "symbol": symbol,
        "account_id": account_id,
        "open_only": open_only,
        "differing": differing,
        "terminal": TERMINAL,
        "limit": limit,
    }
    with connection.cursor(row_factory=class_row(OrderAt)) as cursor:
        return cursor.execute(load(_FILE)["executions_at"], wanted).fetchall()


def orders_at(connection: psycopg.Connection, at: datetime) -> list[CountAt]:
    """How many orders there were, by status."""
    with connection.cursor(row_factory=class_row(CountAt)) as cursor:
        return cursor.execute(load(_FILE)["orders_at"], {"at": at}).fetchall()


def agreement_at(connection: psycopg.Connection, at: datetime) -> list[AgreementAt]:
    """What had been proven."""
    with connection.cursor(row_factory=class_row(AgreementAt)) as cursor:
        return cursor.execute(load(_FILE)["agreement_at"], {"at": at}).fetchall()


def discrepancies_at(connection: psycopg.Connection, at: datetime) -> list[OpenAt]:
    """What was open."""
    with connection.cursor(row_factory=class_row(OpenAt)) as cursor:
        return cursor.execute(load(_FILE)["discrepancies_at"], {"at": at}).fetchall()


def history_begins(connection: psycopg.Connection) -> datetime | None:
    """When the first observation was committed; None where there is none."""
    row = connection.execute(load(_FILE)["history_begins"]).fetchone()
    return row[0] if row else None
