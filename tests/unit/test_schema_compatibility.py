"""Each kind of change that would make old records unreadable, or readable as something else, is caught."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.utils import generate_many

from stream_reconcile.log import compat, schemas

Record = dict[str, Any]

BASE: Record = {
    "type": "record",
    "name": "Fill",
    "namespace": "stream_reconcile.v1",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "qty", "type": {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 9}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "side", "type": {"type": "enum", "name": "Side", "symbols": ["buy", "sell"]}},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "legs", "type": {"type": "array", "items": "long"}, "default": []},
    ],
}


def field(record: Record, name: str) -> Record:
    return next(field for field in record["fields"] if field["name"] == name)


def change(name: str, /, **values: Any) -> Callable[[Record], None]:
    return lambda record: field(record, name).update(values)


def change_type(name: str, /, **values: Any) -> Callable[[Record], None]:
    return lambda record: field(record, name)["type"].update(values)


def remove(name: str) -> Callable[[Record], None]:
    return lambda record: record["fields"].remove(field(record, name))


def add(**values: Any) -> Callable[[Record], None]:
    return lambda record: record["fields"].append(values)


def call(**values: Any) -> Callable[[Record], None]:
    return lambda record: record.update(values)


BREAKING = {
    "field removed that has no default": remove("id"),
    "field added without a default": add(name="new", type="string"),
    "field renamed": change("id", name="key"),
    "field renamed with an alias": change("id", name="key", aliases=["id"]),
    "another type": change("id", type="long"),
    "string and bytes": change("id", type="bytes"),
    "promotion": change("at", type="double"),
    "timestamp's unit": change_type("at", logicalType="timestamp-millis"),
    "timestamp no more": change("at", type="long"),
    "decimal's scale": change_type("qty", scale=8),
    "decimal's precision": change_type("qty", precision=20),
    "decimal no more": change("qty", type="bytes"),
    "enum symbol added": change_type("side", symbols=["buy", "sell", "sell_short"]),
    "enum symbol removed": change_type("side", symbols=["buy"]),
    "enum renamed": change_type("side", name="Direction"),
    "union branch added": change("note", type=["null", "string", "long"]),
    "union branch removed": change("note", type=["null"]),
    "array of something else": change("legs", type={"type": "array", "items": "string"}),
    "record renamed": call(name="Execution"),
    "another namespace": call(namespace="stream_reconcile.v2"),
}

HARMLESS = {
    "nothing": call(),
    "doc": change("id", doc="The id."),
    "alias": change("id", aliases=["key"]),
    "field added with a default": add(name="new", type="string", default=""),
    "field removed that has a default": remove("note"),
    "fields in another order": lambda record: record["fields"].reverse(),
    "type written at length": change("id", type={"type": "string"}),
    "namespace in the name": call(name="stream_reconcile.v1.Fill", namespace=""),
}


def changed(how: Callable[[Record], None]) -> Record:
    record = copy.deepcopy(BASE)
    how(record)
    return record


@pytest.mark.parametrize("kind", BREAKING)
def test_a_breaking_change_is_caught_in_both_directions(kind: str) -> None:
    new = changed(BREAKING[kind])
    assert compat.differences(BASE, new)
    assert compat.differences(new, BASE)


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_is_let_through_is_read_in_both_directions(kind: str) -> None:
    new = changed(HARMLESS[kind])
    assert compat.differences(BASE, new) == []
    assert compat.differences(new, BASE) == []
    for writer, reader in [(BASE, new), (new, BASE)]:
        parsed_writer, parsed_reader = parse_schema(copy.deepcopy(writer)), parse_schema(copy.deepcopy(reader))
        for record in generate_many(parsed_writer, 20):
            out = io.BytesIO()
            schemaless_writer(out, parsed_writer, record)
            meant: Any = schemaless_reader(io.BytesIO(out.getvalue()), parsed_writer, None)
            read: Any = schemaless_reader(io.BytesIO(out.getvalue()), parsed_writer, parsed_reader)
            assert read.keys() == {field["name"] for field in reader["fields"]}
            for name in read.keys() & meant.keys():
                assert read[name] == meant[name]


def test_a_message_says_which_field_was_what_and_is_what() -> None:
    (found,) = compat.differences(BASE, changed(BREAKING["decimal's scale"]))
    assert "field qty" in found
    assert '"scale": 9' in found
    assert '"scale": 8' in found


@pytest.fixture
def tree(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Write a schema file of a tree that the check then looks at, which begins as a copy of ours."""

    def write(path: str, text: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")

    for record in schemas.RECORDS:
        write(f"{record}.avsc", schemas.current(record).text)
        write(f"released/0.1.0/{record}.avsc", schemas.current(record).text)
    monkeypatch.setattr(schemas, "schema_directory", lambda: tmp_path)
    monkeypatch.setattr(schemas, "current", schemas.current.__wrapped__)
    monkeypatch.setattr(schemas, "released", schemas.released.__wrapped__)
    return write


def with_field(text: str, **values: Any) -> str:
    declared = json.loads(text)
    declared["fields"].append(values)
    return json.dumps(declared)


def test_the_command_fails_where_a_released_version_cannot_be_read(
    tree: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert compat.main() == 0
    text = schemas.current("trade_update").text
    tree("released/0.0.9/trade_update.avsc", with_field(text, name="shard", type="int", doc="A shard."))
    assert compat.main() == 1
    assert "trade_update.avsc against released 0.0.9: field shard" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"name": "shard", "type": "int", "default": "none", "doc": "A shard."}, "trade_update.avsc"),
        ({"name": "shard", "type": "int", "default": 0}, "field shard has no doc"),
    ],
)
def test_the_command_fails_for_a_default_of_another_type_and_for_a_field_without_words(
    tree: Callable[[str, str], None], capsys: pytest.CaptureFixture[str], extra: Record, words: str
) -> None:
    tree("trade_update.avsc", with_field(schemas.current("trade_update").text, **extra))
    assert compat.main() == 1
    assert words in capsys.readouterr().err


def test_the_command_fails_for_a_record_that_no_released_version_holds(
    tree: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    (schemas.schema_directory() / "released" / "0.1.0" / "adjustment.avsc").unlink()
    assert compat.main() == 1
    assert "adjustment.avsc: no released version" in capsys.readouterr().err
