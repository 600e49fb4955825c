"""Never two sockets of one account, not even while the copy that holds it is cut off and knows nothing of its heir."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from psycopg import conninfo

from outages.link import HOST, Link, Way
from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from support.ingesting import Ingesting, config_for, ingesting, make_topics
from support.waiting import wait_until_async
from support.whole import reconciling


@pytest.fixture
def cut_off(database: str) -> Iterator[tuple[str, Link]]:
    """A way to Postgres that can be dead while both ends think that it stands."""
    with Link(int(str(conninfo.conninfo_to_dict(database)["port"]))) as link:
        yield conninfo.make_conninfo(database, host=HOST, port=link.port), link


@pytest.mark.parametrize("second", ["reject", "kick"])
def test_a_zombie_of_ingest_has_the_only_socket_until_it_knows(
    database: str, cut_off: tuple[str, Link], kafka: str, topic_prefix: str, second: str
) -> None:
    """What it publishes meanwhile is what the broker said; its writes to Postgres are refused (test_fences.py)."""
    through, link = cut_off
    topics = make_topics(kafka, topic_prefix)

    async def scenario(simulator: RunningSimulator) -> None:
        zombie_config = config_for(simulator, through, kafka, topics, timing={"lease_s": 2.5, "renew_every_s": 0.3})
        heir_config = config_for(simulator, database, kafka, topics)
        async with ingesting(zombie_config) as zombie:
            await zombie.listening()
            link.hold(*Way)
            async with ingesting(heir_config) as heir:
                await wait_until_async(lambda: heir.metric("lease_held") == 1, timeout=40, what="the lease to run out")
                if second == "reject":
                    await heard(simulator, zombie)
                    await wait_until_async(
                        lambda: heir.metric("sessions_ended_total", reason="rate_limited") >= 1, what="the refusal"
                    )
                    assert heir.metric("connected") == 0
                link.heal()
                await wait_until_async(lambda: zombie.metric("lease_lost_total") == 1, timeout=40, what="the word")
                await heir.listening()
                assert zombie.metric("connected") == 0
                await heard(simulator, heir)

    with running_simulator(seed=8, second_connection=second, rate_limit=100_000) as simulator:
        asyncio.run(scenario(simulator))
        assert simulator.control.counters()["most_connections_at_once"] == 1
        # All that both of them published, applied: the rows are the broker's.
        with reconciling(simulator, database, kafka, topic_prefix, ingest=False) as whole:
            whole.equal()
            whole.proved()
            streams = whole.rows("SELECT DISTINCT owner FROM stream_sessions")
            assert len(streams) == 2


async def heard(simulator: RunningSimulator, by: Ingesting) -> None:
    """Some orders live, and what is said of them is read by this one."""
    before = by.metric("frames_total", kind="update")
    sent = (await asyncio.to_thread(simulator.control.counters))["frames_published"]
    await asyncio.to_thread(simulator.control.flow, 500, orders=10)
    await asyncio.to_thread(simulator.control.settle)
    more = (await asyncio.to_thread(simulator.control.counters))["frames_published"] - sent
    assert more
    await wait_until_async(lambda: by.metric("frames_total", kind="update") >= before + more, what="all frames")
