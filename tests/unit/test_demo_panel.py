"""The demo's panel without a demo: what each button does, in which order, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stream_reconcile.core.errors import ReconcileError, RefusedError, UnreachableError
from stream_reconcile.demo.figures import Figures
from stream_reconcile.demo.panel.acts import ACTS
from stream_reconcile.demo.panel.desk import NOT_YET, Desk
from stream_reconcile.demo.panel.link import DeskLink, PageLink
from stream_reconcile.demo.panel.scripts import SCRIPTS, Ground, Script, Telling
from stream_reconcile.demo.programs import State
from stream_reconcile.demo.story import Wait


class Broker:
    """The simulator's control, as far as the scripts ask it."""

    def __init__(self, deeds: list[str]) -> None:
        self.deeds = deeds
        self.still: list[dict[str, Any]] = []

    def counters(self) -> dict[str, Any]:
        return {"faults": {"drop": 3}}

    def fault(self, name: str, **parameters: object) -> int:
        self.deeds.append(f"fault {name}")
        self.still = [{"id": 7, "fault": name}]
        return 7

    def armed(self) -> list[dict[str, Any]]:
        return self.still

    def clear_faults(self, number: int) -> None:
        self.deeds.append(f"clear {number}")

    def fault_log(self, after: int) -> list[dict[str, Any]]:
        assert after == 3
        name = self.deeds[0].removeprefix("fault ")
        return [{"fault": name, "event": event, "order_id": f"o-{event}"} for event in ("new", "fill", "fill")]


class Member:
    def __init__(self, deeds: list[str]) -> None:
        self.name, self.pid, self.state, self._deeds = "apply 1", 11, State.RUNNING, deeds

    def kill(self) -> None:
        self._deeds.append("kill")
        self.state = State.KILLED

    def start(self) -> None:
        self._deeds.append("start")
        self.state, self.pid = State.RUNNING, 12


class Field:
    """What the scripts act on; time stands where the test puts it."""

    def __init__(self) -> None:
        self.deeds: list[str] = []
        self.control: Any = Broker(self.deeds)
        self.members: Any = (Member(self.deeds), Member(self.deeds))
        self.elapsed = 100.0
        self.figures = Figures(connections=1, listening=True)

    def submit_in_vain(self) -> str:
        self.deeds.append("submit")
        return "demo-1"

    def place_by_hand(self) -> str:
        self.deeds.append("by hand")
        return "o-by-hand"


def at_work(ground: Ground, scripts: Mapping[str, Script] = SCRIPTS) -> Desk:
    desk = Desk(scripts)
    desk.open(ground)
    return desk


def press(desk: Desk, act: str) -> None:
    """As the process of the page does, while another thread takes its turn."""
    with ThreadPoolExecutor(1) as other:
        asked = other.submit(desk.ask, act)
        while not asked.done():
            desk.attend()
        asked.result()


def incident(desk: Desk, act: str) -> dict[str, Any]:
    return next(one for one in desk.told()["incidents"] if one["act"] == act)


def test_each_button_has_a_script_and_says_what_it_does_and_what_is_seen() -> None:
    assert [act.name for act in ACTS] == list(SCRIPTS)
    assert all(act.title and act.does.endswith(".") and act.seen.endswith(".") for act in ACTS)


@pytest.mark.parametrize("act", ["drop", "duplicate", "reorder"])
def test_a_fault_of_frames_is_over_when_it_has_struck(act: str) -> None:
    field = Field()
    desk = at_work(field)
    press(desk, act)
    assert incident(desk, act)["over_at"] is None
    field.control.still = []
    desk.attend()
    field.elapsed += 2  # what was held back is sent
    desk.attend()
    told = incident(desk, act)
    assert told["over_at"] is not None
    assert told["words"][-1].endswith(": 2 fill, 1 new.")
    assert told["orders"] == ["o-new", "o-fill"]
    assert field.deeds == [f"fault {act}", "clear 7"]


@pytest.mark.parametrize(("act", "fault"), [("silence", "silent"), ("disconnect", "disconnect_abrupt")])
def test_the_socket_is_back_when_ingest_listens_on_another(act: str, fault: str) -> None:
    field = Field()
    desk = at_work(field)
    press(desk, act)
    assert field.deeds == [f"fault {fault}"]
    for connections, listening in ((1, True), (2, False)):
        field.figures = field.figures._replace(connections=connections, listening=listening)
        desk.attend()
        assert incident(desk, act)["over_at"] is None
    field.figures = field.figures._replace(listening=True)
    desk.attend()
    assert incident(desk, act)["over_at"] is not None


def test_apply_is_killed_and_started_again() -> None:
    field = Field()
    desk = at_work(field)
    press(desk, "kill-apply")
    assert field.deeds == ["kill"]
    with pytest.raises(RefusedError, match="under way already"):
        press(desk, "kill-apply")
    field.elapsed += 2
    desk.attend()
    assert field.deeds == ["kill", "start"]
    assert incident(desk, "kill-apply")["words"] == ["Process 11 (apply 1) is killed.", "Started again as process 12."]


def test_rest_hangs_for_a_while() -> None:
    field = Field()
    desk = at_work(field)
    press(desk, "hang-rest")
    assert field.deeds == ["fault rest_hang"]
    field.elapsed += 12
    desk.attend()
    assert field.deeds == ["fault rest_hang", "clear 7"]


def test_orders_by_hand_and_in_vain_are_over_at_once() -> None:
    desk = at_work(field := Field())
    press(desk, "by-hand")
    press(desk, "submit")
    assert field.deeds == ["by hand", "submit"]
    assert incident(desk, "by-hand")["orders"] == ["o-by-hand"]
    assert all(one["over_at"] is not None for one in desk.told()["incidents"])


def test_before_and_after_the_serving_it_is_closed_and_what_lasts_is_undone() -> None:
    field, desk = Field(), Desk()
    assert desk.told() == {"closed": NOT_YET, "incidents": []}
    with pytest.raises(RefusedError, match="story"):
        desk.ask("drop")
    desk.open(field)
    press(desk, "drop")
    desk.close()
    assert field.deeds == ["fault drop", "clear 7"]
    assert incident(desk, "drop")["failure"]
    with pytest.raises(RefusedError, match="ending"):
        desk.ask("drop")


def test_what_goes_wrong_is_told_and_the_demo_goes_on() -> None:
    def never(ground: Ground, told: Telling) -> Iterator[Wait]:
        told.say("begun")
        yield Wait(lambda: False, -1, "what never comes")

    def wrong(ground: Ground, told: Telling) -> Iterator[Wait]:
        yield Wait(lambda: True, 1, "")
        raise ZeroDivisionError

    desk = at_work(Field(), {"never": never, "wrong": wrong})
    with pytest.raises(UnreachableError, match="ZeroDivisionError"):
        press(desk, "wrong")
    with pytest.raises(UnreachableError, match="what never comes"):
        press(desk, "never")
    with pytest.raises(RefusedError, match="unknown"):
        press(desk, "unknown")


def test_the_page_asks_the_desk_over_a_pair_of_sockets() -> None:
    desk = at_work(Field())
    stop = threading.Event()

    def turns() -> None:
        while not stop.wait(0.01):
            desk.attend()

    thread = threading.Thread(target=turns)
    thread.start()
    try:
        with DeskLink(desk) as link:
            page = PageLink(link.theirs.dup())
            assert page.told() == {"closed": "", "incidents": []}
            assert page.do("by-hand") == 1
            assert page.told()["incidents"][0]["orders"] == ["o-by-hand"]
            with pytest.raises(RefusedError, match="unknown"):
                page.do("unknown")
        with pytest.raises(ReconcileError, match="The demo has ended"):
            page.told()
        page.close()
    finally:
        stop.set()
        thread.join(20)


def test_the_page_on_the_demo_tells_of_every_button() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "demo.md").read_text(encoding="utf-8")
    section = page.partition("## The panel\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    assert rows == [f"| {act.title} | {act.does} | {act.seen} |" for act in ACTS]
