"""Queries stand in `.sql` files, each named and described, so that they can be read and tried without Python.

A block of a file:

    -- name: take_lease
    -- Takes the lease if it is free, expired or ours; one row if taken.
    INSERT INTO leases …
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

_NAME = re.compile(r"^-- name: *(?P<name>\S*) *$", re.MULTILINE)


class QueryFileError(ValueError):
    """A `.sql` file of this package is not written as it must be: a mistake of ours, found by the first test."""


@cache
def load(file_name: str) -> Mapping[str, str]:
    """Queries of `store/sql/<file_name>` by name; the text of each begins with its name, for `pg_stat_activity`.

    Raises QueryFileError for a file without names, a name given twice, a missing description or an empty query.
    """
    text = resources.files("stream_reconcile.store").joinpath("sql", file_name).read_text(encoding="utf-8")
    return parse(text, file_name)


def parse(text: str, file_name: str) -> Mapping[str, str]:
    """The blocks of `text` as `load` gives them; `file_name` is for messages only."""
    heads = list(_NAME.finditer(text))
    if not heads:
        raise QueryFileError(f"{file_name}: no line `-- name: …`")
    found: dict[str, str] = {}
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        name = head["name"]
        lines = text[head.end() : following.start() if following else len(text)].strip().splitlines()
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise QueryFileError(f"{file_name}: {name!r} is no name for a query")
        if name in found:
            raise QueryFileError(f"{file_name}: {name} stands there twice")
        if not lines or not re.match(r"-- *\w", lines[0]):
            raise QueryFileError(f"{file_name}: {name} needs a line that describes it, right below its name")
        if all(not line.strip() or line.lstrip().startswith("--") for line in lines):
            raise QueryFileError(f"{file_name}: {name} has no query")
        # The description stays here: a % in it would be read as the mark of a parameter.
        while lines[0].startswith("--") or not lines[0].strip():
            del lines[0]
        found[name] = "\n".join([f"-- {name}", *lines])
    return MappingProxyType(found)
