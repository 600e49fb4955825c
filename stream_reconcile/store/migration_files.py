"""Migrations as they stand in the package: numbered SQL files, found, checked and put in order.

A new migration is one new file `NNNN_primary….sql` or `NNNN_derived….sql`. The second word says where it is applied:
`primary` in the live schema only, `derived` also in a schema that a replay fills; so a derived file names no primary
table. A file that was released is never changed: its hash stands in `migration_history`. What a file may do is said in
docs/development.md, and held by tests.

Two remarks at the head of a file, each a line of its own, are read by the program:

    -- outside a transaction             it is one `CREATE INDEX CONCURRENTLY IF NOT EXISTS`, or `DROP INDEX …`
    -- oldest program: NNNN              a program that does not know migration NNNN can't work with the schema after it
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import takewhile
from typing import Literal, cast

from stream_reconcile.core.errors import ConfigError

Kind = Literal["primary", "derived"]

PACKAGED: Traversable = resources.files("stream_reconcile.store").joinpath("sql", "migrations")

_OUTSIDE = "-- outside a transaction"
_OLDEST = re.compile(r"-- oldest program: *(?P<version>\S*)")
_FILE_NAME = re.compile(r"(?P<name>(?P<version>\d{4})_(?P<kind>primary|derived)(?:_[a-z0-9_]+)?)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `version` "0001", `name` "0001_primary", its kind, its text and the SHA-256 of its bytes in hex."""

    version: str
    name: str
    kind: Kind
    sql: str
    sha256: str
    outside: bool = False
    """It runs outside a transaction: it can be cut short anywhere, and run again."""
    oldest_program: str | None = None
    """Number of the migration that a program has to know to work with the schema from then on; None: any may."""


def find_migrations(source: Traversable = PACKAGED) -> tuple[Migration, ...]:
    """All migrations of the folder `source` in order of their numbers.

    Raises ConfigError for a `.sql` file of another name, a number given twice, a remark that is none, or an empty
    folder.
    """
    found: dict[str, Migration] = {}
    for file in source.iterdir():
        if not file.name.endswith(".sql"):
            continue
        match = _FILE_NAME.fullmatch(file.name)
        if match is None:
            raise ConfigError(f"migration {file.name}: call it NNNN_primary….sql or NNNN_derived….sql")
        if (twin := found.get(match["version"])) is not None:
            raise ConfigError(f"migrations {twin.name} and {match['name']} have the same number; give one the next")
        content = file.read_bytes()
        text = content.decode()
        outside, oldest = _remarks(match["name"], match["version"], text)
        found[match["version"]] = Migration(
            version=match["version"],
            name=match["name"],
            kind=cast("Kind", match["kind"]),
            sql=text,
            sha256=hashlib.sha256(content).hexdigest(),
            outside=outside,
            oldest_program=oldest,
        )
    if not found:
        raise ConfigError(f"no migrations in {source}: the installation is not complete, install it again")
    return tuple(found[version] for version in sorted(found))


def _remarks(name: str, version: str, text: str) -> tuple[bool, str | None]:
    """What the lines at the head of a file, up to the first that is no comment, say to the program."""
    head = [line.rstrip() for line in takewhile(lambda line: line.startswith("--"), text.splitlines())]
    oldest = next((match["version"] for line in head if (match := _OLDEST.fullmatch(line))), None)
    if oldest is not None and not (re.fullmatch(r"\d{4}", oldest) and oldest <= version):
        raise ConfigError(f"migration {name}: the oldest program is the number of a migration, {version} at most")
    return _OUTSIDE in head, oldest
