"""That an order is not at the broker is the broker's own word, twice (I6): an answer that says something else is none.

The sweep asks the simulator through a front that puts other answers in the place of some.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import pytest

from stream_reconcile.core.sweep.compared import Graces
from stream_reconcile.core.sweep.schedule import Intervals
from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from support.discrepancies import RESTING, decide, found, here, not_proved, place, state_of
from support.http_client import Rest
from support.stub_rest import Talk, stub_rest
from support.waiting import wait_until
from support.whole import Whole, quick, reconciling

NOT_FOUND: Final = (404, b'{"code": 40410000, "message": "order not found"}')
APART_S: Final = 1.5
TIMING: Final = quick(
    graces=Graces(finding_s=0.3, absence_s=0.1, apart_s=APART_S),
    intervals=Intervals(hot_s=0.25, deep_s=300.0, retry_s=0.3),
    look_every_s=0.05,
)


@dataclass
class Front:
    """Between the sweep and the simulator. `instead`: what is answered where the address contains this.

    `hold_s`: for so long the next list is held back. `absent`: when 404 was answered, in seconds, and for what.
    """

    simulator: RunningSimulator
    instead: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    hold_s: float = 0.0
    absent: list[tuple[float, str]] = field(default_factory=list)

    def script(self, talk: Talk, _number: int) -> None:
        for part, (status, body) in list(self.instead.items()):
            if part in talk.path:
                talk.answer(status, body)
                return
        if "/orders?" in talk.path:
            held, self.hold_s = self.hold_s, 0.0
            talk.server.enough.wait(held)
        with Rest(self.simulator) as rest:
            answer = rest("GET", talk.path)
        if answer.status_code == 404:
            self.absent.append((time.time(), talk.path))
        talk.answer(answer.status_code, answer.content, Content_Type="application/json")


@pytest.fixture
def front() -> Iterator[Front]:
    with running_simulator(seed=31, rate_limit=100_000) as simulator:
        yield Front(simulator)


@pytest.fixture
def whole(front: Front, database: str, kafka: str, topic_prefix: str) -> Iterator[Whole]:
    with stub_rest(front.script) as server:
        fronted = replace(front.simulator, base_url=server.url)
        options = {"timing": TIMING, "ingest": False, "external_orders": "accept"}
        with reconciling(fronted, database, kafka, topic_prefix, **options) as running:
            yield running


@pytest.fixture
def rest(front: Front) -> Iterator[Rest]:
    with Rest(front.simulator) as client:
        yield client


def swept(whole: Whole, outcome: str, *, count: int, seconds: float) -> None:
    """So many more sweeps that end so, the last of them begun so long after the first."""
    begin = whole.value("SELECT clock_timestamp()")
    query = f"""SELECT count(*) >= %(count)s AND max(started_at) - min(started_at) > %(seconds)s * interval '1 second'
                FROM sweeps WHERE started_at > %(begin)s AND finished_at IS NOT NULL AND {outcome}"""
    wait_until(lambda: whole.value(query, begin=begin, count=count, seconds=seconds), what=f"sweeps: {outcome}")


def test_an_answer_that_can_not_be_used_is_no_absence(front: Front, whole: Whole, rest: Rest) -> None:
    placed = place(rest, symbol="AAPL", client_order_id="mine", **RESTING)
    here(whole, placed["id"], "new")
    by_id, by_client_id = f"/orders/{placed['id']}", "by_client_order_id?client_order_id=mine"
    front.simulator.control.fault("miss_in_list", order_id=placed["id"])
    # 404 by its id, and by its client order id another order: neither word that it is there, nor that it is not.
    ghost = {**placed, "id": str(uuid.uuid4()), "status": "canceled", "canceled_at": placed["updated_at"]}
    front.instead = {by_id: NOT_FOUND, by_client_id: (200, json.dumps(ghost).encode())}
    here(whole, ghost["id"], "canceled")
    not_proved(whole)
    swept(whole, "complete", count=3, seconds=APART_S)
    assert whole.discrepancies(kind="missing_at_broker") == []
    # By its id it comes as something that nobody can read: the sweep is incomplete, and infers nothing at all.
    unreadable = "error LIKE '%%could not be read%%'"
    front.instead[by_id] = (200, json.dumps({**placed, "qty": "a lot"}).encode())
    swept(whole, unreadable, count=1, seconds=-1)
    decision = decide(whole, "nobody", symbol="AAPL")
    swept(whole, unreadable, count=4, seconds=2 * APART_S)
    assert whole.discrepancies(kind="missing_at_broker") == []
    assert state_of(whole, decision) == "submitted"
    assert whole.rows("SELECT * FROM order_checks WHERE absences > 0") == []
    # 404 by both, and nothing else that could not be read.
    front.instead = {by_id: NOT_FOUND, by_client_id: NOT_FOUND}
    found(whole, "missing_at_broker", placed["id"])
    found(whole, "not_placed", "nobody")
    front.instead = {}
    front.simulator.control.clear_faults()
    found(whole, "missing_at_broker", placed["id"], "resolved")


def test_the_time_between_two_absences_is_that_between_their_readings(front: Front, whole: Whole, rest: Rest) -> None:
    placed = place(rest, symbol="AAPL", client_order_id="mine", **RESTING)
    here(whole, placed["id"], "new")
    whole.proved()
    # The first sweep that can tell begins long before it asks; the next one asks soon after it.
    front.hold_s = 2 * APART_S
    wait_until(lambda: front.hold_s == 0.0, what="a sweep that is held")
    decide(whole, "nobody", symbol="AAPL")
    front.simulator.control.fault("forget_order", order_id=placed["id"])
    for kind, subject, asked in (
        ("missing_at_broker", placed["id"], f"/orders/{placed['id']}"),
        ("not_placed", "nobody", "client_order_id=nobody"),
    ):
        row = found(whole, kind, subject)
        times = [at for at, path in front.absent if asked in path and at < row["first_seen_at"].timestamp()]
        assert max(times) - min(times) >= APART_S
