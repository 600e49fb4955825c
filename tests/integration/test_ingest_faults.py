"""Ingest when keys, account, broker or database are not as they should be."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import psutil
import pytest

from stream_reconcile.core.errors import WrongAccount
from stream_reconcile.embedded import EmbeddedPostgres
from stream_reconcile.jobs.ingest import IngestConfig
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.migrations import migrate
from support.ingesting import Ingesting, config_for, ingesting, make_topics
from support.servers import SCHEMA
from support.stub_broker import ACCOUNT_ID, Line, StubBroker, Talk, quiet, update
from support.waiting import wait_until_async

T1, T2 = "2026-09-18T13:24:50.019957863Z", "2026-09-18T13:30:00.000000001Z"
T1_NS, T2_NS = 1_789_737_890_019_957_863, 1_789_738_200_000_000_001


@pytest.fixture
def topics(kafka: str, topic_prefix: str) -> Topics:
    return make_topics(kafka, topic_prefix)


@pytest.fixture
def place(database: str, kafka: str, topics: Topics) -> tuple[str, str, Topics]:
    return database, kafka, topics


Place = tuple[str, str, Topics]


async def good_until(run: Ingesting, expected: int) -> None:
    async def stands() -> bool:
        sessions = await asyncio.to_thread(run.sessions)
        return bool(sessions[-1]["good_until_ns"] == expected)

    await wait_until_async(stands, what="good_until")


def test_refused_keys_at_rest_are_red_and_tried_in_minutes(place: Place) -> None:
    async def scenario() -> None:
        async with StubBroker(quiet) as broker:
            broker.account_status = HTTPStatus.FORBIDDEN
            config = config_for(broker, *place)
            async with ingesting(config) as run:
                await wait_until_async(lambda: "APCA_API_KEY_ID" in (run.why("ingest") or ""), what="word of the key")
                begun = time.monotonic()
                await wait_until_async(lambda: time.monotonic() - begun > 1, what="a second")
            assert (broker.account_reads, broker.handshakes) == (1, 0)
            assert run.frames() == []

    asyncio.run(scenario())


def test_refused_keys_on_the_socket_are_red_and_tried_in_minutes(place: Place) -> None:
    refusal = {
        "stream": "authorization",
        "data": {"message": "code=401, message=Unauthorized", "status": "unauthorized"},
    }

    async def refuses(talk: Talk) -> None:
        await talk.receive()
        await talk.send(refusal)
        await talk.until_closed()

    async def scenario() -> None:
        async with StubBroker(refuses) as broker, ingesting(config_for(broker, *place)) as run:
            await wait_until_async(lambda: "refused the key" in (run.why("broker") or ""), what="word of the key")
            begun = time.monotonic()
            await wait_until_async(lambda: time.monotonic() - begun > 1, what="a second")
            assert broker.connections == 1
        # the refusal is in the log as well
        assert [json.loads(frame.raw) for frame in run.frames()] == [refusal]
        assert [step.event for step in run.steps()] == ["opened", "closed"]
        assert [gap["window_end"] for gap in run.gaps()] == [None]

    asyncio.run(scenario())


def test_another_account_stops_before_anything_is_published(place: Place) -> None:
    async def scenario() -> None:
        async with StubBroker(quiet) as broker:
            config = config_for(broker, *place, account_id="22222222-2222-4333-8444-555555555555")
            with pytest.raises(WrongAccount, match=ACCOUNT_ID):
                async with ingesting(config) as run:
                    await asyncio.wait({run.task})
            assert broker.handshakes == 0
        assert (run.frames(), run.steps(), run.sessions()) == ([], [], [])
        (found,) = run.rows("SELECT account_id, subject, type, state FROM discrepancies")
        assert found == {
            "account_id": config.account_id,
            "subject": ACCOUNT_ID,
            "type": "wrong_account",
            "state": "open",
        }

    asyncio.run(scenario())


def test_an_account_that_changes_behind_the_key_stops_it(place: Place) -> None:
    async def scenario() -> None:
        async with StubBroker(quiet) as broker:
            config = config_for(broker, *place, timing={"account_every_s": 0.2})
            running = ingesting(config)
            run = await running.__aenter__()
            await run.listening()
            broker.account_id = "another"
            assert run.task is not None
            await asyncio.wait_for(asyncio.wait({run.task}), 20)
            assert run.metric("connected") == 0
            assert "another" in (run.why("ingest") or "")
            with pytest.raises(WrongAccount):
                await running.__aexit__(None, None, None)

    asyncio.run(scenario())


def test_a_copy_that_stands_by_does_not_take_over_for_another_account(place: Place) -> None:
    async def ended(run: Ingesting) -> None:
        assert run.task is not None
        await asyncio.wait_for(asyncio.wait({run.task}), 20)
        with pytest.raises(WrongAccount):
            run.task.result()

    async def scenario() -> None:
        async with StubBroker(quiet) as broker, AsyncExitStack() as stack:
            config = config_for(broker, *place, timing={"account_every_s": 3600})
            first = await stack.enter_async_context(ingesting(config))
            await first.listening()
            watchful = config_for(broker, *place, timing={"account_every_s": 0.2})
            running = [ingesting(watchful), ingesting(config)]
            seeing, told = [await copy.__aenter__() for copy in running]
            for copy in (seeing, told):
                await wait_until_async(copy.readiness.is_ready, what="a copy to stand by")
            broker.account_id = "another"
            await ended(seeing)  # found out while it stood by
            found = "SELECT subject FROM discrepancies WHERE type = 'wrong_account' AND state = 'open'"
            assert await asyncio.to_thread(first.rows, found) == [{"subject": "another"}]
            first.stop.set()
            await ended(told)  # another's word is enough
            for copy in running:
                with pytest.raises(WrongAccount):
                    await copy.__aexit__(None, None, None)
            assert broker.handshakes == 1

    asyncio.run(scenario())


def test_while_rest_does_not_answer_a_pinned_key_is_enough(place: Place) -> None:
    async def scenario() -> None:
        async with StubBroker(quiet) as broker:
            broker.account_status = HTTPStatus.BAD_GATEWAY
            config = config_for(broker, *place, timing={"account_every_s": 3600})
            async with ingesting(config) as run:
                await wait_until_async(lambda: "502" in (run.why("ingest") or ""), what="word of REST")
                assert broker.handshakes == 0, "never seen and not pinned: nothing is published"
                broker.account_status = HTTPStatus.OK
                await run.listening()
            broker.account_status = HTTPStatus.BAD_GATEWAY
            async with ingesting(config) as run:
                await run.listening()
                reads = broker.account_reads
                await wait_until_async(lambda: broker.account_reads > reads, what="another look at the account")

    asyncio.run(scenario())


def test_429_is_waited_out(place: Place) -> None:
    async def scenario() -> None:
        async with StubBroker(quiet) as broker:
            broker.busy = True
            async with ingesting(config_for(broker, *place)) as run:
                await wait_until_async(lambda: "429" in (run.why("broker") or ""), what="word of the limit")
                broker.busy = False
                await run.listening()
                assert run.metric("sessions_ended_total", reason="rate_limited") >= 1

    asyncio.run(scenario())


def test_an_idle_socket_is_replaced_unless_an_order_is_open(place: Place) -> None:
    timing = {"recycle_quiet_s": 0.2, "recycle_every_s": 0.4}
    order = """INSERT INTO executions (account_id, alpaca_order_id, status, updated_at_ns, status_rank, snapshot_ns,
                                       stated, last_source, last_topic, last_partition, last_offset)
               VALUES ('{account}', 'o', 'new', 0, 0, 0, 0, 'stream', 't', 0, 0)"""

    async def scenario() -> None:
        async with StubBroker(quiet) as broker, ingesting(config_for(broker, *place, timing=timing)) as run:
            await run.listening()
            await asyncio.to_thread(run.rows, order.format(account=ACCOUNT_ID))
            begun = time.monotonic()
            await wait_until_async(lambda: time.monotonic() - begun > 1.2, what="three times its age")
            assert run.metric("sessions_ended_total") == 0
            await asyncio.to_thread(run.rows, "UPDATE executions SET status = 'filled'")
            await wait_until_async(
                lambda: run.metric("sessions_ended_total", reason="recycled") >= 2, what="two fresh sockets"
            )
            assert run.why("broker") is None, "a recycled socket is no outage"

    asyncio.run(scenario())


def test_a_database_that_falls_back_gets_a_window_from_its_own_good_until(place: Place) -> None:
    async def scenario() -> None:
        line = Line()
        async with StubBroker(line) as broker, ingesting(config_for(broker, *place)) as run:
            await run.listening()
            line.send(update(1, timestamp=T1))
            await good_until(run, T1_NS)
            # the newest session is gone, as in a copy of before it
            await asyncio.to_thread(run.rows, OLDER_COPY)
            await wait_until_async(
                lambda: run.metric("gap_windows_total", reason="restored") == 1, what="the older copy to be noticed"
            )
            line.send(update(2, timestamp=T2))
            await good_until(run, T2_NS)
        (gap,) = [gap for gap in run.gaps() if gap["reason"] == "restored"]
        (older, newest) = run.sessions()
        assert (older["good_until_ns"], newest["good_until_ns"]) == (T1_NS - 3_600 * 10**9, T2_NS)
        assert gap["window_start"] == older["good_until"] - timedelta(seconds=60)
        assert gap["window_end"] is not None

    asyncio.run(scenario())


OLDER_COPY = f"""
WITH newest AS (SELECT session_id FROM stream_sessions ORDER BY opened_at DESC LIMIT 1),
     gap AS (DELETE FROM stream_gaps WHERE session_id = (SELECT session_id FROM newest)),
     session AS (DELETE FROM stream_sessions WHERE session_id = (SELECT session_id FROM newest))
UPDATE stream_sessions SET good_until_ns = {T1_NS - 3_600 * 10**9}
WHERE session_id <> (SELECT session_id FROM newest)
"""


@pytest.mark.parametrize("loss", ["stopped", "killed"])
def test_postgres_away_keeps_the_socket_and_loses_nothing(
    own_postgres: EmbeddedPostgres, kafka: str, topics: Topics, loss: str
) -> None:
    def away() -> None:
        if loss == "killed":
            own_postgres.kill()
        else:
            signal_all(own_postgres.pid, signal.SIGSTOP)

    def back() -> None:
        if loss == "killed":
            own_postgres.start()
        else:
            signal_all(own_postgres.pid, signal.SIGCONT)

    async def scenario(dsn: str) -> None:
        line = Line()
        async with StubBroker(line) as broker, ingesting(config_for(broker, dsn, kafka, topics)) as run:
            await run.listening()
            line.send(update(1, timestamp=T1))
            await good_until(run, T1_NS)
            await asyncio.to_thread(away)
            await wait_until_async(lambda: run.why("ingest") is not None, timeout=30, what="red readiness")
            line.send(*(update(number, timestamp=T2) for number in range(2, 502)))
            await wait_until_async(lambda: run.metric("frames_total", kind="update") == 501, what="the frames")
            await wait_until_async(lambda: run.metric("queue_records") == 0, what="an empty queue")
            assert (run.metric("connected"), broker.connections) == (1, 1)
            await asyncio.to_thread(back)
            await wait_until_async(lambda: run.why("ingest") is None, timeout=40, what="green readiness")
            await good_until(run, T2_NS)
            assert broker.connections == 1
        assert len(run.frames()) == 503
        assert [gap["reason"] for gap in run.gaps()] == ["start", "listening"]

    migrate(own_postgres.dsn, SCHEMA)
    asyncio.run(scenario(own_postgres.dsn))


def signal_all(pid: int, number: signal.Signals) -> None:
    """To the server and each of its processes."""
    server = psutil.Process(pid)
    for process in (server, *server.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # a worker that ended by itself meanwhile
            process.send_signal(number)


def test_nothing_at_all_is_there_at_first(place: Place) -> None:
    async def scenario() -> None:
        nowhere: Any = StubBroker(quiet)
        async with nowhere as broker:
            config: IngestConfig = config_for(broker, "postgresql://127.0.0.1:1/none", *place[1:])
            async with ingesting(config) as run:
                await wait_until_async(lambda: "can't be reached" in (run.why("ingest") or ""), what="word of Postgres")
                assert broker.handshakes == 0, "without the lease there is no socket"

    asyncio.run(scenario())
