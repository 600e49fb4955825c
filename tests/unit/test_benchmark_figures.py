"""What the benchmark makes of its measurements: rates, ratios, bars, percentiles, and which rows are asked for."""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
SECOND = 1_000_000_000


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives `module(name)`: a module of tests/benchmarks, which run as scripts and import each other by bare name."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    return load


def test_a_rate_leaves_out_the_start_of_each_process(module: Any) -> None:
    apply_speed = module("apply_speed")
    early = [(0, 5_000, 0), (1 * SECOND, 5_000, 0), (2 * SECOND, 5_000, 0), (3 * SECOND, 5_000, 0)]
    late = [(1 * SECOND, 4_000, 0), (3 * SECOND, 4_000, 0)]
    assert apply_speed.steady_rate([early]) == 5_000
    # From the late one's first commit on: 5,000 twice and 4,000 once in two seconds.
    assert apply_speed.steady_rate([early, late]) == 7_000
    assert apply_speed.steady_rate([early, []]) == 5_000
    assert apply_speed.steady_rate([early[:1]]) is None
    with pytest.raises(module("children").BenchmarkError):
        apply_speed.steady_rate([[]])


def test_processor_time_is_that_after_the_first_commit(module: Any) -> None:
    timeline = [(0, 5_000, 900_000_000), (SECOND, 5_000, 950_000_000), (2 * SECOND, 5_000, 1_000_000_000)]
    assert module("apply_speed").steady_cpu_us([timeline]) == 10


def test_a_bar_is_about_ours_or_about_the_ratio(module: Any) -> None:
    figures = module("figures")
    row = figures.Row("apply_1_member", 70.0, 100.0, "events/s")
    assert row.as_json() == {"name": "apply_1_member", "ours": 70, "floor": 100, "ratio": 0.7, "unit": "events/s"}
    assert figures.Bar("ratio", "≥", 0.7).reached(row) is True
    assert figures.Bar("ratio", "≥", 0.71).reached(row) is False
    assert figures.Bar("ours", "≤", 69).reached(row) is False
    alone = figures.Row("ingest", 70.0, None, "frames/s")
    assert alone.ratio is None
    assert figures.Bar("ratio", "≥", 0.7).reached(alone) is None
    nothing_lost = figures.Row("ingest_stall_60s_lost", 0, None, "frames")
    assert figures.BARS["ingest_stall_60s_lost"].reached(nothing_lost) is True


def test_every_bar_belongs_to_a_row_that_is_measured(module: Any) -> None:
    rows = [row for measurement in module("plan").MEASUREMENTS for row in measurement.rows]
    assert len(rows) == len(set(rows))
    assert module("figures").BARS.keys() <= set(rows)


def test_rows_are_chosen_by_name_or_beginning(module: Any) -> None:
    bench = module("bench")

    def rows(only: str) -> list[str]:
        return [measurement.rows[0] for measurement in bench.choose(only)]

    assert rows("apply_1_member") == ["apply_1_member"]
    assert rows("frame_to_commit_p99") == ["frame_to_commit_p50_100", "frame_to_commit_p50_1000"]
    assert rows("ingest, apply_2") == ["apply_2_members", "ingest"]
    assert rows("") == [measurement.rows[0] for measurement in module("plan").MEASUREMENTS]
    with pytest.raises(typer.BadParameter, match="no row begins with 'aply'"):
        rows("aply")


def test_percentiles(module: Any) -> None:
    percentile = module("pacing").percentile
    values = [float(value) for value in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([1.0], 0.99)) == (51, 100, 1)


def test_rows_are_written_after_each_measurement(module: Any, tmp_path: Path) -> None:
    figures = module("figures")
    report = figures.Report(tmp_path / "build" / "bench.json", {"scale": 1})
    report.add([figures.Row("ingest", 12_345.678, None, "frames/s")])
    report.detail(run="ingest ours", frames=3)
    written = json.loads((tmp_path / "build" / "bench.json").read_text("utf-8"))
    assert written == [{"name": "ingest", "ours": 12_350, "floor": None, "ratio": None, "unit": "frames/s"}]
    details = json.loads((tmp_path / "build" / "bench-details.json").read_text("utf-8"))
    assert details["runs"] == [{"run": "ingest ours", "frames": 3}]
    assert details["bars"]["ingest"] == {"of": "ours", "sense": "≥", "value": 10_000}


def test_a_stamped_frame_says_when_it_was_sent(module: Any) -> None:
    frames = module("frames")
    raw = b'{"order":{"client_order_id":"ab","legs":[{"client_order_id":"cd"}]}}'
    stamped = frames.stamped(frames.with_room(raw), b"T")
    order = json.loads(stamped)["order"]
    assert order["client_order_id"][0] == "T"
    assert int(order["client_order_id"][1:]) > 1_700_000_000 * SECOND
    assert order["legs"] == [{"client_order_id": "cd"}]


def test_items_come_no_sooner_than_their_times(module: Any) -> None:
    begun = time.monotonic()
    assert list(module("pacing").paced(range(5), 1_000)) == [0, 1, 2, 3, 4]
    assert time.monotonic() - begun >= 0.004
