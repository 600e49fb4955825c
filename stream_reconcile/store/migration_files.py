"""Migrations as they stand in the package: numbered SQL files, found, checked and put in order.

A new migration is one new file `NNNN_primary….sql` or `NNNN_derived….sql`. The second word says where it is applied:
`primary` in the live schema only, `derived` also in a schema that a replay fills; so a derived file names no primary
table. A file that was released is never changed: its hash stands in `migration_history`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Literal, cast

from stream_reconcile.core.errors import ConfigError

Kind = Literal["primary", "derived"]

PACKAGED: Traversable = resources.files("stream_reconcile.store").joinpath("sql", "migrations")

_FILE_NAME = re.compile(r"(?P<name>(?P<version>\d{4})_(?P<kind>primary|derived)(?:_[a-z0-9_]+)?)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `version` "0001", `name` "0001_primary", its kind, its text and the SHA-256 of its bytes in hex."""

    version: str
    name: str
    kind: Kind
    sql: str
    sha256: str


def find_migrations(source: Traversable = PACKAGED) -> tuple[Migration, ...]:
    """All migrations of the folder `source` in order of their numbers.

    Raises ConfigError for a `.sql` file of another name, a number given twice, or an empty folder.
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
        found[match["version"]] = Migration(
            version=match["version"],
            name=match["name"],
            kind=cast("Kind", match["kind"]),
            sql=content.decode(),
            sha256=hashlib.sha256(content).hexdigest(),
        )
    if not found:
        raise ConfigError(f"no migrations in {source}: the installation is not complete, install it again")
    return tuple(found[version] for version in sorted(found))
