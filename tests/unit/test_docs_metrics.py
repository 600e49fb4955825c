"""docs/metrics.md says what the metrics are: every one, its type, labels and meaning, and no other."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from support.metric_families import families, filled_exposition, promtool_says

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")


def rows_of_the_code() -> list[str]:
    rows = []
    for family in families():
        labels = () if family.kind == "info" else family.labels
        shown = ", ".join(f"`{label}`" for label in labels) or "–"
        rows.append(f"| `{family.name}` | {family.kind} | {shown} | {family.documentation} |")
    return sorted(rows)


def rows_below(heading: str) -> list[str]:
    """Rows of the first table after a line of the page."""
    _, _, rest = PAGE.partition(heading)
    return re.match(r"(?:(?!\|).*\n)*((?:\|.*\n)+)", rest)[1].splitlines()[2:]  # type: ignore[index]


def test_the_table_is_the_registry() -> None:
    assert rows_below("# Metrics\n") == rows_of_the_code()


def test_every_label_has_a_bound() -> None:
    """A label that is new has to say how many values it can have."""
    labels = {label for family in families() if family.kind != "info" for label in family.labels}
    assert [row.split("`")[1] for row in rows_below("## How many series\n")] == sorted(labels)


def test_the_stages_are_metrics() -> None:
    known = {family.name for family in families()}
    assert set(re.findall(r"`(reconcile_\w+)`", "".join(rows_below("## From the broker to the row\n")))) <= known


def test_names_follow_the_conventions() -> None:
    for name, kind, labels, _text in families():
        assert name.startswith(("reconcile_", "kafka_consumergroup_", "kafka_topic_partition")), name
        assert name.endswith("_total") == (kind == "counter"), name
        assert not name.endswith(("_ms", "_milliseconds", "_minutes", "_kb")), name
        assert not {"job", "instance"} & set(labels), f"{name}: Prometheus has labels of this name itself"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: package prometheus)")
def test_promtool_finds_nothing_to_say() -> None:
    exposition = filled_exposition()
    assert all(f"\n{family.name}" in exposition for family in families())
    assert promtool_says(exposition) == []
    assert promtool_says("# TYPE reconcile_frames counter\nreconcile_frames 1\n") != []
