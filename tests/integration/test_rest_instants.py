"""Two thousand orders of one instant, over real HTTP: all of them by id cursor, an error where there is none."""

from __future__ import annotations

import asyncio

import pytest

from stream_reconcile.core.errors import IncompleteRead
from stream_reconcile.simulator.instruments import SHARES
from stream_reconcile.simulator.live import Simulator
from stream_reconcile.simulator.orders import Ticket
from stream_reconcile.simulator.server import serving
from stream_reconcile.simulator.settings import SimulatorSettings
from stream_reconcile.simulator.values import NANO
from support.rest import Recorded

MANY = 2_000


def open_orders(simulator: Simulator, count: int) -> list[str]:
    """So many orders, all submitted in the same nanosecond."""
    simulator.now()
    brokerage = simulator.brokerage
    return [brokerage.open(Ticket(SHARES[0], "buy", "market", "day", qty=NANO)).id for _ in range(count)]


def read(port: int, settings: SimulatorSettings, *, descending: bool) -> list[str]:
    ids: list[str] = []
    with Recorded(f"http://127.0.0.1:{port}", settings.key, settings.secret) as rest:
        for page in rest.client.orders(descending=descending):
            ids += page.ids
    return ids


@pytest.mark.parametrize("descending", [True, False])
def test_all_of_them_where_the_broker_takes_ids_as_cursors(descending: bool) -> None:
    settings = SimulatorSettings(seed=9, rate_limit=0)

    async def main() -> None:
        async with serving(settings) as (simulator, port):
            early, ids, late = (open_orders(simulator, count) for count in (3, MANY, 3))
            found = await asyncio.to_thread(read, port, settings, descending=descending)
            everything = early + ids + late
            assert found == (everything[::-1] if descending else everything)

    asyncio.run(main())


@pytest.mark.parametrize("cursors", ["refuse", "ignore"])
@pytest.mark.parametrize("descending", [True, False])
def test_an_error_rather_than_a_loss_where_it_does_not(cursors: str, descending: bool) -> None:
    settings = SimulatorSettings(seed=9, rate_limit=0, order_cursors=cursors)

    async def main() -> None:
        async with serving(settings) as (simulator, port):
            open_orders(simulator, 3)
            open_orders(simulator, MANY)
            open_orders(simulator, 3)
            with pytest.raises(IncompleteRead, match="one instant"):
                await asyncio.to_thread(read, port, settings, descending=descending)

    asyncio.run(main())


@pytest.mark.parametrize("cursors", ["take", "refuse", "ignore"])
@pytest.mark.parametrize("descending", [True, False])
def test_orders_that_come_during_the_walk_hide_none(cursors: str, descending: bool) -> None:
    settings = SimulatorSettings(seed=9, rate_limit=0, order_cursors=cursors)

    async def main() -> None:
        async with serving(settings) as (simulator, port):
            ids = [id_ for _ in range(20) for id_ in open_orders(simulator, 3)]
            loop = asyncio.get_running_loop()

            async def more() -> None:
                open_orders(simulator, 4)

            def walk() -> list[str]:
                found: list[str] = []
                with Recorded(f"http://127.0.0.1:{port}", settings.key, settings.secret) as rest:
                    for number, page in enumerate(rest.client.orders(descending=descending, limit=7)):
                        found += page.ids
                        if number < 10:
                            asyncio.run_coroutine_threadsafe(more(), loop).result(5)
                return found

            found = await asyncio.to_thread(walk)
            assert len(found) == len(set(found))
            assert set(ids) <= set(found)

    asyncio.run(main())
