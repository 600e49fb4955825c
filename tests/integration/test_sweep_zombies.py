"""A sweep that is overtaken while it works: it writes nothing more, says so, stands by, and takes its turn again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stream_reconcile.core.errors import FencedError
from stream_reconcile.jobs.sweep.publish import Publisher
from stream_reconcile.jobs.sweep.run import Sweep
from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from stream_reconcile.store import leases
from stream_reconcile.store.connect import connect
from stream_reconcile.store.sweeps import SweepStore
from support.fences import everything
from support.servers import SCHEMA
from support.waiting import wait_until
from support.whole import Whole, quick, reconciling


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(seed=14, rate_limit=100_000) as made:
        yield made


@pytest.fixture
def whole(simulator: RunningSimulator, database: str, kafka: str, topic_prefix: str) -> Iterator[Whole]:
    # A lease that runs out under its holder, which does not renew it, as one that stands still.
    timing = quick(lease_s=1.0, renew_every_s=600.0)
    with reconciling(simulator, database, kafka, topic_prefix, ingest=False, timing=timing) as running:
        yield running


@pytest.mark.parametrize(
    ("place", "name"),
    [(SweepStore, "begin"), (Publisher, "publish"), (Sweep, "_finish"), (Sweep, "_prove")],
    ids=["before it begins", "before it publishes", "before it ends", "before it proves"],
)
def test_a_sweep_that_is_overtaken(
    simulator: RunningSimulator, whole: Whole, place: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole.proved()
    struck: list[bool] = []
    monkeypatch.setattr(place, name, overtaken(whole, getattr(place, name), struck))
    simulator.control.flow(500, orders=10)
    simulator.control.settle()
    noted = "SELECT count(*) FROM discrepancies WHERE type = 'second_writer' AND subject = 'sweep'"
    wait_until(lambda: whole.value(noted) == 1, timeout=40, what="the refused write to be noted")
    # What was published came from the broker, and is in the tables; the rest did not happen.
    assert struck == [name != "publish"]
    whole.equal()
    whole.proved()
    owners = whole.rows("SELECT DISTINCT owner, lease_epoch FROM sweeps WHERE proven_equal_at IS NOT NULL")
    assert len({row["lease_epoch"] for row in owners}) == 2
    assert len({row["owner"] for row in owners}) == 1, "it stood by, and acquired it anew"


def overtaken(whole: Whole, original: Callable[..., Any], struck: list[bool]) -> Callable[..., Any]:
    """The same, but the first time another process takes the lease just before. Tells whether nothing was written."""

    def once(*args: Any, **named: Any) -> Any:
        if struck:
            return original(*args, **named)
        struck.append(False)
        with connect(whole.dsn, SCHEMA, name="another") as connection:
            account = whole.simulator.account_id
            wait_until(lambda: leases.acquire(connection, "sweep", account, "another", seconds=0.5), what="its end")
        before = everything(whole.dsn)
        try:
            return original(*args, **named)
        except FencedError:
            struck[0] = everything(whole.dsn) == before
            raise

    return once
