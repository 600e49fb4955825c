"""The story of the demo: its times fit each other, and it waits for what it has to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_reconcile.demo.figures import Figures
from stream_reconcile.demo.story import KAFKA_SESSION_S, plan, story
from stream_reconcile.embedded.kafka_storage import ONE_NODE


@given(seconds=st.floats(min_value=5, max_value=100_000))
def test_what_goes_wrong_goes_wrong_one_after_the_other(seconds: float) -> None:
    times = plan(seconds)
    assert list(times) == sorted(times)
    assert times.end == seconds


@pytest.mark.parametrize("seconds", [50, 60, 600])
def test_a_story_of_usual_length_freezes_a_member_for_longer_than_kafka_waits(seconds: float) -> None:
    times = plan(seconds)
    assert times.thaw - times.freeze > KAFKA_SESSION_S
    assert times.freeze - times.restart > KAFKA_SESSION_S  # the killed one's partitions are taken over before that


def test_kafka_waits_as_long_as_the_story_says() -> None:
    assert int(ONE_NODE["group.consumer.session.timeout.ms"]) == KAFKA_SESSION_S * 1000


class Recorder:
    """Writes down whatever it is asked to do, under its own name."""

    def __init__(self, name: str, deeds: list[str]) -> None:
        self.name, self.pid, self._deeds = name, 1, deeds

    def __getattr__(self, deed: str) -> Any:
        def note(*arguments: object, **_: object) -> None:
            self._deeds.append(" ".join([self.name, deed, *map(str, arguments)]))

        return note


class RecordedStage:
    """A stage on which time stands wherever the test puts it."""

    def __init__(self) -> None:
        self.deeds: list[str] = []
        self.control: Any = Recorder("broker", self.deeds)
        self.members: Any = (Recorder("first", self.deeds), Recorder("second", self.deeds))
        self.elapsed = 0.0
        self.figures = Figures(sent=10, in_log=10, connections=1, listening=True)

    def say(self, text: str) -> None:
        assert text

    def submit_in_vain(self) -> str:
        self.deeds.append("trader submits")
        return "demo-1"


def test_the_socket_is_cut_in_a_pause_once_all_is_in_kafka() -> None:
    stage = RecordedStage()
    script = story(stage, 60)
    for wait in script:
        stage.elapsed = 1_000
        if "in Kafka" in wait.what:
            break
    assert stage.deeds[-1] == "broker pause"
    stage.figures = stage.figures._replace(in_log=9)
    assert not wait.met()
    stage.figures = stage.figures._replace(in_log=10)
    assert wait.met()
    wait = next(script)
    assert stage.deeds[-1] == "broker fault disconnect_abrupt"
    for listening, connections, met in ((True, 1, False), (False, 2, False), (True, 2, True)):
        stage.figures = stage.figures._replace(listening=listening, connections=connections)
        assert wait.met() is met
    next(script)
    assert stage.deeds[-1] == "broker resume"


def test_the_whole_story_in_order() -> None:
    stage = RecordedStage()
    for _ in story(stage, 60):
        stage.elapsed += 100
    assert stage.deeds == [
        "broker fault duplicate",
        "broker fault reorder",
        "broker fault drop",
        "first kill",
        "first start",
        "trader submits",
        "broker pause",
        "broker fault disconnect_abrupt",
        "broker resume",
        "second freeze",
        "second thaw",
    ]


def test_it_waits_for_each_moment() -> None:
    stage = RecordedStage()
    wait = next(story(stage, 100))
    assert not wait.met()
    stage.elapsed = 3.1
    assert wait.met()
