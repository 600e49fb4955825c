"""For programs that trade: write a decision down before its order is submitted, and then what became of the submission.

    decision_id = intents.record(connection, account_id=…, client_order_id="…", symbol="AAPL", side="buy", qty="10")
    connection.commit()                                     # first this, then the order
    … submit the order to the broker with that client_order_id …
    intents.mark_submitted(connection, decision_id, "accepted")
    connection.commit()

Each function works on the caller's own psycopg connection, in the caller's own transaction, and never commits. **The
decision has to be committed before the order is submitted**: an order that the broker has and no committed decision
names looks like somebody else's. The login needs the role `reconcile_intent` and nothing more.

The same in plain SQL, for other languages, is docs/intents.md. This module imports psycopg and the error tree, and
nothing else of the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args
from uuid import UUID

import psycopg
from psycopg import errors, sql
from psycopg.rows import tuple_row

from stream_reconcile.core.errors import ConfigError, DecisionExists, DecisionRefused, RefusedError, SchemaMismatch

Number: TypeAlias = Decimal | int | str
"""A decimal, exactly: never a float, which can't hold most of them."""
Result: TypeAlias = Literal["accepted", "refused", "ambiguous"]
"""What the program heard of its submission; `ambiguous`: the order may stand at the broker (timeout, 5xx, cut off)."""

__all__ = ["Number", "Result", "mark_submitted", "mark_submitted_async", "record", "record_async"]

_MAX_CLIENT_ORDER_ID: Final = 128  # Alpaca takes no longer one


class _Statement(NamedTuple):
    query: sql.Composed
    values: dict[str, Any]


def record(  # noqa: PLR0913 - one keyword for each column
    connection: psycopg.Connection[Any],
    *,
    account_id: str,
    client_order_id: str,
    symbol: str | None = None,
    side: str | None = None,
    qty: Number | None = None,
    notional: Number | None = None,
    order_type: str | None = None,
    limit_price: Number | None = None,
    time_in_force: str | None = None,
    decided_at: datetime | None = None,
    not_before: datetime | None = None,
    schema: str = "reconcile",
) -> UUID:
    """Write a decision; commit it, then submit the order with the same `client_order_id`. Gives the decision's id.

    `qty` is in shares, contracts or coins, `notional` and `limit_price` in the account's currency. None says nothing
    about that term, and then the order differs in nothing there. `decided_at` is by the program's clock (default: the
    database's); `not_before` promises not to submit earlier. Times need a time zone.

    Raises DecisionExists where the account has a decision of this client order id (the transaction is still good);
    ConfigError for a value that can't be right, before anything is sent; RefusedError where the login may not;
    SchemaMismatch where the table is not there; psycopg.Error as it comes. After an error of the database the
    transaction has to be rolled back, as always.
    """
    insert, find = _record(
        schema,
        account_id=account_id,
        client_order_id=client_order_id,
        symbol=symbol,
        side=side,
        qty=_number("qty", qty, positive=True),
        notional=_number("notional", notional, positive=True),
        order_type=order_type,
        limit_price=_number("limit_price", limit_price),
        time_in_force=time_in_force,
        decided_at=_time("decided_at", decided_at),
        not_before=_time("not_before", not_before),
    )
    with _plain_words(schema), psycopg.Cursor(connection, row_factory=tuple_row) as cursor:
        row = cursor.execute(*insert).fetchone()
        return row[0] if row else _exists(find.values, cursor.execute(*find).fetchone())


async def record_async(  # noqa: PLR0913 - one keyword for each column
    connection: psycopg.AsyncConnection[Any],
    *,
    account_id: str,
    client_order_id: str,
    symbol: str | None = None,
    side: str | None = None,
    qty: Number | None = None,
    notional: Number | None = None,
    order_type: str | None = None,
    limit_price: Number | None = None,
    time_in_force: str | None = None,
    decided_at: datetime | None = None,
    not_before: datetime | None = None,
    schema: str = "reconcile",
) -> UUID:
    """`record` on an AsyncConnection."""
    insert, find = _record(
        schema,
        account_id=account_id,
        client_order_id=client_order_id,
        symbol=symbol,
        side=side,
        qty=_number("qty", qty, positive=True),
        notional=_number("notional", notional, positive=True),
        order_type=order_type,
        limit_price=_number("limit_price", limit_price),
        time_in_force=time_in_force,
        decided_at=_time("decided_at", decided_at),
        not_before=_time("not_before", not_before),
    )
    with _plain_words(schema):
        async with psycopg.AsyncCursor(connection, row_factory=tuple_row) as cursor:
            row = await (await cursor.execute(*insert)).fetchone()
            return row[0] if row else _exists(find.values, await (await cursor.execute(*find)).fetchone())


def mark_submitted(
    connection: psycopg.Connection[Any],
    decision_id: UUID | str,
    result: Result | None = None,
    *,
    submitted_at: datetime | None = None,
    schema: str = "reconcile",
) -> None:
    """Note that the order was submitted, and what was heard of it, in one call or in two (first without `result`).

    Each is set once. `submitted_at` is by the program's clock (default: what stands there, else the database's time
    now). The same result said again changes nothing, so that a call may be repeated after a lost connection.

    Raises DecisionRefused where there is no such decision, another login inserted it, or something else was said
    before; ConfigError for an unknown result; else as `record`.
    """
    update = _mark(schema, decision_id, result, submitted_at)
    with _plain_words(schema), psycopg.Cursor(connection, row_factory=tuple_row) as cursor:
        _must_be_there(decision_id, cursor.execute(*update).rowcount)


async def mark_submitted_async(
    connection: psycopg.AsyncConnection[Any],
    decision_id: UUID | str,
    result: Result | None = None,
    *,
    submitted_at: datetime | None = None,
    schema: str = "reconcile",
) -> None:
    """`mark_submitted` on an AsyncConnection."""
    update = _mark(schema, decision_id, result, submitted_at)
    with _plain_words(schema):
        async with psycopg.AsyncCursor(connection, row_factory=tuple_row) as cursor:
            _must_be_there(decision_id, (await cursor.execute(*update)).rowcount)


def _record(schema: str, **columns: Any) -> tuple[_Statement, _Statement]:
    """The statement that inserts, and the one that finds what stands there if it inserted nothing."""
    for name in ("account_id", "client_order_id"):
        if not columns[name]:
            raise ConfigError(f"a decision needs its {name}: it is empty")
    if len(columns["client_order_id"]) > _MAX_CLIENT_ORDER_ID:
        raise ConfigError(f"the client order id is longer than {_MAX_CLIENT_ORDER_ID} characters: no broker takes it")
    if not columns["client_order_id"].isprintable():
        raise ConfigError(
            f"the client order id {columns['client_order_id']!a} has a character that can't be printed: a sweep "
            "could not ask for its order; take letters, digits and signs"
        )
    # What was not given is left to the column's default.
    given = {name: value for name, value in columns.items() if value is not None}
    insert = sql.SQL(
        "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT (account_id, client_order_id) DO NOTHING RETURNING decision_id"
    ).format(
        _table(schema),
        sql.SQL(", ").join(map(sql.Identifier, given)),
        sql.SQL(", ").join(map(sql.Placeholder, given)),
    )
    find = sql.SQL(
        "SELECT decision_id, submitted_at FROM {} "
        "WHERE account_id = %(account_id)s AND client_order_id = %(client_order_id)s"
    ).format(_table(schema))
    return _Statement(insert, given), _Statement(find, given)


def _mark(schema: str, decision_id: UUID | str, result: str | None, submitted_at: datetime | None) -> _Statement:
    values = {"decision_id": _id(decision_id), "submitted_at": _time("submitted_at", submitted_at), "result": result}
    if result is None:
        # Another time than the one that stands there is refused by the table: submitted twice.
        changes = sql.SQL("submitted_at = coalesce(%(submitted_at)s, clock_timestamp())")
    elif result in get_args(Result):
        changes = sql.SQL(
            "submitted_at = coalesce(%(submitted_at)s, submitted_at, clock_timestamp()), submit_result = %(result)s"
        )
    else:
        raise ConfigError(f"{result!r} is no result of a submission: say accepted, refused or ambiguous")
    query = sql.SQL("UPDATE {} SET {} WHERE decision_id = %(decision_id)s").format(_table(schema), changes)
    return _Statement(query, values)


def _table(schema: str) -> sql.Identifier:
    return sql.Identifier(schema, "trade_decisions")


def _number(name: str, value: object, *, positive: bool = False) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise ConfigError(
            f"{name} is a {type(value).__name__}, which can't hold every decimal: give a Decimal, a text or an int"
        )
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ConfigError(f"{name} is no number") from None
    if not number.is_finite():
        raise ConfigError(f"{name} is not finite")
    if positive and number <= 0:
        raise ConfigError(f"{name} has to be more than 0: the side says whether it is bought or sold")
    return number


def _time(name: str, value: datetime | None) -> datetime | None:
    if value is not None and value.utcoffset() is None:
        raise ConfigError(f"{name} has no time zone: give an aware datetime, as datetime.now(timezone.utc)")
    return value


def _id(decision_id: UUID | str) -> UUID:
    if isinstance(decision_id, UUID):
        return decision_id
    try:
        return UUID(decision_id)
    except ValueError:
        raise ConfigError("the decision id is no UUID: give what record() returned") from None


def _exists(wanted: dict[str, Any], row: tuple[Any, ...] | None) -> UUID:
    decision_id, submitted_at = row or (None, None)
    raise DecisionExists(
        f"account {wanted['account_id']} has a decision of the client order id {wanted['client_order_id']!r} already "
        f"({decision_id}, {'submitted' if submitted_at else 'no submission noted'}): a new order needs an id of its "
        "own; if it is your own decision from before a restart, ask the broker for that id before you submit",
        decision_id=decision_id,
        submitted_at=submitted_at,
    )


def _must_be_there(decision_id: UUID | str, changed: int) -> None:
    if changed == 0:
        raise DecisionRefused(
            f"there is no decision {decision_id}: was it recorded in this database, and not rolled back?"
        )


@contextmanager
def _plain_words(schema: str) -> Iterator[None]:
    """What the table's rules and rights refuse, as errors of ours."""
    try:
        yield
    except errors.ObjectNotInPrerequisiteState as error:
        raise DecisionRefused(
            f"{error.diag.message_primary}, and they were set before to something else: a new attempt is a new decision"
        ) from None
    except errors.InsufficientPrivilege as error:
        message = f"{error.diag.message_primary}"
        # The table's own rule says whose row it is; all else is a right that the login does not have.
        if error.diag.message_hint and "inserted" in error.diag.message_hint:
            raise DecisionRefused(f"{message}: {error.diag.message_hint}") from None
        raise RefusedError(f"Postgres refuses ({message}): grant the login the role reconcile_intent") from None
    except (errors.UndefinedTable, errors.InvalidSchemaName, errors.UndefinedColumn):
        raise SchemaMismatch(
            f"{schema}.trade_decisions is not there, or not as this version needs it: run `stream-reconcile migrate`, "
            "or name the right schema"
        ) from None
