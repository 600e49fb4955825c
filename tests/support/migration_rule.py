"""What a migration may do (docs/development.md), held against the files by Postgres's own parser.

Allowed is what the program of the version before can't notice, and what no table is locked for longer than a moment:
everything that is not named here is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pglast import ast, parse_sql
from pglast.enums.parsenodes import AlterTableType, ConstrType, FunctionParameterMode, ObjectType
from pglast.parser import ParseError

from stream_reconcile.store.migration_files import Migration

SMALL: Final = frozenset({"accounts", "leases", "stream_cursors"})
"""Tables of a row for each account, lease or partition: an index of them is made at once."""
_DROPPED: Final = {
    ObjectType.OBJECT_TABLE: "a table",
    ObjectType.OBJECT_VIEW: "a view",
    ObjectType.OBJECT_FUNCTION: "a function",
    ObjectType.OBJECT_INDEX: "an index",
    ObjectType.OBJECT_TRIGGER: "a trigger",
}
_OWN_TABLE_ONLY: Final = {
    ConstrType.CONSTR_PRIMARY: "a primary key",
    ConstrType.CONSTR_UNIQUE: "a unique constraint",
    ConstrType.CONSTR_EXCLUSION: "an exclusion",
    ConstrType.CONSTR_FOREIGN: "a foreign key",
    ConstrType.CONSTR_IDENTITY: "an identity",
    ConstrType.CONSTR_GENERATED: "a generated value",
    ConstrType.CONSTR_CHECK: "a check that is not NOT VALID",
}


@dataclass
class Before:
    """What the files before one have made."""

    tables: set[str] = field(default_factory=set)
    views: set[str] = field(default_factory=set)
    functions: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    """Names and types of the arguments."""


def breaches(migrations: Sequence[Migration], *, last_released: str | None) -> dict[str, list[str]]:
    """Of each file by name, what it does and may not, in order; none for one that keeps to the rule.

    `last_released`: number of the newest migration of the last release; what a file leaves behind may not be newer.
    """
    before = Before()
    return {one.name: list(_File(one, before, last_released).breaches()) for one in migrations}


def tables_by_kind(migrations: Sequence[Migration]) -> dict[str, str]:
    """Each table that the files make, and the kind of the file that does."""
    return {
        _name(raw.stmt.relation): one.kind
        for one in migrations
        for raw in parse_sql(one.sql)
        if isinstance(raw.stmt, ast.CreateStmt)
    }


class _File:
    def __init__(self, migration: Migration, before: Before, last_released: str | None) -> None:
        self._migration, self._before, self._last_released = migration, before, last_released
        self._made: set[str] = set()
        self._columns: set[str] = set()
        """New ones of tables that were there."""
        self._altered: set[str] = set()

    def breaches(self) -> Iterator[str]:
        try:
            statements = [raw.stmt for raw in parse_sql(self._migration.sql)]
        except ParseError as error:
            yield f"is no SQL ({error})"
            return
        if self._migration.outside:
            if len(statements) != 1 or not _is_concurrent(statements[0]):
                yield "is outside a transaction and not one CREATE INDEX CONCURRENTLY IF NOT EXISTS, or DROP INDEX"
        elif any(_is_concurrent(one) for one in statements):
            yield "CONCURRENTLY needs the remark `-- outside a transaction`"
        if any(_validates(one) for one in statements) and not all(
            _validates(one) or isinstance(one, ast.CommentStmt) for one in statements
        ):
            yield "validates a constraint beside other statements, whose locks would last as long"
        for statement in statements:
            yield from self._statement(statement)
        if len(self._altered) > 1:
            yield f"alters {', '.join(sorted(self._altered))}: one table that was there for each file"
        if (oldest := self._migration.oldest_program) and not (self._last_released and oldest <= self._last_released):
            yield f"leaves behind programs before {oldest}, which is newer than the last release"

    # --- parts --------------------------------------------------------------------------------------------------------

    def _statement(self, statement: Any) -> Iterator[str]:
        match statement:
            case ast.CommentStmt():
                return
            case ast.CreateStmt():
                yield from self._create_table(statement)
            case ast.AlterTableStmt(objtype=ObjectType.OBJECT_TABLE):
                yield from self._alter_table(statement)
            case ast.IndexStmt():
                yield from self._index(statement)
            case ast.DropStmt():
                yield from self._drop(statement)
            case ast.InsertStmt() if _name(statement.relation) in self._made:
                return
            case ast.ViewStmt():
                yield from self._primary_only("a view")
                if (name := _name(statement.view)) in self._before.views or statement.replace:
                    yield f"replaces view {name}: make one of another name"
                self._before.views.add(name)
            case ast.CreateFunctionStmt():
                yield from self._function(statement)
            case ast.CreateTrigStmt():
                yield from self._primary_only("a trigger")
                if (name := _name(statement.relation)) not in self._made:
                    yield f"puts a trigger on {name}, which was there: the version before would set it off"
            case _:
                yield f"has a {type(statement).__name__}"

    def _primary_only(self, what: str) -> Iterator[str]:
        if self._migration.kind == "derived":
            yield f"makes {what} beside derived tables, where a promote would leave it behind"

    def _create_table(self, statement: Any) -> Iterator[str]:
        name = _name(statement.relation)
        if statement.inhRelations or statement.partbound:
            yield f"makes {name} a part of another table"
        self._made.add(name)
        self._before.tables.add(name)
        for element in statement.tableElts or ():
            constraints = element.constraints or () if isinstance(element, ast.ColumnDef) else (element,)
            for one in constraints:
                if getattr(one, "contype", None) == ConstrType.CONSTR_FOREIGN:
                    yield from self._foreign(name, _name(one.pktable))

    def _foreign(self, name: str, other: str) -> Iterator[str]:
        if self._migration.kind == "derived":
            yield f"binds {name} to {other}: a promote moves derived tables one by one"
        elif other not in self._made:
            yield f"binds {name} to {other}, which was there: the version before may delete what it is bound to"

    def _alter_table(self, statement: Any) -> Iterator[str]:
        name = _name(statement.relation)
        if name in self._made:
            return  # nobody knows it yet
        self._altered.add(name)
        for command in statement.cmds:
            match command.subtype:
                case AlterTableType.AT_AddColumn:
                    self._columns.add(command.def_.colname)
                    yield from _column(name, command.def_)
                case AlterTableType.AT_AddConstraint:
                    yield from self._constraint(name, command.def_)
                case AlterTableType.AT_ValidateConstraint | AlterTableType.AT_SetRelOptions:
                    pass
                case AlterTableType.AT_DropColumn | AlterTableType.AT_DropConstraint:
                    yield from self._contracts(f"drops {command.name} of {name}")
                case _:
                    yield f"alters {name}: {AlterTableType(command.subtype).name}"

    def _constraint(self, table: str, constraint: Any) -> Iterator[str]:
        if constraint.contype != ConstrType.CONSTR_CHECK or not constraint.skip_validation:
            yield f"puts {_OWN_TABLE_ONLY.get(constraint.contype, 'a constraint')} on {table}"
            return
        named = {_words(node.fields) for node in _nodes(constraint.raw_expr) if isinstance(node, ast.ColumnRef)}
        if known := named - self._columns:
            yield f"binds what the version before writes: {', '.join(sorted(known))} of {table}"

    def _index(self, statement: Any) -> Iterator[str]:
        name = _name(statement.relation)
        if name in self._made:
            return
        if statement.unique:
            yield f"puts a unique index on {name}, which the version before does not know"
        if name not in SMALL and not statement.concurrent:
            yield f"makes an index of {name} while nobody may write there: CONCURRENTLY"

    def _function(self, statement: Any) -> Iterator[str]:
        yield from self._primary_only("a function")
        name = _words(statement.funcname)
        arguments = tuple(
            f"{one.name} {_words(one.argType.names)}" + "[]" * len(one.argType.arrayBounds or ())
            for one in statement.parameters or ()
            if one.mode not in (FunctionParameterMode.FUNC_PARAM_TABLE, FunctionParameterMode.FUNC_PARAM_OUT)
        )
        known = self._before.functions.setdefault(name, set())
        if known and arguments not in known:
            yield f"gives function {name} other arguments: a call of the version before may mean either"
        if any(isinstance(node, ast.RangeVar) for node in _nodes(statement.sql_body)):
            yield f"binds function {name} to tables themselves: a promote refuses that; give its body as text"
        known.add(arguments)

    def _drop(self, statement: Any) -> Iterator[str]:
        what = _DROPPED.get(statement.removeType, "something")
        yield from self._contracts(f"drops {what}")
        if statement.removeType == ObjectType.OBJECT_INDEX and not statement.concurrent:
            yield "drops an index while nobody may use its table: CONCURRENTLY"

    def _contracts(self, what: str) -> Iterator[str]:
        if self._migration.oldest_program is None:
            yield f"{what}: say which programs do not use it any more (`-- oldest program: NNNN`)"


def _column(table: str, column: Any) -> Iterator[str]:
    default = False
    required = False
    for one in column.constraints or ():
        match one.contype:
            case ConstrType.CONSTR_DEFAULT:
                default = True
                if not _is_constant(one.raw_expr):
                    yield f"writes {table} anew: the default of {column.colname} is no constant"
            case ConstrType.CONSTR_NOTNULL:
                required = True
            case ConstrType.CONSTR_NULL:
                pass
            case kind:
                yield f"gives {column.colname} of {table} {_OWN_TABLE_ONLY.get(kind, 'a constraint')}"
    if required and not default:
        yield f"wants a value for {column.colname} of {table}, which the version before does not give"


def _is_constant(node: Any) -> bool:
    match node:
        case ast.A_Const():
            return True
        case ast.TypeCast():
            return _is_constant(node.arg)
        case ast.A_ArrayExpr():
            return all(map(_is_constant, node.elements or ()))
        case ast.FuncCall():
            return _words(node.funcname) == "now" and not node.args
        case _:
            return False


def _is_concurrent(statement: Any) -> bool:
    match statement:
        case ast.IndexStmt():
            return bool(statement.concurrent and statement.if_not_exists)
        case ast.DropStmt():
            return bool(statement.concurrent and statement.missing_ok)
        case _:
            return False


def _validates(statement: Any) -> bool:
    return isinstance(statement, ast.AlterTableStmt) and any(
        command.subtype == AlterTableType.AT_ValidateConstraint for command in statement.cmds or ()
    )


def _nodes(node: Any) -> Iterator[ast.Node]:
    """It and all within it."""
    if isinstance(node, tuple):
        for each in node:
            yield from _nodes(each)
    elif isinstance(node, ast.Node):
        yield node
        for name in node:
            yield from _nodes(getattr(node, name))


def _name(relation: Any) -> str:
    return f"{relation.schemaname}.{relation.relname}" if relation.schemaname else str(relation.relname)


def _words(names: Any) -> str:
    return ".".join(str(one.sval) for one in names if one.sval != "pg_catalog")
