"""Commands killed in the middle of what they do: a rewind of the live group, a migration. None may be half made."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import resources
from typing import Final

import psycopg

from stream_reconcile.demo.programs import Program
from stream_reconcile.store.migration_files import PACKAGED, find_migrations
from stream_reconcile.store.migration_locks import LOCK_KEY
from stream_reconcile.store.migrations import migrate
from support.waiting import wait_until

from .place import Scene
from .sight import CAUGHT_WITHIN_S, Held
from .strike import Strike, a_while

_SECOND: Final = "outages_second"
_UNDISTURBED: Final = "outages_undisturbed"
_MOST_RECORDS: Final = 400
_REWIND: Final = "stream-reconcile rewind"
_MIGRATE: Final = "stream-reconcile migrate"
_BEFORE_ITS_RECORD: Final = "LOCK TABLE operator_actions IN SHARE MODE"
_SESSIONS: Final = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %(application)s"
# It asks again and again whether another one migrates, and is idle in between.
_ASKS: Final = f"{_SESSIONS} AND query LIKE '%%pg_try_advisory_lock%%'"
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


def _migrate_killed_at_the_door(scene: Scene, rng: random.Random) -> None:
    """While another one migrates; and run again."""
    with _schemas(scene):
        with Held(scene, f"SELECT pg_advisory_lock({LOCK_KEY})"):
            program = _migrate(scene)
            at_the_door = partial(scene.whole.value, _ASKS, application=_MIGRATE)
            wait_until(at_the_door, timeout=CAUGHT_WITHIN_S, what="migrate at the door")
            program.kill()
        _no_session_left(scene, _MIGRATE)
        assert _done(scene) == 0, "a migration has begun while another one was under way"
        a_while(rng)
        _is_whole_after_another(scene)


def _migrate_killed_in_the_middle(scene: Scene, rng: random.Random) -> None:
    """So many migrations of a new schema are done, the next one is made and not committed; then it is run again."""
    every = find_migrations(PACKAGED)
    done = rng.randrange(len(every))
    with _schemas(scene):
        # Whoever comes to the same version waits for whether this one will stand.
        with Held(scene, f"INSERT INTO {_SECOND}.schema_version VALUES ('{every[done].version}')") as held:
            _migrate(scene)
            held.caught(_MIGRATE, "schema_version").kill()
            _no_session_left(scene, _MIGRATE)
        assert _done(scene) == done, f"{_done(scene)} migrations stand there of which {done} were committed"
        a_while(rng)
        _is_whole_after_another(scene)


def _done(scene: Scene) -> int:
    return int(scene.whole.value(f"SELECT count(*) FROM {_SECOND}.migration_history"))


def _is_whole_after_another(scene: Scene) -> None:
    _ends_well(_migrate(scene))
    migrate(scene.whole.dsn, _UNDISTURBED)
    ours, whole = (scene.whole.rows(_COLUMNS, schema=schema) for schema in (_SECOND, _UNDISTURBED))
    assert ours == whole, "a schema whose migration was killed and run again has other columns than one in one go"


@contextmanager
def _schemas(scene: Scene) -> Iterator[None]:
    """A second one with the two tables that stand there before the first migration; two are gone in the end."""
    history = resources.files("stream_reconcile.store").joinpath("sql", "history.sql").read_text(encoding="utf-8")
    with psycopg.connect(scene.whole.dsn, options=f"-c search_path={_SECOND}", autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {_SECOND}")
        try:
            connection.execute(history)
            yield
        finally:
            for schema in (_SECOND, _UNDISTURBED):
                connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def _migrate(scene: Scene) -> Program:
    return _command(scene, "migrate", RECONCILE_SCHEMA=_SECOND)


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
    "migrate killed while another migrates": _migrate_killed_at_the_door,
    "migrate killed in a migration": _migrate_killed_in_the_middle,
}
