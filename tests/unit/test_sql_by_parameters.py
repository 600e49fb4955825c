"""SQL is never put together out of values: statements are texts of ours, names are quoted, values are parameters.

Every call that takes SQL is looked at in the source: its argument may be a name, a text, or what `psycopg.sql` composes
of texts; never an f-string, a `%`, a `+` with anything but texts, or `.format` of a plain string.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import stream_reconcile
from stream_reconcile.config_values import role_prefix, topic_prefix
from stream_reconcile.core.errors import ConfigError
from stream_reconcile.store.connect import check_schema_name, connect, connect_snapshot
from stream_reconcile.store.migrations import create_derived, migrate
from stream_reconcile.store.replay_schema import prepare
from stream_reconcile.store.roles import roles_sql

ROOT = Path(stream_reconcile.__file__).parent
FILES = [path for path in sorted(ROOT.rglob("*.py")) if path.relative_to(ROOT).parts[0] not in ("simulator", "demo")]
TAKES_SQL = {"execute", "executemany", "copy", "SQL"}
HOSTILE = [
    "x; DROP TABLE executions",
    'x" CASCADE; --',
    "x'y",
    "x\x00",
    "x\n",
    "pg_catalog",
    "pg_temp",
    "information_schema",
    "public,evil",
    "x -c search_path=evil",
    "x\\",
    "$user",
    "X",
    "é",
    "x" * 64,
    "",
    " ",
]


def is_made_of_values(node: ast.expr) -> bool:
    """Whether an expression puts values into a text."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Add):
            return not all(isinstance(side, ast.Constant) for side in (node.left, node.right))
        return isinstance(node.op, ast.Mod)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join"):
        # Right where it is psycopg's: sql.SQL("…").format(sql.Identifier(name)).
        return isinstance(node.func.value, ast.Constant | ast.JoinedStr)
    return False


def offences(tree: ast.Module) -> list[int]:
    """Lines on which a call that takes SQL is given a text made of values."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in TAKES_SQL and is_made_of_values(node.args[0]):
                found.append(node.lineno)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_statement_is_made_of_values(path: Path) -> None:
    assert offences(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    ['c.execute(f"SELECT {x}")', 'c.execute("SELECT %s" % x)', 'c.execute("SELECT " + x)', 'sql.SQL("{}".format(x))'],
)
def test_the_look_at_the_source_sees_what_it_is_for(source: str) -> None:
    assert offences(ast.parse(source)) == [1]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_schema_name_is_refused_before_anything_is_asked(name: str) -> None:
    nowhere = "postgresql://u:p@127.0.0.1:1/d"
    for use in (
        lambda: check_schema_name(name),
        lambda: connect(nowhere, name, name="t"),
        lambda: connect_snapshot(nowhere, name, name="t"),
        lambda: migrate(nowhere, name),
        lambda: create_derived(nowhere, name),
        lambda: prepare(nowhere, "reconcile", name),
        lambda: roles_sql(name),
    ):
        with pytest.raises(ConfigError, match="schema name"):
            use()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_role_prefix_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"schema name|longer than"):
        role_prefix(name)


@pytest.mark.parametrize("prefix", ["a b", "a/b", "a\x00", "a\n", "é", "a,b", "x" * 201, "$(x)", "a;b", '"', "a:b"])
def test_a_hostile_topic_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="can't begin a topic name"):
        topic_prefix(prefix)
