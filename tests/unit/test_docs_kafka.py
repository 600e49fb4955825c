"""docs/kafka.md says what the code does: topics, fields, settings, reasons, rights; and its program reads a record."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from stream_reconcile.core.errors import DecodeError
from stream_reconcile.log import admin, schemas
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.envelope import LAYOUT, Envelope
from stream_reconcile.log.topic_check import TopicPlan
from stream_reconcile.log.topics import Topics

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "kafka.md").read_text(encoding="utf-8")
TOPICS = Topics()


def table(heading: str) -> list[list[str]]:
    """Cells of the first table under the first line that begins with `heading`, without its head."""
    lines = PAGE[PAGE.index(heading) :].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_every_topic_is_there_with_its_schema() -> None:
    rows = table("## Topics")
    assert [row[0] for row in rows] == [f"`{topic}`" for topic in TOPICS.all]
    for topic, _, sources, schema, applied in rows:
        record = TOPICS.record(topic.strip("`"))
        assert schema == f"`{record}.avsc`"
        assert applied == ("yes" if TOPICS.of(record) in TOPICS.applied else "no")
        doc = next(field["doc"] for field in schemas.current(record).parsed["fields"] if field["name"] == "source")
        assert set(re.findall(r"`\w+`", sources)) == set(re.findall(r"`\w+`", doc))


def test_every_setting_of_a_topic_is_there_with_its_value() -> None:
    rows = {row[0].strip("`"): row[1] for row in table("The program makes missing topics")}
    settings = TopicPlan().settings(1)
    assert rows.keys() - {"partitions", "copies"} == settings.keys()
    for name, value in settings.items():
        if name != "min.insync.replicas":  # depends on the copies
            assert f"`{value}" in rows[name] or f"(`{value}" in rows[name]
    assert f"({TopicPlan().partitions})" in rows["partitions"]


def test_every_field_is_there_with_its_type() -> None:
    assert [(row[0].strip("`"), row[1]) for row in table("## The record")] == list(LAYOUT)


def test_every_reason_is_there() -> None:
    assert [row[0].strip("`") for row in table("A record that can't be decoded")] == list(DecodeError.REASONS)


def test_the_rights_that_are_checked_are_there() -> None:
    rows = table("## Rights")
    assert rows[0][1] == ", ".join(admin._TOPIC_RIGHTS)
    assert rows[2][1] == ", ".join(admin._GROUP_RIGHTS)


def test_the_program_reads_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    exec(program, names)
    envelope = Envelope("account", "session", 1, 2, "stream", "fill", "order", b'{"a":1}')
    codec = SingleObjectCodec(TOPICS)
    assert names["read"](codec.encode(TOPICS.trade_updates, envelope)) == envelope._asdict()
    with pytest.raises(ValueError, match="another schema"):
        names["read"](codec.encode(TOPICS.adjustments, envelope))
