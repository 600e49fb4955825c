"""The schema files: one header for all, documented fields, released versions untouched and compatible."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stream_reconcile.log import compat, schemas
from stream_reconcile.log.envelope import LAYOUT, Envelope
from stream_reconcile.log.topics import SUFFIXES

# CRC-64-AVRO of every schema ever released. Records in somebody's log carry these: a line may be added, never changed.
RELEASED = {
    ("0.1.0", "trade_update"): "70e096c4953328a8",
    ("0.1.0", "order_snapshot"): "e8b635ff5a728618",
    ("0.1.0", "fill_activity"): "d735c76b3f69d039",
    ("0.1.0", "adjustment"): "64521f95df9b4c10",
    ("0.1.0", "account_snapshot"): "01f8198e3c0cdcc5",
    ("0.1.0", "stream_session"): "a0bdbd87e20bac21",
    ("0.1.0", "trade_decision"): "03a6a2c184e61a1c",
    ("0.1.0", "proof"): "b3d64c301a5e3486",
}


def test_each_record_type_has_a_file_and_a_topic() -> None:
    files = {path.stem for path in schemas.schema_directory().glob("*.avsc")}
    assert files == set(schemas.RECORDS) == set(SUFFIXES)


@pytest.mark.parametrize("record", schemas.RECORDS)
def test_the_header_is_the_same_in_all(record: str) -> None:
    schema = schemas.current(record)
    assert schema.fields == LAYOUT
    assert tuple(name for name, _ in schema.fields) == Envelope._fields
    namespace, _, name = schema.name.rpartition(".")
    assert namespace == schemas.NAMESPACE
    assert name == "".join(word.title() for word in record.split("_"))


@pytest.mark.parametrize("record", schemas.RECORDS)
def test_every_field_says_what_it_is(record: str) -> None:
    declared = json.loads(schemas.current(record).text)
    assert declared["doc"].endswith(".")
    for field in declared["fields"]:
        assert field["doc"].endswith("."), field["name"]
        if field["name"].endswith("_ns"):
            assert "Nanoseconds" in field["doc"]
        if field["name"] == "position":
            assert "from 0" in field["doc"] or "before" in field["doc"]


def test_what_was_released_stays_as_it_was() -> None:
    found = {
        (version, record): schema.fingerprint.hex()
        for record in schemas.RECORDS
        for version, schema in schemas.released(record)
    }
    assert found == RELEASED


def test_released_and_current_versions_read_each_other() -> None:
    assert list(compat.check()) == []


def test_the_check_is_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stream_reconcile.log.compat"],
        cwd=schemas.schema_directory().parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "8 schemas" in done.stdout


def test_versions_are_in_order_of_their_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = schemas.current("adjustment").text
    for version in ("0.10.0", "0.9.1", "0.2.0"):
        directory = tmp_path / "released" / version
        directory.mkdir(parents=True)
        (directory / "adjustment.avsc").write_text(text, encoding="utf-8")
    monkeypatch.setattr(schemas, "schema_directory", lambda: tmp_path)
    versions = [version for version, _ in schemas.released.__wrapped__("adjustment")]
    assert versions == ["0.2.0", "0.9.1", "0.10.0"]


@pytest.mark.parametrize("text", ['{"type": "string"}', '"int"', "[]", "{"])
def test_what_is_no_schema_of_a_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        schemas.schema(text)
