"""The dashboard asks for metrics that there are, through a data source that is a variable; panels say what they are."""

from __future__ import annotations

import re

import pytest
import yaml

from support import prometheus_rule
from support.dashboard import dashboard, panels, queries
from support.deploy import DEPLOY
from support.metric_families import families, names_in, unknown_names

VARIABLE = {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize("query", list(queries()), ids=lambda query: query.panel)
def test_queries_name_metrics_and_labels_that_exist(query: tuple[str, str]) -> None:
    recorded = {rule["record"] for group in prometheus_rule.groups() for rule in group["rules"] if "record" in rule}
    assert unknown_names(query[1]) == []
    assert set(re.findall(r"reconcile:[\w:]+", query[1])) <= recorded
    assert "$" not in query[1]


def test_the_data_source_is_a_variable() -> None:
    found = dashboard()
    assert [one["type"] for one in found["templating"]["list"]] == ["datasource", "query", "query"]
    asked = [*found["templating"]["list"][1:], *found["annotations"]["list"], *panels()]
    asked += [target for panel in panels() for target in panel["targets"]]
    assert all(one["datasource"] == VARIABLE for one in asked)
    for variable in found["templating"]["list"][1:]:
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
        assert label in next(family.labels for family in families() if family.name == metric)


def test_panels_are_complete_and_do_not_overlap() -> None:
    found = dashboard()["panels"]
    assert len({panel["id"] for panel in found}) == len(found)
    assert all(panel["title"] and panel["description"] for panel in panels())
    taken = [
        (x, y)
        for panel in found
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


def test_what_tells_of_trouble_is_shown_or_alerted_on() -> None:
    """A metric that nobody looks at is named here, with nobody's leave to grow."""
    seen = {name for query in queries() for name, _ in names_in(query.expression)}
    seen |= {
        name for group in prometheus_rule.groups() for rule in group["rules"] for name, _ in names_in(rule["expr"])
    }
    assert {family.name for family in families()} - seen == {
        "kafka_consumergroup_current_offset",
        "kafka_consumergroup_current_offset_sum",
        "kafka_consumergroup_lag_sum",
        "kafka_topic_partition_oldest_offset",
        "kafka_topic_partitions",
        "reconcile_apply_dead_letters_total",
        "reconcile_apply_no_statement_total",
        "reconcile_apply_offset_holes_total",
        "reconcile_apply_unknown_events_total",
        "reconcile_apply_unknown_fields_total",
        "reconcile_apply_unknown_statuses_total",
        "reconcile_decisions_copied_total",
        "reconcile_decisions_restored_total",
        "reconcile_http_cut_off_total",
        "reconcile_ingest_gap_window_due",
        "reconcile_ingest_good_until_timestamp_seconds",
        "reconcile_ingest_lease_held",
        "reconcile_ingest_lease_lost_total",
        "reconcile_ingest_queue_records",
        "reconcile_sweep_silent_streams_total",
        "reconcile_sweep_urgent_total",
    }


def test_grafana_finds_it() -> None:
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/files.yml").read_text(encoding="utf-8"))
    (source,) = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text(encoding="utf-8")
    )["datasources"]
    assert provider["providers"][0]["options"]["path"] == "/etc/grafana/dashboards"
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
