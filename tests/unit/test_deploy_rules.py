"""Rules and alerts: they name what is there, fire when they should and only then, and each has its runbook."""

from __future__ import annotations

import re
import shutil
from typing import Any

import pytest

from stream_reconcile.config import Settings
from stream_reconcile.core.lag_state import LagState
from stream_reconcile.core.session import End
from stream_reconcile.jobs.ingest.config import Timing
from stream_reconcile.log.producer import Limits
from support import prometheus_rule
from support.deploy import DEPLOY, ROOT
from support.metric_families import names_in, unknown_names
from support.prometheus_rule import promtool
from support.rule_stories import BRIEF, STORIES, tell

RULES = [rule for group in prometheus_rule.groups() for rule in group["rules"]]
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: package prometheus)"
)


def matchers(metric: str, label: str) -> set[str]:
    """What expressions ask of a label of a metric, alternatives one by one."""
    asked = [
        labels[label] for rule in RULES for name, labels in names_in(rule["expr"]) if name == metric and label in labels
    ]
    return {one for value in asked for one in value.split("|")}


def test_rules_name_metrics_labels_and_records_that_exist() -> None:
    for rule in RULES:
        assert unknown_names(rule["expr"]) == [], rule
        assert set(re.findall(r"reconcile:[\w:]+", rule["expr"])) <= RECORDED, rule


def test_a_metric_that_is_renamed_is_noticed() -> None:
    assert unknown_names("rate(reconcile_ingest_frames_lost[5m])") == ["reconcile_ingest_frames_lost"]
    assert unknown_names('reconcile_ready{part_name="x"}') == ["reconcile_ready{part_name}"]


def test_values_of_labels_are_those_of_the_code() -> None:
    assert matchers("reconcile_consumergroup_state", "state") <= {state.value for state in LagState}
    assert matchers("reconcile_ingest_sessions_ended_total", "reason") <= {end.value for end in End}
    assert matchers("reconcile_sweep_runs_total", "outcome") == {"proved", "complete", "incomplete"}
    assert matchers("reconcile_discrepancies_open", "blocks_proof") == {"yes", "no"}


def test_limits_are_those_of_the_code() -> None:
    """A proof is late after several hot intervals; a lag, from the limit that `lag` and `status` go by."""
    defaults = Settings.model_fields
    agreement, lag = (rule["expr"] for rule in RULES if rule.get("record") == "reconcile:sli_bad:bool")
    assert f"> bool {defaults['lag_limit_seconds'].default}" in lag
    late = int(re.search(r"> bool (\d+)", agreement)[1])  # type: ignore[index]
    assert late >= 3 * defaults["hot_interval_seconds"].default
    half = Limits().queue_bytes // 2
    assert f"> {half}" in ALERTS["ReconcileQueueFilling"]["expr"]
    assert Timing().lease_s < 120  # a second process has the stream before ReconcileIngestDown says that nobody has


def test_the_operator_gets_the_same_rules() -> None:
    assert prometheus_rule.TARGET.read_text(encoding="utf-8") == prometheus_rule.rendered(), "run `make rules`"


def test_every_alert_has_its_runbook() -> None:
    sections = re.split(r"^### ", RUNBOOKS, flags=re.MULTILINE)[1:]
    written = {section.split("\n", 1)[0]: section for section in sections}
    assert list(written) == list(ALERTS)
    for name, alert in ALERTS.items():
        assert alert["annotations"]["runbook"] == f"docs/runbooks.md#{name.lower()}"
        assert alert["annotations"].keys() == {"summary", "description", "runbook"}
        assert alert["labels"] in ({"severity": "page"}, {"severity": "ticket"})
        assert f"({alert['labels']['severity']})" in written[name]
        for part in ("**Means.**", "**See.**", "**Do.**"):
            assert part in written[name], f"{name}: {part}"


def test_every_alert_has_a_story_in_which_it_fires() -> None:
    assert {alert for story in STORIES for alert in story.fires} == ALERTS.keys()


@needs_promtool
def test_promtool_takes_the_rules() -> None:
    promtool("check", "rules", *sorted((DEPLOY / "prometheus").glob("*.yml")))
    promtool("check", "config", "--syntax-only", DEPLOY / "compose" / "prometheus.yml")


@needs_promtool
def test_alerts_fire_when_they_should_and_only_then() -> None:
    tell(BRIEF)
