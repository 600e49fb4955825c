"""Swapping the derived tables of a replay with the live ones, in one transaction.

Tables move between the schemas, never rows, so it takes as long for a hundred rows as for ten million. What names a
table by its name (apply, the sweep, `why`, `fresh_within`) finds the new one at its next statement; what is bound to
the table itself is made anew where that can be done (views, rights, indexes), and refused where it can't (`bound_to`).

Cursor rows stay where they are and get the replay's offsets: their group, owner and members go on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from stream_reconcile.core.errors import RefusedError, SchemaMismatch
from stream_reconcile.store.connect import connect
from stream_reconcile.store.derived import RECORDED_AT, REWRITTEN, DerivedTable, derived_tables
from stream_reconcile.store.ownership import become_owner
from stream_reconcile.store.queries import load
from stream_reconcile.store.replay_schema import REPLAY_GROUP, Coverage, Lost

_LOCK_TIMEOUT_MS: Final = 3_000
_TABLE_LOCK_TIMEOUT_MS: Final = 50
_LOCK_TRIES: Final = 3
_PAGES_AT_ONCE: Final = 4_000
_CARRY: Final = "carry_recorded_at"


class Promoted(NamedTuple):
    """What a promote did. Cursors are `topic:partition` → next offset."""

    action_id: int
    before: dict[str, int]
    after: dict[str, int]


class Promotion:
    """One connection (autocommit) to the live schema, as the owner of both schemas.

    `prepare` while live apply goes on, as often as needed; `swap` once.
    """

    def __init__(self, dsn: str, live: str, schema: str) -> None:
        """Raises RefusedError where this login owns neither, or where something is bound to the live tables;
        SchemaMismatch where the tables of the two are not of one version."""
        self._live, self._schema = live, schema
        self._space = f"{schema[:58]}_swap"
        self._queries = {name: sql.SQL(text) for name, text in load("promote.sql").items()}
        self._connection = connect(
            dsn,
            live,
            name="stream-reconcile promote",
            statement_timeout_ms=0,
            lock_timeout_ms=_LOCK_TIMEOUT_MS,
            idle_in_transaction_ms=0,
        )
        try:
            self._require_one_version()
            self.tables = derived_tables(self._connection, schema)
            self._names = [table.name for table in self.tables]
            if bound := self._ask("bound_to"):
                raise RefusedError(
                    f"bound to the tables of schema {live} themselves, so that a promote would leave them with the old "
                    f"ones: {', '.join(row[0] for row in bound)}; drop them, promote, and make them again"
                )
            self._become_owner()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Take away what was put there for the time of the promote, and close."""
        with contextlib.suppress(psycopg.Error):
            if self._connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                self._connection.rollback()
            for table in self._carried():
                self._run("DROP TRIGGER IF EXISTS {carry} ON {replay_table}", table)
                self._run("DROP FUNCTION IF EXISTS {replay_carry}()", table)
            self._run("DROP SCHEMA IF EXISTS {space}")
        self._connection.close()

    def prepare(self) -> None:
        """What takes its time, while live apply goes on: indexes that people made, `recorded_at` of what stands in the
        live tables already, statistics."""
        # Their texts name the tables as the live schema does; run under the replay's path they mean its tables.
        missing = self._ask("indexes_missing")
        path = sql.SQL("SET search_path = {}")
        self._connection.execute(path.format(sql.Identifier(self._schema)))
        for _name, text in missing:
            self._connection.execute(text)
        self._connection.execute(path.format(sql.Identifier(self._live)))
        for table in self._carried():
            self._carry(table)
        for table in self.tables:
            self._run("ANALYZE {replay_table}", table)

    def swap(
        self,
        group: str,
        catch_up: Callable[[dict[tuple[str, int], Coverage]], None],
        lost: Iterable[Lost],
        *,
        who: str,
        why: str,
    ) -> Promoted:
        """One transaction: keep live apply out, let the replay come to where the live rows go (`catch_up`), swap.

        Raises psycopg's LockNotAvailable where somebody reads or writes the tables: nothing has changed then, and it
        may be tried again.
        """
        connection = self._connection
        with connection.transaction():
            connection.execute(self._queries["lock_schema"], {"live": self._live})
            before = self._named("lock_cursors", {"group": group}).fetchall()
            standing = {(row[0], row[1]): Coverage(row[2], row[3], row[4]) for row in before}
            catch_up(standing)
            views = self._ask("views_on")
            self._lock_tables([sql.Identifier(schema, name) for schema, name, *_ in views])
            for table in self.tables:
                self._swap_table(table)
            for schema, name, text, options in views:
                self._remake_view(schema, name, text, options)
            self._keep_lost_letters(lost)
            moved = self._named("move_cursors", {"group": group, "replay_group": REPLAY_GROUP}).fetchall()
            self._cursors_of_the_old(standing)
            self._named("close_applied_letters", {"who": who})
            self._named("open_new_letters", {})
            self._named("note_promoted", {})
            old = {f"{row[0]}:{row[1]}": row[4] for row in before}
            new = {f"{row[0]}:{row[1]}": row[2] for row in moved}
            values = {
                "subject": self._schema,
                "who": who,
                "why": why,
                "before": Jsonb({"next_offsets": old}),
                "after": Jsonb({"next_offsets": new, "old_tables_in": self._schema}),
            }
            row = self._named("note_action", values).fetchone()
            assert row is not None  # noqa: S101 - INSERT … RETURNING gives its row
        return Promoted(row[0], old, new)

    # --- parts --------------------------------------------------------------------------------------------------------

    def _lock_tables(self, views: list[sql.Identifier]) -> None:
        """Views first, as those who read them lock them. Each wait is so short that all of them end before Postgres
        looks for deadlocks (1 s): of two that wait for each other it is we who give up, not somebody's query."""
        tables = [sql.Identifier(s, name) for name in self._names for s in (self._live, self._schema)]
        statement = sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.SQL(", ").join([*views, *tables]))
        for attempt in range(1, _LOCK_TRIES + 1):
            try:
                with self._connection.transaction():
                    self._connection.execute(
                        "SELECT set_config('lock_timeout', %s, true)", [str(_TABLE_LOCK_TIMEOUT_MS)]
                    )
                    self._connection.execute(statement)
            except psycopg.errors.LockNotAvailable:
                if attempt == _LOCK_TRIES:
                    raise
            else:
                return

    def _require_one_version(self) -> None:
        """An upgrade that changes derived tables may have come between the replay, or the old tables, and now."""
        statement = self._queries["derived_only_in_one"].format(
            live=sql.Identifier(self._live), replay=sql.Identifier(self._schema)
        )
        for name, live in self._connection.execute(statement).fetchall():
            here, there = (self._live, self._schema) if live else (self._schema, self._live)
            raise SchemaMismatch(
                f"schema {here} has {name} and schema {there} does not, so that their tables are not of one shape: "
                "migrate the live one, and replay into the other, with the newest program that runs here"
            )

    def _become_owner(self) -> None:
        row = self._connection.execute(
            "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
        ).fetchone()
        superuser = row is not None and row[0]
        owner = self._owner(self._live, self._names[0])
        if superuser:
            self._run("CREATE SCHEMA IF NOT EXISTS {space}")
            return
        for schema in (self._space, self._live, self._schema):
            if not become_owner(self._connection, schema, owner):
                raise RefusedError(f"this login does not own schema {schema}: promote as its owner, or as a superuser")

    def _owner(self, schema: str, table: str) -> str:
        row = self._connection.execute(self._queries["owner_of"], {"schema": schema, "table": table}).fetchone()
        if row is None:
            raise RefusedError(f"schema {schema} has no table {table}: run `stream-reconcile migrate`")
        return str(row[0])

    def _carried(self) -> list[DerivedTable]:
        """Tables whose `recorded_at` tells when a row was first there."""
        return [t for t in self.tables if RECORDED_AT in t.columns and t.name not in REWRITTEN]

    def _carry(self, table: DerivedTable) -> None:
        """`recorded_at` as live has it: of rows to come by a trigger, of those that stand there page by page."""
        match = sql.SQL(" AND ").join(sql.SQL("l.{0} = NEW.{0}").format(sql.Identifier(name)) for name in table.key)
        body = sql.SQL(
            "BEGIN SELECT coalesce((SELECT l.recorded_at FROM {live_table} l WHERE {match}), NEW.recorded_at)"
            " INTO NEW.recorded_at; RETURN NEW; END"
        ).format(live_table=sql.Identifier(self._live, table.name), match=match)
        self._run(
            "CREATE OR REPLACE FUNCTION {replay_carry}() RETURNS trigger LANGUAGE plpgsql AS {body}",
            table,
            body=sql.Literal(body.as_string(self._connection)),
        )
        self._run(
            "CREATE OR REPLACE TRIGGER {carry} BEFORE INSERT ON {replay_table} FOR EACH ROW"
            " EXECUTE FUNCTION {replay_carry}()",
            table,
        )
        size = self._connection.execute(
            "SELECT pg_catalog.pg_relation_size(%s::regclass) / current_setting('block_size')::bigint",
            [sql.Identifier(self._schema, table.name).as_string(self._connection)],
        ).fetchone()
        for page in range(0, int(size[0]) if size else 0, _PAGES_AT_ONCE):
            with self._connection.transaction():
                self._connection.execute("SET LOCAL enable_hashjoin = off")
                self._connection.execute("SET LOCAL enable_mergejoin = off")
                self._run(
                    "UPDATE {replay_table} r SET recorded_at = l.recorded_at FROM {live_table} l"
                    " WHERE r.ctid >= {first}::tid AND r.ctid < {next}::tid AND {same}"
                    " AND r.recorded_at <> l.recorded_at",
                    table,
                    first=sql.Literal(f"({page},0)"),
                    next=sql.Literal(f"({page + _PAGES_AT_ONCE},0)"),
                    same=sql.SQL(" AND ").join(
                        sql.SQL("l.{0} = r.{0}").format(sql.Identifier(name)) for name in table.key
                    ),
                )

    def _swap_table(self, table: DerivedTable) -> None:
        if table in self._carried():
            self._run("DROP TRIGGER IF EXISTS {carry} ON {replay_table}", table)
        owner = self._owner(self._live, table.name)
        if self._owner(self._schema, table.name) != owner:
            self._run("ALTER TABLE {replay_table} OWNER TO {owner}", table, owner=sql.Identifier(owner))
        rights = self._rights(self._live, table.name)
        for grantee in {grantee for grantee, *_ in self._rights(self._schema, table.name)}:
            self._run("REVOKE ALL ON {replay_table} FROM {grantee}", table, grantee=_role(grantee))
        for grantee, privilege, grantable, column in rights:
            self._run(
                "GRANT {privilege} ON {replay_table} TO {grantee}{option}",
                table,
                privilege=sql.SQL(privilege)
                + (sql.SQL("") if column is None else sql.SQL(" ({})").format(sql.Identifier(column))),
                grantee=_role(grantee),
                option=sql.SQL(" WITH GRANT OPTION" if grantable else ""),
            )
        self._run("ALTER TABLE {live_table} SET SCHEMA {space}", table)
        self._run("ALTER TABLE {replay_table} SET SCHEMA {live}", table)
        self._run("ALTER TABLE {space_table} SET SCHEMA {replay}", table)

    def _rights(self, schema: str, table: str) -> list[tuple[Any, ...]]:
        values = {"schema": schema, "table": table}
        return self._connection.execute(self._queries["rights_on"], values).fetchall()

    def _remake_view(self, schema: str, name: str, text: str, options: list[str] | None) -> None:
        """The same view of the tables that bear these names now; its rights and its own readers stay."""
        view = sql.Identifier(schema, name)
        # `options` and `text` are Postgres's own words, from its catalogue.
        listed = sql.SQL(", ").join([sql.SQL(option) for option in options or ()])
        settings = sql.SQL(" WITH ({})").format(listed) if options else sql.SQL("")
        try:
            statement = sql.SQL("CREATE OR REPLACE VIEW {}{} AS {}")
            self._connection.execute(statement.format(view, settings, sql.SQL(text)))
        except psycopg.errors.InsufficientPrivilege:
            raise RefusedError(
                f"view {schema}.{name} reads the live tables and belongs to another role, so it can't be pointed to "
                "the new ones: promote as a superuser, or drop it, promote, and make it again; nothing was changed"
            ) from None

    def _keep_lost_letters(self, lost: Iterable[Lost]) -> None:
        """Dead letters that are open, of records that the log no longer holds: nobody else has their bytes."""
        for one in lost:
            self._connection.execute(
                sql.SQL(
                    'INSERT INTO {} SELECT * FROM {} WHERE topic = %s AND partition = %s AND "offset" >= %s'
                    ' AND "offset" < %s AND resolved_at IS NULL ON CONFLICT DO NOTHING'
                ).format(sql.Identifier(self._live, "dead_letters"), sql.Identifier(self._schema, "dead_letters")),
                [one.topic, one.partition, one.first, one.next],
            )

    def _cursors_of_the_old(self, standing: dict[tuple[str, int], Coverage]) -> None:
        """The old tables may be promoted again: their cursors say how far their rows go."""
        table = sql.Identifier(self._schema, "stream_cursors")
        self._connection.execute(
            sql.SQL(
                "DELETE FROM {} WHERE (topic, partition) NOT IN (SELECT * FROM unnest(%s::text[], %s::int[]))"
            ).format(table),
            [[topic for topic, _ in standing], [number for _, number in standing]],
        )
        with self._connection.cursor() as cursor:
            cursor.executemany(
                sql.SQL(
                    "UPDATE {} SET next_offset = %s, max_offset = %s, topic_id = %s, epoch = epoch + 1"
                    " WHERE topic = %s AND partition = %s"
                ).format(table),
                [(at.offset, at.offset, at.topic_id, *place) for place, at in standing.items()],
            )

    def _ask(self, name: str) -> list[tuple[Any, ...]]:
        values = {"live": self._live, "replay": self._schema, "tables": self._names}
        return self._connection.execute(self._queries[name], values).fetchall()

    def _named(self, name: str, values: dict[str, Any]) -> psycopg.Cursor[Any]:
        query = self._queries[name].format(live=sql.Identifier(self._live), replay=sql.Identifier(self._schema))
        return self._connection.execute(query, values)

    def _run(self, text: str, table: DerivedTable | None = None, **parts: sql.Composable) -> None:
        names: dict[str, sql.Composable] = {
            "live": sql.Identifier(self._live),
            "replay": sql.Identifier(self._schema),
            "space": sql.Identifier(self._space),
            "carry": sql.Identifier(_CARRY),
        }
        if table is not None:
            names |= {
                "live_table": sql.Identifier(self._live, table.name),
                "replay_table": sql.Identifier(self._schema, table.name),
                "space_table": sql.Identifier(self._space, table.name),
                "replay_carry": sql.Identifier(self._schema, f"{_CARRY}_{table.name}"[:63]),
            }
        self._connection.execute(sql.SQL(text).format(**(names | parts)))


def _role(name: str | None) -> sql.Composable:
    return sql.SQL("PUBLIC") if name is None else sql.Identifier(name)
