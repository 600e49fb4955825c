"""`lag --watch`, where nobody looks: one look below the other, or one document a line; and when it ends."""

from __future__ import annotations

import json

import pytest

from stream_reconcile.commands.lag import lag_json
from stream_reconcile.commands.lag_watch import watch
from stream_reconcile.core.lag_state import LagState
from stream_reconcile.jobs.lag import LagReport, PartitionReport


def report(lag: int) -> LagReport:
    return LagReport("g", (PartitionReport("t", 0, 10, 10 + lag, 0, lag, lag / 2, LagState.OK),))


def test_it_ends_when_the_number_is_exceeded_and_shows_what_was_before(capsys: pytest.CaptureFixture[str]) -> None:
    looks = iter([report(0), report(4), report(8)])
    last = watch(
        lambda: next(looks), 0.001, render=lambda one: f"{one.records} records", as_json=None,
        is_over=lambda one: one.records > 7,
    )  # fmt: skip
    assert last.records == 8
    out = capsys.readouterr().out
    assert "records  ▁▅█  at most 8" in out.replace("▄", "▅")
    assert "seconds  ▁▅█  at most 4" in out.replace("▄", "▅")
    assert "the last 3 looks" in out


def test_one_document_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    looks = iter([report(0), report(4)])
    watch(lambda: next(looks), 0.001, render=str, as_json=lag_json, is_over=lambda one: one.records > 1)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["partitions"][0]["lag"] for line in lines] == [0, 4]
