"""Schemas may change only so that every version reads every other: backward and forward, against all that was ever
released (the rule FULL_TRANSITIVE of schema registries). `python -m stream_reconcile.log.compat` checks it and exits
1 if it is broken; a test does the same in every build.

Between two versions of a record, in both directions, that leaves this: same full name; a field of both keeps its type,
to the letter; a field of only one has a default. Stricter than Avro's resolution on purpose, which calls a change of a
decimal's scale, or of a timestamp's unit, compatible and then misreads every value, and lets string and bytes swap.
What the rule lets through, tests resolve with fastavro in both directions.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from fastavro.schema import SchemaParseException, UnknownType

from stream_reconcile.log import schemas

# What says nothing about the bytes or their meaning.
_WORDS_ONLY = frozenset({"doc", "aliases", "order"})


def differences(old: Any, new: Any) -> list[str]:
    """Why the record schemas `old` and `new` (as decoded from JSON) can't read each other; empty if they can.

    Both directions are looked at, so it doesn't matter which of the two came first.
    """
    if _name(old) != _name(new):
        return [f"the record is called {_name(old)} in one and {_name(new)} in the other"]
    before, after = _fields(old), _fields(new)
    found = []
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in after:
            found += _without_default(before[name], "removed (or renamed)")
        elif name not in before:
            found += _without_default(after[name], "added")
        else:
            found += _changed_type(before[name], after[name])
    return found


def check() -> Iterator[str]:
    """Every breach of the rule by the schemas of this tree, as a sentence."""
    for record in schemas.RECORDS:
        try:
            current = schemas.current(record)
        except (SchemaParseException, UnknownType, ValueError) as error:
            yield f"{record}.avsc: {error}"
            continue
        for name, field in _fields(json.loads(current.text)).items():
            if not field.get("doc"):
                yield f"{record}.avsc: field {name} has no doc"
        versions = schemas.released(record)
        if not versions:
            yield f"{record}.avsc: no released version holds it: copy it to schemas/released/VERSION/ with the release"
        for version, released in versions:
            for why in differences(json.loads(released.text), json.loads(current.text)):
                yield f"{record}.avsc against released {version}: {why}"


def _name(record: Any) -> str:
    name, namespace = record.get("name", ""), record.get("namespace", "")
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _fields(record: Any) -> dict[str, Any]:
    return {field["name"]: field for field in record.get("fields", [])}


def _without_default(field: Any, what: str) -> list[str]:
    if "default" in field:
        return []
    return [f"field {field['name']} was {what} and has no default, so the version without it can't stand in for it"]


def _changed_type(old: Any, new: Any) -> list[str]:
    before, after = _meaning(old["type"]), _meaning(new["type"])
    if before == after:
        return []
    return [f"field {old['name']} was {json.dumps(before)} and is {json.dumps(after)}: give the new kind a new field"]


def _meaning(kind: Any) -> Any:
    """A type without its words, and with {"type": "string"} and "string" as one."""
    if isinstance(kind, list):
        return [_meaning(branch) for branch in kind]
    if not isinstance(kind, dict):
        return kind
    meaning = {key: _meaning(value) for key, value in kind.items() if key not in _WORDS_ONLY}
    return meaning["type"] if meaning.keys() == {"type"} else meaning


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    found = list(check())
    for line in found:
        sys.stderr.write(f"{line}\n")
    if not found:
        sys.stdout.write(f"{len(schemas.RECORDS)} schemas read all released versions and are read by them\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
