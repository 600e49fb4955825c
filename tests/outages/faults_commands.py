"""Commands killed in the middle of what they do: a rewind of the live group, a migration. None may be half made."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from typing import Any, Final

import psycopg

from stream_reconcile.demo.programs import Program
from stream_reconcile.store.migration_files import PACKAGED, find_migrations
from stream_reconcile.store.migrations import _LOCK_KEY
from support.servers import SCHEMA
from support.waiting import wait_until

from .place import Scene
from .sight import CAUGHT_WITHIN_S, Held
from .strike import Strike, a_while

_SECOND: Final = "outages_second"
_MOST_RECORDS: Final = 400
_REWIND: Final = "stream-reconcile rewind"
_MIGRATE: Final = "stream-reconcile migrate"
_BEFORE_ITS_RECORD: Final = "LOCK TABLE operator_actions IN SHARE MODE"
_SESSIONS: Final = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %(application)s"
_NEWEST: Final = "SELECT coalesce(max(action_id), 0) FROM operator_actions"
_CURSORS: Final = "SELECT topic, partition, next_offset, epoch FROM stream_cursors ORDER BY topic, partition"
# A cursor that a rewind moved has the epoch of its record at least: claims raise it further.
_SET_BACK: Final = """
SELECT count(*) FILTER (WHERE c.epoch >= m.epoch) AS moved, count(*) AS recorded
FROM operator_actions a
CROSS JOIN jsonb_to_recordset(a.after -> 'cursors') AS m(topic text, partition integer, epoch bigint)
JOIN stream_cursors c USING (topic, partition)
WHERE a.action_id = %(action)s AND a.action = 'rewind'
"""
_COLUMNS: Final = """
SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema = %(schema)s ORDER BY table_name, column_name
"""


def _rewind_killed_before_its_commit(scene: Scene, rng: random.Random) -> None:
    """Cursors are moved in its transaction, and what it did is not recorded: none of it may be seen."""
    newest, before = scene.whole.value(_NEWEST), _cursors(scene)
    with Held(scene, _BEFORE_ITS_RECORD) as held:
        _rewind(scene, rng)
        held.caught(_REWIND, "-- record").kill()
    _no_session_left(scene, _REWIND)
    assert scene.whole.value(_NEWEST) == newest, "a rewind that was killed before its commit is recorded"
    after = _cursors(scene)
    back = [place for place, offset in before.items() if after[place] < offset]
    assert not back, f"a rewind that was killed before its commit has moved {back}"
    a_while(rng)


def _rewind_killed_after_its_commit(scene: Scene, rng: random.Random) -> None:
    """It is recorded, and the command that waits for the group is gone; half of them are taken back."""
    newest = scene.whole.value(_NEWEST)
    with Held(scene, _BEFORE_ITS_RECORD) as held:
        _rewind(scene, rng)
        held.caught(_REWIND, "-- record")
        with held.follow("LOCK TABLE stream_cursors IN ACCESS EXCLUSIVE MODE") as behind:
            behind.caught(_REWIND, "-- cursors").kill()
    action = scene.whole.value(_NEWEST)
    (row,) = scene.whole.rows(_SET_BACK, action=action)
    assert action > newest, "a rewind that has committed is not recorded"
    assert row["moved"] == row["recorded"] > 0, f"a rewind of {row['recorded']} cursors has moved {row['moved']}"
    if rng.random() < 0.5:
        _ends_well(_command(scene, "rewind", "undo", str(action), "--reason", "outages"))
    a_while(rng)


def _rewind(scene: Scene, rng: random.Random) -> Program:
    by = f"-{rng.randint(1, _MOST_RECORDS)}"
    return _command(scene, "rewind", "--shift-by", by, "--execute", "--reason", "outages")


def _cursors(scene: Scene) -> dict[tuple[str, int], int]:
    return {(row["topic"], row["partition"]): row["next_offset"] for row in scene.whole.rows(_CURSORS)}


def _migrate_killed_at_the_door(schema: str) -> Strike:
    """While another one migrates; and run again."""

    def strike(scene: Scene, rng: random.Random) -> None:
        with Held(scene, f"SELECT pg_advisory_lock({_LOCK_KEY})") as held:
            _migrate(scene, schema)
            held.caught(_MIGRATE, "pg_advisory_lock").kill()
        a_while(rng)
        _ends_well(_migrate(scene, schema))

    return strike


def _migrate_killed_in_the_middle(scene: Scene, rng: random.Random) -> None:
    """So many migrations of a new schema are done, the next one is made and not committed; then it is run again."""
    done = rng.randrange(len(find_migrations(PACKAGED)))
    with _second_schema(scene) as connection:
        history = f"LOCK TABLE {_SECOND}.migration_history IN SHARE MODE"
        with Held(scene, history) as first:
            _migrate(scene, _SECOND)
            first.caught(_MIGRATE, "CREATE TABLE IF NOT EXISTS schema_version")  # with a comment for each column
            held = first.follow(history)
            for _ in range(done):
                held.caught(_MIGRATE, "INSERT INTO migration_history")
                held = held.follow(history)
            with held:
                held.caught(_MIGRATE, "INSERT INTO migration_history").kill()
        _no_session_left(scene, _MIGRATE)
        (row,) = connection.execute(f"SELECT count(*) FROM {_SECOND}.migration_history").fetchall()
        assert row[0] == done, f"{row[0]} migrations stand there of which {done} were committed"
        a_while(rng)
        _ends_well(_migrate(scene, _SECOND))
        ours, live = (scene.whole.rows(_COLUMNS, schema=schema) for schema in (_SECOND, SCHEMA))
        assert ours == live, "a schema whose migration was killed and run again has other columns than the live one"


@contextmanager
def _second_schema(scene: Scene) -> Iterator[psycopg.Connection[Any]]:
    """With the two tables that stand there before the first migration, and gone in the end."""
    history = resources.files("stream_reconcile.store").joinpath("sql", "history.sql").read_text(encoding="utf-8")
    with psycopg.connect(scene.whole.dsn, options=f"-c search_path={_SECOND}", autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {_SECOND}")
        try:
            connection.execute(history)
            yield connection
        finally:
            connection.execute(f"DROP SCHEMA {_SECOND} CASCADE")


def _migrate(scene: Scene, schema: str) -> Program:
    return _command(scene, "migrate", RECONCILE_SCHEMA=schema)


def _command(scene: Scene, *arguments: str, **settings: str) -> Program:
    return scene.programs.start(arguments[0], *arguments, **(scene.settings | settings))


def _ends_well(program: Program) -> None:
    wait_until(lambda: not program.running, timeout=CAUGHT_WITHIN_S, what=f"{program.name} to end")
    assert program.exit_status == 0, f"{program.name} ended with {program.exit_status}: {program.output.read_text()}"


def _no_session_left(scene: Scene, application: str) -> None:
    """Postgres has noticed that the client is gone, and has undone what was under way."""
    wait_until(
        lambda: scene.whole.value(_SESSIONS, application=application) == 0,
        timeout=CAUGHT_WITHIN_S,
        what=f"{application} to be gone",
    )


COMMANDS: Final[Mapping[str, Strike]] = {
    "rewind killed before its commit": _rewind_killed_before_its_commit,
    "rewind killed after its commit": _rewind_killed_after_its_commit,
    "migrate killed while another migrates": _migrate_killed_at_the_door(SCHEMA),
    "migrate killed in a migration": _migrate_killed_in_the_middle,
}
