"""Stories for `promtool test rules`: a healthy installation, what differs in a story, and what then fires."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import yaml

from support.deploy import DEPLOY
from support.prometheus_rule import SOURCES, promtool

EVERY_S: Final = 60
SAMPLES: Final = 240
SOON: Final = "20m"
"""Long enough for every alert but those that say so; each minute more costs promtool its time."""

Values: TypeAlias = str | Sequence[float] | None
"""promtool's notation, one value a sample, or None: the series is not there."""

STILL: Final = f"0x{SAMPLES}"
ONE: Final = f"1x{SAMPLES}"
GROWING: Final = f"0+1x{SAMPLES}"
CLOCK: Final = f"0+{EVERY_S}x{SAMPLES}"

_PLACE = 'consumergroup="g",topic="t",partition="0"'
PROVEN = 'reconcile_proven_equal_timestamp_seconds{account_id="a",scope="hot"}'
LAG_SECONDS = f"reconcile_consumergroup_lag_seconds{{{_PLACE}}}"
REWOUND = f"reconcile_consumergroup_rewind_records{{{_PLACE}}}"
STATE_OK = f'reconcile_consumergroup_state{{{_PLACE},state="OK"}}'
LAG = f"kafka_consumergroup_lag{{{_PLACE}}}"
SWEPT = 'reconcile_sweep_runs_total{account_id="a",kind="hot",outcome="proved"}'
INCOMPLETE = 'reconcile_sweep_runs_total{account_id="a",kind="hot",outcome="incomplete"}'
CONNECTED = 'reconcile_ingest_connected{account_id="a",instance="i"}'
BUILD = 'reconcile_build_info{instance="i",job="stream-reconcile",version="1"}'

HEALTHY: Final[Mapping[str, Values]] = {
    BUILD: ONE,
    'up{instance="i",job="stream-reconcile"}': ONE,
    PROVEN: CLOCK,
    LAG_SECONDS: STILL,
    REWOUND: STILL,
    STATE_OK: ONE,
    LAG: STILL,
    'kafka_topic_partition_current_offset{topic="t",partition="0"}': f"100x{SAMPLES}",
    SWEPT: f"0+3x{SAMPLES}",
    CONNECTED: ONE,
    'reconcile_ingest_sessions_ended_total{account_id="a",reason="disconnected"}': STILL,
    'reconcile_ingest_frames_lost_total{account_id="a"}': STILL,
    'reconcile_ingest_queue_bytes{account_id="a"}': f"1000x{SAMPLES}",
    'reconcile_ingest_gap_windows_open{account_id="a"}': STILL,
    'reconcile_broker_requests_total{account_id="a",route="orders",outcome="200"}': f"0+30x{SAMPLES}",
    'reconcile_logins_refused_total{part="kafka"}': STILL,
    "reconcile_dead_letters_open": STILL,
    "reconcile_apply_second_writer_total": STILL,
    "reconcile_lag_read_timestamp_seconds": CLOCK,
    'reconcile_ready{instance="i",part="kafka"}': ONE,
}


class Story(NamedTuple):
    """`differs` from a healthy installation; then exactly the alerts `fires` are firing at `at`."""

    name: str
    differs: Mapping[str, Values]
    fires: frozenset[str]
    at: str = SOON


def _story(name: str, differs: Mapping[str, Values], *fires: str, at: str = SOON) -> Story:
    return Story(name, differs, frozenset(f"Reconcile{alert}" for alert in fires), at)


def _until(sample: int) -> list[float]:
    """A proof that is new up to a sample, and stands still then."""
    return [min(n, sample) * EVERY_S for n in range(SAMPLES + 1)]


def _late_each(samples: int) -> list[float]:
    """A proof that is 90 s old at one of so many samples, and new at all others."""
    return [n * EVERY_S - (90 if n % samples == samples - 1 else 0) for n in range(SAMPLES + 1)]


STORIES: Final = (
    _story("all is well", {}),
    _story("the proof stands still", {PROVEN: STILL}, "AgreementBudgetFast", "AgreementBudgetSlow"),
    _story("the proof has stood still for four minutes", {PROVEN: _until(120)}, at="124m"),
    _story(
        "the proof has stood still for a quarter of an hour", {PROVEN: _until(120)}, "AgreementBudgetFast", at="135m"
    ),
    _story("swept, and never proven", {PROVEN: None}, "AgreementBudgetFast", "AgreementBudgetSlow"),
    _story("the proof is late for 2 % of the time", {PROVEN: _late_each(50)}, "AgreementBudgetSlow", at="130m"),
    _story("apply is behind", {LAG_SECONDS: f"45x{SAMPLES}"}, "ApplyLagBudgetFast", "ApplyLagBudgetSlow"),
    _story("apply reads a rewind", {LAG_SECONDS: f"45x{SAMPLES}", REWOUND: f"9x{SAMPLES}"}),
    _story(
        "every twentieth sweep is incomplete",
        {SWEPT: f"0+19x{SAMPLES}", INCOMPLETE: GROWING},
        *("SweepsBudgetSlow",),
    ),
    _story(
        "every second sweep is incomplete",
        {INCOMPLETE: f"0+3x{SAMPLES}"},
        *("SweepsBudgetFast", "SweepsBudgetSlow"),
    ),
    _story(
        "no sweep is complete",
        {SWEPT: None, INCOMPLETE: GROWING},
        *("SweepsBudgetFast", "SweepsBudgetSlow", "SweepIncomplete"),
    ),
    _story("no sweep ends", {SWEPT: f"9x{SAMPLES}"}, "SweepIncomplete"),
    _story("nobody reads the stream", {CONNECTED: STILL}, "IngestDown"),
    _story("one reads, one stands by", {CONNECTED.replace('"i"', '"j"'): STILL}),
    _story(
        "the stream refuses the key",
        {'reconcile_ingest_sessions_ended_total{account_id="a",reason="credentials_refused"}': GROWING},
        "KeyRefused",
    ),
    _story(
        "REST refuses the key",
        {'reconcile_broker_requests_total{account_id="a",route="orders",outcome="401"}': GROWING},
        "KeyRefused",
    ),
    _story("Kafka refuses the login", {'reconcile_logins_refused_total{part="kafka"}': GROWING}, "LoginRefused"),
    _story("frames are lost", {'reconcile_ingest_frames_lost_total{account_id="a"}': GROWING}, "FramesLost"),
    _story("frames wait for Kafka", {'reconcile_ingest_queue_bytes{account_id="a"}': f"4e7x{SAMPLES}"}, "QueueFilling"),
    _story("a gap stays open", {'reconcile_ingest_gap_windows_open{account_id="a"}': ONE}, "GapOpen"),
    _story("a gap, just opened", {'reconcile_ingest_gap_windows_open{account_id="a"}': ONE}, at="10m"),
    *(
        _story(
            f"a partition is in {state}",
            {STATE_OK: None, STATE_OK.replace("OK", state): ONE},
            "PartitionStuck",
        )
        for state in ("STALL", "STOP", "LOST")
    ),
    _story("a partition warns", {STATE_OK: None, STATE_OK.replace("OK", "WARN"): ONE}),
    _story("a partition was never applied", {LAG: f"-1x{SAMPLES}"}, "NeverApplied"),
    _story(
        "an empty partition was never applied",
        {LAG: f"-1x{SAMPLES}", 'kafka_topic_partition_current_offset{topic="t",partition="0"}': STILL},
    ),
    _story("a record could not be applied", {"reconcile_dead_letters_open": ONE}, "DeadLetters"),
    _story("members fight for partitions", {"reconcile_apply_second_writer_total": GROWING}, "SecondWriter"),
    _story("nobody knows the lag", {"reconcile_lag_read_timestamp_seconds": STILL}, "LagUnknown"),
    _story(
        "a fill is missing",
        {'reconcile_discrepancies_open{account_id="a",type="missing_fill",blocks_proof="yes"}': ONE},
        "ProofBlocked",
    ),
    _story(
        "somebody else placed an order",
        {'reconcile_discrepancies_open{account_id="a",type="external_order",blocks_proof="no"}': ONE},
        "DiscrepancyOpen",
        at="65m",
    ),
    _story(
        "the broker throttles",
        {'reconcile_broker_requests_total{account_id="a",route="orders",outcome="429"}': GROWING},
        "BrokerThrottles",
    ),
    _story("no process is there", {BUILD: None}, "Absent"),
    _story("a process can't be scraped", {'up{instance="j",job="stream-reconcile"}': STILL}, "TargetDown"),
    _story("another program can't be scraped", {'up{instance="k",job="other"}': STILL}),
    _story("Kafka is away", {'reconcile_ready{instance="i",part="kafka"}': STILL}, "NotReady"),
    _story(
        "a job fails again and again",
        {'reconcile_job_restarts_total{instance="i",part="apply"}': GROWING},
        "JobRestarts",
    ),
)


def _everything() -> Story:
    """All that is bad in any story, at once; where stories contradict each other, the worse."""
    bad: dict[str, Values] = {}
    for story in STORIES:
        if story.fires:
            bad |= story.differs
    worse = {PROVEN: STILL, SWEPT: None}
    fires = frozenset(alert for story in STORIES for alert in story.fires)
    return Story("everything at once", bad | worse, fires, "65m")


BRIEF: Final = (STORIES[0], _everything())
"""What each run of the tests can afford; `make alerts` tells all of them, which takes promtool 15 s of CPU."""


def tell(stories: Sequence[Story]) -> None:
    """Let promtool judge; raises AssertionError with what it says."""
    rules = [str(DEPLOY / "prometheus" / name) for name in SOURCES]
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "stories.yml"
        written.write_text(yaml.safe_dump(stories_file(rules, stories), sort_keys=False), encoding="utf-8")
        promtool("test", "rules", written)
    print(f"{len(stories)} stories, as they should be")  # noqa: T201 - what `make alerts` says


def stories_file(rule_files: Sequence[str], stories: Sequence[Story]) -> dict[str, Any]:
    """Stories for `promtool test rules`."""
    return {
        "rule_files": list(rule_files),
        "evaluation_interval": f"{EVERY_S}s",
        "tests": [
            {
                "name": story.name,
                "interval": f"{EVERY_S}s",
                "input_series": [
                    {"series": series, "values": values if isinstance(values, str) else " ".join(map(str, values))}
                    for series, values in {**HEALTHY, **story.differs}.items()
                    if values is not None
                ],
                "promql_expr_test": [
                    {
                        "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": story.at,
                        "exp_samples": [
                            {"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(story.fires)
                        ],
                    }
                ],
            }
            for story in stories
        ],
    }


if __name__ == "__main__":
    tell(STORIES)
