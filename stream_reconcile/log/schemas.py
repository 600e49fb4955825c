"""The Avro schemas of the package: those that are written now, and every released one, so that old records stay
readable for as long as the log holds them.

Each record type is a file `NAME.avsc`; `released/VERSION/NAME.avsc` holds what a released version wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

NAMESPACE: Final = "stream_reconcile.v1"

# File name of each record type, in the order of docs/kafka.md.
RECORDS: Final = (
    "trade_update",
    "order_snapshot",
    "fill_activity",
    "adjustment",
    "account_snapshot",
    "stream_session",
    "trade_decision",
    "proof",
)


@dataclass(frozen=True, slots=True)
class Schema:
    """One version of one record type. `name` is Avro's full name; `fingerprint` is CRC-64-AVRO, 8 bytes as Avro's
    single-object header has them (little-endian); `parsed` is what fastavro reads and writes with; `text` is the file.
    """

    name: str
    fingerprint: bytes
    fields: tuple[tuple[str, Any], ...]
    parsed: Any
    text: str


def schema(text: str) -> Schema:
    """Parse the JSON text of a record's schema.

    Raises ValueError where it is no JSON, fastavro's SchemaParseException where it is no schema.
    """
    parsed: Any = parse_schema(json.loads(text))
    if not isinstance(parsed, dict) or parsed.get("type") != "record":
        raise ValueError("the schema is not that of a record")
    # fastavro gives the 8 bytes in header order, as hexadecimal digits.
    mark = bytes.fromhex(fingerprint(to_parsing_canonical_form(parsed), "CRC-64-AVRO"))
    fields = tuple((field["name"], field["type"]) for field in parsed["fields"])
    return Schema(parsed["name"], mark, fields, parsed, text)


def schema_directory() -> Path:
    """Where the schemas are: in the installed package, or at the root of a source tree."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "schemas"
    return installed if installed.is_dir() else package.parent / "schemas"


@cache
def current(record: str) -> Schema:
    """The schema that `record` (one of RECORDS) is written with now."""
    return _load(schema_directory() / f"{record}.avsc")


@cache
def released(record: str) -> tuple[tuple[str, Schema], ...]:
    """(version, schema) of every released version that had `record`, oldest version first."""
    return tuple((path.parent.name, _load(path)) for path in _released_paths(record))


def _released_paths(record: str) -> Iterator[Path]:
    directories = [path for path in (schema_directory() / "released").iterdir() if path.is_dir()]
    for directory in sorted(directories, key=lambda path: [int(part) for part in path.name.split(".")]):
        path = directory / f"{record}.avsc"
        if path.exists():
            yield path


def _load(path: Path) -> Schema:
    return schema(path.read_text(encoding="utf-8"))
