"""The demo's verdict: equal only if nothing at all stands against it, and told in the shape that is promised."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from stream_reconcile.demo.log_contents import LogContents
from stream_reconcile.demo.outcome import Outcome, as_json, as_text
from stream_reconcile.simulator.verdict import Difference, Verdict

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "json" / "demo.schema.json").read_text())
GOOD = Outcome(
    seed=7,
    verdict=Verdict(912, 845, 0, ()),
    log=LogContents(records=3004, frames=3000, distinct=2760),
    events=2760,
    findings={},
    dead_letters=0,
    gap_windows=0,
    unheard=0,
    swept=31,
    unbound=0,
    unproven="",
    faults={"duplicate": 240, "kill_9": 1},
    drained=True,
    failure=None,
    ended_early=False,
    first_applied_s=7.9,
    flow_s=60.2,
    total_s=83.4,
    most_lag_records=512,
    most_lag_seconds=10.8,
)
ROW = Difference("executions", "b0b6", "", "filled_qty", "3", "4")
FILL = Difference("fills", "b0b6", "x:17", "row", None, "trade")
AGAINST: list[tuple[dict[str, Any], str]] = [
    ({"verdict": Verdict(912, 845, 1, (ROW,))}, "order b0b6, executions, filled_qty: ours 3, the broker's 4"),
    ({"verdict": Verdict(912, 845, 1, (FILL,))}, "order b0b6, fills x:17, row: ours -, the broker's trade"),
    ({"drained": False}, "not everything that the broker sent was applied"),
    ({"failure": "ingest ended by itself"}, "ingest ended by itself"),
    ({"events": 2759}, "2,759 frames in order_events, but 2,760 distinct"),
    ({"findings": {"missing_fill": 2}}, "2 open of type missing_fill"),
    ({"dead_letters": 1}, "dead letters 1 open"),
]


def test_a_good_one() -> None:
    assert GOOD.equal
    first, *others = as_text(GOOD)
    assert first == "verdict: EQUAL to the broker's own books"
    text = "\n".join(others)
    for part in ("912", "845", "240 of 3,000 frames in Kafka; 240 dropped", "differences  0", "7.9 s from start"):
        assert part in text
    told = as_json(GOOD)
    jsonschema.validate(told, SCHEMA)
    assert told["equal"] is True
    assert told["frames"] == {
        "in_log": 3000,
        "distinct": 2760,
        "duplicates": 240,
        "duplicates_dropped": 240,
        "unheard": 0,
    }


@pytest.mark.parametrize(("change", "told"), AGAINST, ids=[told for _, told in AGAINST])
def test_anything_against_it_is_told_and_makes_it_bad(change: dict[str, Any], told: str) -> None:
    bad = replace(GOOD, **change)
    assert not bad.equal
    text = "\n".join(as_text(bad))
    assert text.startswith("verdict: NOT EQUAL")
    assert told in text
    jsonschema.validate(as_json(bad), SCHEMA)
    assert as_json(bad)["equal"] is False


def test_frames_that_nobody_heard_and_a_kept_folder_are_told() -> None:
    text = "\n".join(as_text(replace(GOOD, unheard=3, kept="/some/where", ended_early=True)))
    for part in ("3 sent while nobody listened", "/some/where", "ended early"):
        assert part in text


def test_of_many_differences_some_are_shown_and_all_are_counted() -> None:
    lines = list(as_text(replace(GOOD, verdict=Verdict(912, 845, 1000, (ROW,) * 100))))
    assert sum("filled_qty" in line for line in lines) == 20
    assert any("and 980 more" in line for line in lines)


def test_the_schema_asks_for_every_key_and_allows_no_other() -> None:
    assert set(SCHEMA["required"]) == set(SCHEMA["properties"]) == set(as_json(GOOD))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**as_json(GOOD), "more": 1}, SCHEMA)
