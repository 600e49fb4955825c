"""The same seed gives the same run: what is done when, and in which order the frames stand in the log."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from stream_reconcile.simulator.frames import Frame
from stream_reconcile.simulator.history import generate_history

from .disturbance import disordered, overtaken
from .schedule import Point, schedule


def test_the_seed_repeats_the_schedule() -> None:
    assert schedule(7, 20, 5) == schedule(7, 20, 5)
    assert schedule(7, 20, 5) != schedule(8, 20, 5)


def test_acts_are_spread_over_the_run_and_over_both_members() -> None:
    acts = schedule(3, 20, 5)
    assert Counter(act.kind for act in acts) == {"kill": 20, "stop": 5}
    assert {act.member for act in acts} == {0, 1}
    times = [act.at for act in acts]
    assert times == sorted(times)
    assert all(sum(start <= at < start + 0.2 for at in times) >= 3 for start in (0.0, 0.2, 0.4, 0.6, 0.75))


def test_kills_are_aimed_at_every_point_and_stops_where_a_commit_follows() -> None:
    acts = schedule(4, 20, 5)
    kills = Counter(act.point for act in acts if act.kind == "kill")
    assert kills.keys() == set(Point)
    assert kills[Point.ANYWHERE] == 10
    assert {act.point for act in acts if act.kind == "stop"} == {Point.COPYING, Point.WRITING}


def test_nothing_to_do_is_a_schedule_too() -> None:
    assert schedule(1, 0, 0) == []


def history() -> list[Frame]:
    return list(generate_history(11, 600).frames())


def test_no_frame_is_lost_and_some_come_twice() -> None:
    frames = history()
    log = list(disordered(frames, 5))
    assert set(log) == set(frames)
    assert 0.04 < len(log) / len(frames) - 1 < 0.065
    assert log == list(disordered(frames, 5))
    assert log != list(disordered(frames, 6))


def out_of_order(frames: Iterable[Frame]) -> float:
    """Share of the orders with a frame that stands after a later one of the same order."""
    times: dict[str, list[int]] = defaultdict(list)
    for frame in frames:
        times[frame.order_id].append(frame.ns)
    long = [of_order for of_order in times.values() if len(of_order) > 2]
    return sum(of_order != sorted(of_order) for of_order in long) / len(long)


def test_frames_are_shuffled_within_their_order() -> None:
    frames = history()
    assert out_of_order(frames) == 0
    once = list(dict.fromkeys(disordered(frames, 5)))  # without what comes a second time
    assert out_of_order(once) > 0.4


def test_a_frame_waits_for_the_next_one_of_its_order_but_not_for_ever() -> None:
    frames = [Frame(b"%d" % number, "new", f"order {number % 500}", number) for number in range(4_000)]
    late = list(overtaken(frames, "s", share=0.5, latest=100))
    assert sorted(late) == sorted(frames)
    assert max(place - int(frame.raw) for place, frame in enumerate(late)) <= 101
