"""`make bench` at the smallest scale: starts its servers, measures both sides, writes rows of the right shape."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1] / "benchmarks" / "bench.py"


def test_rows_of_ours_and_the_floor(tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    command = [sys.executable, str(BENCH), "--only", "apply_1_member", "--scale", "0.001", "--repeats", "1"]
    done = subprocess.run([*command, "--output", str(output)], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["name"]: row for row in json.loads(output.read_text("utf-8"))}
    assert rows.keys() == {
        "apply_1_member",
        "apply_1_member_floor_in_turn",
        "apply_1_member_floor_writer_thread",
    }
    row = rows["apply_1_member"]
    assert row.keys() == {"name", "ours", "floor", "ratio", "unit"}
    assert row["unit"] == "events/s"
    assert row["ours"] > 0
    assert row["floor"] > 0
    assert abs(row["ratio"] - row["ours"] / row["floor"]) < 0.01 * row["ratio"]
    assert rows["apply_1_member_floor_in_turn"]["ours"] is None
    assert "apply_1_member" in done.stdout
