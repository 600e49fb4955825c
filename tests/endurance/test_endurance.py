"""`make overload` and `make soak`, cut short: the same code with small numbers; and what it says of what grows."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it has no types
import pytest

from stream_reconcile.demo.programs import Programs
from support.servers import Servers
from support.waiting import wait_until
from weather.outcome import Outcome
from weather.place import Place

from . import overload, plot, soak
from .figures import growth, leak, rate, slope
from .pace import FIRST, LEAST, MOST, Pace
from .place import Scene, scene
from .plot import draw
from .promises import keeps_its_size
from .samples import Sample, Taken
from .slowed import Slowed

SEED = 4
"""Of a soak that begins with a socket that is cut, and then cuts the connections to Postgres."""


def _quiet(_text: str) -> None:
    pass


@pytest.fixture(scope="module")
def made(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    place = Place(servers.kafka(), servers.postgres(), servers.template(), tmp_path_factory.mktemp("endurance"))
    with scene(place, 3, quick=True, reversals=False) as made:
        yield made


@pytest.mark.timeout(400)  # of which the servers and the four processes may take most to start
def test_an_overload_drains_and_is_proved(made: Scene, tmp_path: Path) -> None:
    options = overload.Options(
        3, _quiet, minutes=0.08, times=20, rate=50, every_s=0.5, usual_s=1, share=0.1, quick=True
    )
    outcome, sampler = overload.measure(made, options, tmp_path / "overload.jsonl")
    assert outcome.broken == []
    assert float(outcome.figures["most_lag_records"]) > 50
    assert {sample.phase for sample in sampler.samples} >= {"usual", "overload", "drain"}
    assert len((tmp_path / "overload.jsonl").read_text("utf-8").splitlines()) == len(sampler.samples)


@pytest.mark.timeout(400)  # as above
def test_a_soak_is_stopped_and_tells_what_there_was(made: Scene) -> None:
    stop = threading.Event()
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if "connections to Postgres cut" in text:
            stop.set()

    control = made.whole.simulator.control
    before = control.counters()["frames_published"]
    options = soak.Options(SEED, say, between=300, every_s=0.5, rests_s=2, settle_every_s=2, quick=True, stop=stop)
    outcome, _sampler = soak.measure(made, options)
    assert outcome.broken == []
    sent = control.counters()["frames_published"] - before
    assert 600 <= sent < 5_000_000
    # Those before the first sample, and those that went while nobody listened, are not counted.
    assert 300 <= float(outcome.figures["events"]) <= sent
    assert outcome.figures["disturbances"] == 2
    assert ["the socket cut" in said[0], "Postgres cut" in said[1]] == [True, True]


def test_growth_is_from_the_second_quarter_to_the_last() -> None:
    assert growth([1, 9, 5, 5, 5, 5, 5, 5]) == pytest.approx(5 - 5)
    assert growth([0, 0, 1, 1, 5, 6, 7, 7]) == 6
    assert growth([1, 2, 3]) == 0


def test_a_leak_is_what_does_not_come_and_go() -> None:
    assert leak([0, 0, 30, 38, 38, 38, 30, 38]) == 0
    assert leak([0, 0, 30, 38, 38, 38, 36, 44]) == 6
    assert leak([1, 2, 3]) == 0


def test_a_slope_leaves_out_the_first_quarter() -> None:
    at = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    assert slope(at, [0, 50, 100, 102, 104, 106, 108, 110]) == pytest.approx(2)
    assert slope([1.0], [1.0]) == slope([1.0, 1.0, 1.0, 1.0], [1, 2, 3, 4]) == 0


def test_a_rate_is_from_sample_to_sample() -> None:
    assert rate([0, 2, 3], [10, 30, 35]) == [10, 5]


def test_the_broker_sends_as_fast_as_it_goes_through() -> None:
    pace = Pace(0.0, 0)
    sent, at_s = 0.0, 0.0

    def second(share: float, lag_s: float) -> float:
        nonlocal sent, at_s
        sent, at_s = sent + share * pace.rate, at_s + 1
        return pace.look(at_s, round(sent), round(lag_s * pace.rate))

    assert second(1, 0) > FIRST, "apply is close behind"
    kept = pace.rate
    assert second(1, 4) == kept
    assert second(1, 10) < kept, "apply is far behind"
    assert second(0.5, 0) < 0.7 * kept, "the simulator is at its limit"
    assert [second(1, 0) for _ in range(60)][-1] == MOST
    assert [second(0, 0) for _ in range(60)][-1] == LEAST


def samples(memory: Sequence[float], fds: Sequence[int]) -> list[Sample]:
    return [
        Sample(2.0 * place, "soak", {"apply": Taken(rss, fds[place], 20, 1.0 * place)}, *(4 * [place]), *(6 * [0]))
        for place, rss in enumerate(memory)
    ]


def test_what_grows_breaks_its_promise() -> None:
    flat, fatter, leaking = Outcome(), Outcome(), Outcome()
    keeps_its_size(samples([80, 100, 100, 100, 101, 104, 103, 102], 8 * [30]), "apply", flat)
    keeps_its_size(samples([80, 100, 100, 100, 108, 111, 119, 127], 8 * [30]), "apply", fatter)
    keeps_its_size(samples(8 * [100], [30, 31, 33, 35, 37, 39, 41, 43]), "apply", leaking)
    assert flat.broken == []
    assert fatter.broken == ["apply grew by 23.0 MB from the second quarter to the last"]
    assert leaking.broken == ["apply has 8 more descriptors in the last quarter than in the second"]


def test_a_program_that_is_slowed_stands_still_by_turns(tmp_path: Path) -> None:
    with Programs(tmp_path) as programs:
        program = programs.start_module("idle", "http.server", "0", "--bind", "127.0.0.1", inherited=())
        process = psutil.Process(program.pid)
        with Slowed(program) as slowed:
            slowed.share = 0.0
            wait_until(lambda: process.status() == psutil.STATUS_STOPPED, what="the program to stand still")
            slowed.share = 0.5
            wait_until(lambda: process.status() != psutil.STATUS_STOPPED, what="the program to run")
            wait_until(lambda: process.status() == psutil.STATUS_STOPPED, what="the program to stand still again")
        wait_until(lambda: process.status() != psutil.STATUS_STOPPED, what="the program to be left alone")


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib comes with `make overload` and `make soak`")
def test_the_plot_is_small(tmp_path: Path) -> None:
    many = [sample for _ in range(150) for sample in samples([100.0 + n for n in range(8)], 8 * [30])]
    assert draw(many, tmp_path / "deep" / "soak.svg") == f"plot in {tmp_path / 'deep' / 'soak.svg'}"
    written = (tmp_path / "deep" / "soak.svg").read_text("utf-8")
    assert "resident memory" in written
    assert len(written) < 100_000


def test_without_matplotlib_there_is_no_plot_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot, "find_spec", lambda _name: None)
    assert draw(samples([1.0, 2.0], [3, 3]), tmp_path / "soak.svg").startswith("no plot: matplotlib is not installed")
    assert not (tmp_path / "soak.svg").exists()
