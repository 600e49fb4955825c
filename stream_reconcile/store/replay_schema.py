"""The schema that a replay fills: made, opened for apply's own statements, described, dropped.

It holds the derived tables and nothing of the primary ones. What apply's statements need of these stands in front of
them for the session only (`shadow_primary`): so a replay can write nothing that is live, whatever it meets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from stream_reconcile.core.errors import ConfigError, RefusedError
from stream_reconcile.store.connect import check_schema_name, connect
from stream_reconcile.store.migrations import create_derived
from stream_reconcile.store.ownership import become_owner
from stream_reconcile.store.queries import load
from stream_reconcile.store.roles import DEFAULT_ROLES, RoleNames

REPLAY_GROUP: Final = "replay"
"""`consumer_group` of a replay's cursor rows. No group of Kafka's: it has no members."""


class Coverage(NamedTuple):
    """How far rows go in one partition: all below `offset` of the topic with this id is in them. `next_offset` is less
    while what was applied before is read again."""

    offset: int
    topic_id: str
    next_offset: int


class Lost(NamedTuple):
    """Records that could not be replayed: from `first` up to, and not including, `next`."""

    topic: str
    partition: int
    first: int
    next: int
    why: str


class ReplayState(NamedTuple):
    """What a replay's schema says of itself."""

    live_schema: str
    begun_at: datetime
    starts: dict[tuple[str, int], int]
    """First offset of each partition from which rows were made."""
    lost: list[Lost]
    promoted_at: datetime | None
    """It holds what was live until then."""


def prepare(dsn: str, live: str, schema: str, *, roles: RoleNames | None = DEFAULT_ROLES) -> None:
    """Make the schema, or bring it up to date. Raises ConfigError for the live one, or one that is not a replay's."""
    if check_schema_name(schema) == live:
        raise ConfigError(f"{schema} is the live schema: name another one, which the replay makes")
    with connect(dsn, schema, name="stream-reconcile replay") as connection:
        there, ours, _primary = _facts(connection, schema)
        if there and not ours and not _is_empty(connection, schema):
            raise ConfigError(f"schema {schema} was not made by a replay: name another one, which the replay makes")
        create_derived(dsn, schema, roles=roles)
        if not ours:
            become_owner(connection, schema, roles.migrator if roles else None)
            connection.execute(load("replay.sql")["create_state"])
            if roles is not None:
                _grant_state(connection, roles)
        connection.execute(load("replay.sql")["begin_state"], {"live": live})
        state = read_state(connection)
    if state.live_schema != live:
        raise ConfigError(f"schema {schema} is a replay of {state.live_schema}, not of {live}: name another one")


def require_replay(connection: psycopg.Connection, live: str, schema: str) -> ReplayState:
    """The state of a replay of `live` that is there; `connection` sees `schema`. Raises ConfigError without one."""
    if check_schema_name(schema) == live:
        raise ConfigError(f"{schema} is the live schema: name the one that a replay made")
    there, ours, _primary = _facts(connection, schema)
    if not (there and ours):
        what = "was not made by a replay" if there else "does not exist"
        raise ConfigError(f"schema {schema} {what}: `stream-reconcile replay --into {schema}` makes one")
    state = read_state(connection)
    if state.live_schema != live:
        raise ConfigError(f"schema {schema} is a replay of {state.live_schema}, not of {live}")
    return state


def open_session(dsn: str, live: str, schema: str) -> psycopg.Connection:
    """A connection to a replay's schema on which apply's statements work.

    A lost connection or a crash may cost its last transactions, never part of one: the cursor goes with the rows.
    """
    connection = connect(dsn, schema, name="stream-reconcile replay")
    try:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET client_min_messages = warning")
        connection.execute(named("shadow_primary", live, schema))
    except BaseException:
        connection.close()
        raise
    return connection


def read_state(connection: psycopg.Connection) -> ReplayState:
    """What the schema that the connection sees says of itself."""
    row = connection.execute(load("replay.sql")["read_state"]).fetchone()
    assert row is not None  # noqa: S101 - `begin_state` comes with the table
    live, begun_at, starts, lost, promoted_at = row
    return ReplayState(
        live, begun_at, {_place(name): at for name, at in starts.items()}, [Lost(**one) for one in lost], promoted_at
    )


def lock_state(connection: psycopg.Connection) -> None:
    """Inside a transaction: until it ends, no other process takes the schema or says what was lost."""
    connection.execute(load("replay.sql")["lock_state"])


def put_state(connection: psycopg.Connection, starts: Mapping[Any, int], lost: Iterable[Lost]) -> None:
    """Write down where rows begin, by (topic, partition), and what was lost."""
    values = {
        "starts": Jsonb({f"{topic}:{number}": at for (topic, number), at in sorted(starts.items())}),
        "lost": Jsonb([one._asdict() for one in lost]),
    }
    connection.execute(load("replay.sql")["put_state"], values)


def coverage(connection: psycopg.Connection, group: str) -> dict[tuple[str, int], Coverage]:
    """How far the rows of a group go, by partition."""
    rows = connection.execute(load("replay.sql")["coverage"], {"group": group}).fetchall()
    return {(topic, number): Coverage(at, topic_id, next_at) for topic, number, at, topic_id, next_at in rows}


def drop(dsn: str, live: str, schema: str) -> ReplayState:
    """Drop a replay's schema with all in it; gives what it said of itself. Raises ConfigError for any other schema."""
    with connect(dsn, schema, name="stream-reconcile replay") as connection:
        state = require_replay(connection, live, schema)
        if _facts(connection, schema)[2]:
            raise ConfigError(f"schema {schema} holds primary tables: it is not dropped")
        if not become_owner(connection, schema, None):
            raise RefusedError(f"this login does not own schema {schema}: drop it as its owner")
        try:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
        except psycopg.errors.InsufficientPrivilege as error:
            raise RefusedError(
                f"schema {schema} can't be dropped by this login: {error.diag.message_primary}"
            ) from None
    return state


def named(query: str, live: str, schema: str) -> sql.Composed:
    """A query of `replay.sql` with the names of the two schemas in it."""
    return sql.SQL(load("replay.sql")[query]).format(live=sql.Identifier(live), replay=sql.Identifier(schema))


def _facts(connection: psycopg.Connection, schema: str) -> tuple[bool, bool, bool]:
    row = connection.execute(load("replay.sql")["schema_facts"], {"schema": schema}).fetchone()
    assert row is not None  # noqa: S101 - a SELECT of three values
    return row[0], row[1], row[2]


def _is_empty(connection: psycopg.Connection, schema: str) -> bool:
    """Nothing in it; or derived tables only, where a process was killed before it had written the mark."""
    rows = connection.execute("SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = %s", [schema]).fetchall()
    tables = {row[0] for row in rows}
    return not tables or ("migration_history" in tables and "trade_decisions" not in tables)


def _grant_state(connection: psycopg.Connection, roles: RoleNames) -> None:
    names: dict[str, Any] = {"writer": sql.Identifier(roles.writer), "reader": sql.Identifier(roles.reader)}
    found = connection.execute(
        "SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = ANY(%s)", [[roles.writer, roles.reader]]
    ).fetchone()
    if found is not None and found[0] == len(names):
        connection.execute(sql.SQL("GRANT SELECT ON replay_state TO {writer}, {reader}").format(**names))
        connection.execute(sql.SQL("GRANT INSERT, UPDATE ON replay_state TO {writer}").format(**names))


def _place(name: str) -> tuple[str, int]:
    topic, _, number = name.rpartition(":")
    return topic, int(number)
