"""Rewinds that are refused, raced, taken back and reported, with no member in the group."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from stream_reconcile.core.errors import ConfigError, FencedError, RefusedError
from stream_reconcile.core.rewind import Verdict
from stream_reconcile.log.topics import Partition
from support.command import running, stream_reconcile
from support.histories import history_log
from support.member_processes import stage_settings
from support.members import Stage
from support.real_log import RealLog
from support.rewinding import plan, rewind, rewinder, undo
from support.waiting import wait_until
from support.wire_data import ACCOUNT

SHAPE = Path(__file__).resolve().parents[2] / "docs" / "json" / "rewind.schema.json"
TOKEN = "0123456789abcdef-token"


@pytest.fixture
def stage(kafka: str, topic_prefix: str, database: str) -> Iterator[Stage]:
    with RealLog(kafka, topic_prefix) as log:
        yield Stage(log, database, topic_prefix)


@pytest.fixture
def place(stage: Stage) -> Partition:
    """Forty records in one partition, and the cursor of a member that has applied them and gone."""
    log, _ = history_log(95, 20, ACCOUNT)
    place = Partition(stage.log.topics.trade_updates, 1)
    stage.log.produce(log.records[:40], partition=1)
    topic_id = stage.log.admin.topic_ids([place.topic])[place.topic]
    for number, offset in ((0, 0), (1, 40)):
        stage.execute(
            "INSERT INTO stream_cursors (consumer_group, topic, partition, next_offset, max_offset, owner, epoch,"
            " cluster_id, topic_id) VALUES (%s, %s, %s, %s, %s, 'gone', 1, 'c', %s)",
            *(stage.group, place.topic, number, offset, offset, topic_id),
        )
    return place


def validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SHAPE.read_text("utf-8")))


def cursor(stage: Stage, place: Partition) -> tuple[int, int, int]:
    """Next offset, highest offset, epoch."""
    query = "SELECT next_offset, max_offset, epoch FROM stream_cursors WHERE topic = %s AND partition = %s"
    ((next_offset, max_offset, epoch),) = stage.rows(query, *place)
    return next_offset, max_offset, epoch


def test_a_plan_and_its_doing(stage: Stage, place: Partition) -> None:
    _, _, epoch = cursor(stage, place)
    owner = stage.owners()[place]
    made = plan(stage, "trade-updates.v1:1", to_offset=4)
    assert (made.records, made.has_members) == (36, False)
    assert made.old_ms == {}  # at the end there is no record
    assert abs(made.new_ms[place] - time.time() * 1000) < 300_000
    at = made.new_ms[place]
    assert cursor(stage, place)[0] == 40
    done = rewinder(stage).execute(made, who="alice", why="a doubt")
    assert [(one.before, one.after) for one in done.moved] == [(40, 4)]
    found = cursor(stage, place)
    assert found[:2] == (4, 40)
    assert found[2] > epoch
    assert stage.owners()[place] == owner
    ((action, subject, who, why, before, after),) = stage.rows(
        "SELECT action, subject, who, why, before, after FROM operator_actions"
    )
    assert (action, subject, who, why) == ("rewind", stage.group, "alice (login postgres)", "a doubt")
    assert (before["cursors"][0]["next_offset"], after["cursors"][0]["next_offset"]) == (40, 4)
    # From there a time later than its record lies ahead, and so does a greater offset: never forward.
    for asked in ({"to_offset": 10}, {"to_datetime": "2999-01-01T00:00:00Z"}, {"shift_by": 3}):
        (step,) = plan(stage, "trade-updates.v1:1", **asked).steps
        assert (step.verdict, step.new) == (Verdict.STAYS, 4)
        assert "never moves it forward" in step.why
    (step,) = plan(stage, "trade-updates.v1:1", shift_by=-9).steps
    assert (step.new, step.why) == (0, "it has only 4 records before the cursor")
    assert at > 0


def test_undo_takes_back_the_newest_first_and_never_goes_backward(stage: Stage, place: Partition) -> None:
    first = rewind(stage, "trade-updates.v1", to_offset=30)
    second = rewind(stage, "trade-updates.v1", to_offset=10)
    assert first is not None
    assert second is not None
    with pytest.raises(RefusedError, match=f"{place.topic}:1: rewind {second.action_id} came after"):
        rewinder(stage).undo(rewinder(stage).plan_undo(first.action_id), who="t", why="")
    undo(stage)
    assert cursor(stage, place)[0] == 30
    undo(stage)
    assert cursor(stage, place)[0] == 40
    with pytest.raises(ConfigError, match="there is no rewind to take back"):
        undo(stage)
    with pytest.raises(ConfigError, match="there is no rewind 4711"):
        undo(stage, 4711)
    assert [step.why for step in rewinder(stage).plan_undo(first.action_id).steps] == ["this was taken back already"]
    third = rewind(stage, "trade-updates.v1", to_offset=10)
    assert third is not None
    stage.execute("UPDATE stream_cursors SET next_offset = 25, max_offset = 35 WHERE next_offset = 10")
    undo(stage)  # a restored table never came to 40
    assert cursor(stage, place)[:2] == (35, 35)
    kinds = [kind for (kind,) in stage.rows("SELECT action FROM operator_actions ORDER BY action_id")]
    assert kinds == ["rewind", "rewind", "rewind_undo", "rewind_undo", "rewind", "rewind_undo"]


def test_what_is_no_longer_retained_is_refused_or_said(stage: Stage, place: Partition) -> None:
    between = stage.log.admin.offsets_at([place], 0)[place]
    assert between == 0
    stage.log.delete_before(place, 15)
    refused = plan(stage, to_offset=5)
    assert [(step.gone, step.new) for step in refused.refused] == [(10, 40)]
    with pytest.raises(RefusedError, match=r"10 records, 5 to 14, are no longer retained; --to-earliest begins at 15"):
        rewinder(stage).execute(refused, who="t", why="t")
    (early,) = plan(stage, "trade-updates.v1:1", to_datetime="2001-01-01T00:00:00Z").steps
    assert (early.verdict, early.gone) == (Verdict.REFUSED, None)
    (step,) = plan(stage, "trade-updates.v1:1", to_earliest=True).steps
    assert (step.verdict, step.new, step.why) == (Verdict.MOVES, 15, "15 records before 15 are no longer retained")
    stage.log.delete_before(place, 40)
    (step,) = plan(stage, "trade-updates.v1:1", by_duration="1h").steps
    assert (step.verdict, step.gone) == (Verdict.REFUSED, None)
    assert cursor(stage, place)[0] == 40
    with pytest.raises(ConfigError, match=r"has no partition 2, 7; it has 2"):
        plan(stage, "trade-updates.v1:1,2,7", to_offset=5)


def test_a_topic_made_anew_is_refused_by_name(stage: Stage, place: Partition) -> None:
    made = plan(stage, to_offset=3)
    done = rewind(stage, "trade-updates.v1", to_offset=20)
    assert done is not None
    stage.log.make_anew(place.topic)
    refused = plan(stage, to_earliest=True)
    assert {step.partition for step in refused.refused} == {0, 1}
    with pytest.raises(RefusedError, match=f"{place.topic}:1: its topic was made anew"):
        rewinder(stage).execute(refused, who="t", why="t")
    assert undo(stage) is None
    # Noticed by apply between plan and doing: the row has the new topic's id.
    stage.execute("UPDATE stream_cursors SET topic_id = 'another' WHERE topic = %s AND partition = 1", place.topic)
    with pytest.raises(FencedError, match=f"made anew since the plan: {place.topic}:1"):
        rewinder(stage).execute(made, who="t", why="t")
    assert cursor(stage, place)[0] == 20


def test_a_claim_since_the_plan_refuses_all_of_it_and_a_session_in_the_way_is_ended(
    stage: Stage, place: Partition
) -> None:
    made = plan(stage, to_earliest=True)
    stage.execute("UPDATE stream_cursors SET epoch = epoch + 1 WHERE topic = %s AND partition = 1", place.topic)
    with pytest.raises(
        FencedError, match=f"claimed by another member, or moved by hand, since the plan: {place.topic}:1"
    ):
        rewinder(stage).execute(made, who="t", why="t")
    assert cursor(stage, place)[0] == 40
    assert stage.rows("SELECT 1 FROM operator_actions") == []
    # A stopped process can hold the row for ever: it is waited for 5 s, not for ever.
    made = plan(stage, "trade-updates.v1:1", to_offset=0)
    with stage.connection() as holder:
        holder.autocommit = False
        holder.execute("SELECT 1 FROM stream_cursors FOR UPDATE")
        begun = time.monotonic()
        rewinder(stage).execute(made, who="t", why="t")
        assert 4 < time.monotonic() - begun < 25
        with pytest.raises(psycopg.OperationalError):
            holder.execute("SELECT 1")
    assert cursor(stage, place)[0] == 0


def test_the_command(stage: Stage, place: Partition, tmp_path: Path) -> None:
    settings = stage_settings(stage)
    options = ("--topic", "trade-updates.v1:1", "--shift-by", "-15", "--execute", "--reason", "r", "--who", "alice")
    done = stream_reconcile("rewind", *options, settings=settings, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{stage.group}: 15 records of 1 partitions are read again; recorded as action 1" in done.stdout
    assert "no member is in the group" in done.stdout
    assert cursor(stage, place)[0] == 25
    back = stream_reconcile("rewind", "undo", "--json", settings=settings, folder=tmp_path)
    assert back.returncode == 0, back.stderr
    report = json.loads(back.stdout)
    validator().validate(report)
    assert (report["action"], report["undoes"], report["records"]) == ("undo", 1, 15)
    assert cursor(stage, place)[0] == 40


def test_over_http(stage: Stage, place: Partition, tmp_path: Path) -> None:
    settings = stage_settings(stage) | {"RECONCILE_HTTP_TOKEN": TOKEN, "RECONCILE_MIGRATE": "0"}
    with running("--role", "web", settings=settings, folder=tmp_path) as run:
        run.wait_ready()

        def post(path: str, body: object, token: str = TOKEN) -> tuple[int, dict[str, Any]]:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            answer = requests.post(f"{run.url}/api/v1/{path}", json=body, headers=headers, timeout=30)
            kind = "application/json" if answer.ok else "application/problem+json"
            assert answer.headers["Content-Type"].startswith(kind)
            return answer.status_code, answer.json()

        asked = {"topics": ["trade-updates.v1:1"], "to_offset": 7}
        # A plan asks Kafka of the group, whose coordinator may be a moment away at the start.
        wait_until(lambda: post("rewind", asked)[0] == 200, what="a plan", timeout=60)
        assert post("rewind", asked, token="")[0] == 401
        assert post("rewind", asked, token="wrong")[0] == 401
        status, made = post("rewind", asked)
        assert status == 200, made
        assert (made["executed"], made["records"]) == (False, 33)
        validator().validate(made)
        for wrong in ([], {"to_offset": "7"}, asked | {"to_earliest": True}, asked | {"execute": True}, {"offset": 7}):
            status, problem = post("rewind", wrong)
            assert (status, problem["status"], problem["title"]) == (400, 400, "Bad Request")
        assert cursor(stage, place)[0] == 40
        status, done = post("rewind", asked | {"execute": True, "reason": "a bug", "who": "bob"})
        assert status == 200, done
        assert done["executed"] is True
        assert cursor(stage, place)[0] == 7
        ((who,),) = stage.rows("SELECT who FROM operator_actions")
        assert who == "bob over HTTP (login postgres)"

        def metric(name: str) -> dict[str, float]:
            families = text_string_to_metric_families(requests.get(f"{run.url}/metrics", timeout=10).text)
            samples = [sample for family in families for sample in family.samples if sample.name == name]
            return {
                sample.labels.get("state", ""): sample.value
                for sample in samples
                if (sample.labels["topic"], sample.labels["partition"]) == (place.topic, "1")
            }

        wait_until(
            lambda: metric("reconcile_consumergroup_rewind_records") == {"": 33}, what="the gauge of what is rewound"
        )
        assert metric("reconcile_consumergroup_state") == {"REWIND": 1}
        status, taken_back = post("rewind/undo", {"reason": "no bug"})
        assert (status, taken_back["undoes"]) == (200, done["action_id"])
        assert cursor(stage, place)[0] == 40
        assert post("rewind/undo", {"action_id": 999})[0] == 400
        stage.log.delete_before(place, 20)
        status, problem = post("rewind", asked | {"execute": True, "reason": "again"})
        assert (status, "no longer retained" in problem["detail"]) == (409, True)
