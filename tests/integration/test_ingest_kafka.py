"""Ingest when Kafka stands still: nothing is lost while there is room, and what is lost lies in a window."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
from collections.abc import Iterator

import pytest

from stream_reconcile.embedded import EmbeddedKafka
from stream_reconcile.log.producer import Limits
from support.ingesting import Ingesting, config_for, ingesting, make_topics
from support.servers import KAFKA_PROPERTIES, traversable_directory
from support.stub_broker import Line, StubBroker, update
from support.waiting import wait_until_async

T1, T2 = "2026-09-18T13:24:50.019957863Z", "2026-09-18T13:30:00.000000001Z"
T1_NS, T2_NS = 1_789_737_890_019_957_863, 1_789_738_200_000_000_001


@pytest.fixture(scope="module")
def stoppable() -> Iterator[EmbeddedKafka]:
    """A Kafka of this module's own: its tests let it stand still."""
    directory = traversable_directory("reconcile-ingest-")
    with EmbeddedKafka(directory / "kafka", properties=KAFKA_PROPERTIES) as server:
        yield server
    shutil.rmtree(directory)


async def good_until(run: Ingesting, expected: int) -> None:
    async def stands() -> bool:
        sessions = await asyncio.to_thread(run.sessions)
        return bool(sessions[-1]["good_until_ns"] == expected)

    await wait_until_async(stands, timeout=60, what="good_until")


def places(run: Ingesting) -> set[tuple[str, int]]:
    """What is in the log; a frame that Kafka was not sure of may be there twice."""
    return {(frame.stream_id, frame.position) for frame in run.frames()}


async def all_read(run: Ingesting, updates: int) -> None:
    await wait_until_async(lambda: run.metric("frames_total", kind="update") == updates, what="all frames to be read")


def test_a_kafka_that_stands_still_costs_no_frame_and_no_window(database: str, stoppable: EmbeddedKafka) -> None:
    kafka = stoppable.bootstrap_servers

    async def scenario(broker: StubBroker) -> None:
        line = Line()
        broker.scripts = [line]
        config = config_for(broker, database, kafka, make_topics(kafka, secrets.token_hex(6)))
        async with ingesting(config) as run:
            await run.listening()
            line.send(update(0, timestamp=T1))
            await good_until(run, T1_NS)
            os.kill(stoppable.pid, signal.SIGSTOP)
            try:
                line.send(*(update(number, timestamp=T2) for number in range(1, 2_001)))
                await all_read(run, 2_001)
                await wait_until_async(lambda: "Kafka" in (run.why("ingest") or ""), timeout=30, what="red readiness")
                assert run.metric("connected") == 1
                assert (await asyncio.to_thread(run.sessions))[-1]["good_until_ns"] == T1_NS
            finally:
                os.kill(stoppable.pid, signal.SIGCONT)
            await good_until(run, T2_NS)
            await wait_until_async(run.readiness.is_ready, timeout=30, what="green readiness")
        assert len(places(run)) == 2_003
        assert run.metric("frames_lost_total") == 0
        assert [gap["reason"] for gap in run.gaps()] == ["start", "listening"]

    async def with_broker() -> None:
        async with StubBroker() as broker:
            await scenario(broker)

    asyncio.run(with_broker())


@pytest.mark.parametrize("afterwards", ["another frame comes", "none comes"])
def test_past_the_bound_frames_are_dropped_and_a_window_stands(
    database: str, stoppable: EmbeddedKafka, afterwards: str
) -> None:
    kafka = stoppable.bootstrap_servers
    bound = 128 * 1024

    async def scenario(broker: StubBroker) -> None:
        line = Line()
        broker.scripts = [line]
        topics = make_topics(kafka, secrets.token_hex(6))
        async with ingesting(config_for(broker, database, kafka, topics, limits=Limits(queue_bytes=bound))) as run:
            await run.listening()
            line.send(update(0, timestamp=T1))
            await good_until(run, T1_NS)
            os.kill(stoppable.pid, signal.SIGSTOP)
            try:
                line.send(*(update(number, timestamp=T2) for number in range(1, 5_001)))
                await all_read(run, 5_001)
                await wait_until_async(
                    lambda: run.metric("gap_windows_total", reason="lost_frame") == 1, what="a window"
                )
                assert run.metric("queue_bytes") <= bound + 2_000
                assert run.metric("connected") == 1, "the socket is read on"
                (gap,) = [gap for gap in await asyncio.to_thread(run.gaps) if gap["reason"] == "lost_frame"]
                assert gap["window_end"] is None
                line.send(*(update(number, timestamp=T2) for number in range(1, 5_001)))
                await all_read(run, 10_001)
                assert run.metric("queue_records") > 0, "read when it is asked for, whatever Kafka does"
            finally:
                os.kill(stoppable.pid, signal.SIGCONT)
            await wait_until_async(run.readiness.is_ready, timeout=60, what="green readiness")
            if afterwards == "another frame comes":
                await wait_until_async(lambda: run.metric("queue_records") == 0, timeout=60, what="an empty queue")
                line.send(update(1, timestamp=T2))
                await good_until(run, T2_NS)

            async def ended() -> bool:
                return all(gap["window_end"] is not None for gap in await asyncio.to_thread(run.gaps))

            await wait_until_async(ended, timeout=30, what="the window's end")
        lost = run.metric("frames_lost_total")
        assert lost > 5_000
        assert run.metric("ack_seconds_count") == run.metric("frames_total") - lost, "each is acknowledged or lost"
        assert len(places(run)) == run.metric("ack_seconds_count")
        gaps = [gap for gap in run.gaps() if gap["reason"] == "lost_frame"]
        assert len(gaps) == 1
        # the same socket went on in a new session row
        sessions = run.sessions()
        assert [session["close_reason"] for session in sessions] == ["continued", "continued", "stopped"]
        assert sessions[-1]["session_id"] == gaps[0]["session_id"]
        assert broker.connections == 1

    async def with_broker() -> None:
        async with StubBroker() as broker:
            await scenario(broker)

    asyncio.run(with_broker())


def test_a_frame_too_large_for_kafka_is_lost_alone_and_lies_in_a_window(
    database: str, stoppable: EmbeddedKafka
) -> None:
    kafka = stoppable.bootstrap_servers

    async def scenario() -> None:
        line = Line()
        async with StubBroker(line) as broker:
            config = config_for(broker, database, kafka, make_topics(kafka, secrets.token_hex(6)))
            async with ingesting(config) as run:
                await run.listening()
                line.send(update(1, timestamp=T1), b"x" * (8 * 1024 * 1024 - 10), update(2, timestamp=T1))
                await wait_until_async(lambda: run.metric("frames_total") == 5, what="all frames")
                await wait_until_async(
                    lambda: run.metric("gap_windows_total", reason="lost_frame") == 1, what="a window"
                )
                await good_until(run, T1_NS)
                line.send(update(3, timestamp=T2))
                await good_until(run, T2_NS)
            assert run.metric("frames_lost_total") == 1
            steps = {step.event: step for step in run.steps()}
            assert list(steps) == ["opened", "authorized", "listening", "frames_lost", "closed"]
            assert json.loads(steps["frames_lost"].raw)["continued_as"] == steps["closed"].stream_id
            assert steps["frames_lost"].stream_id == steps["opened"].stream_id != steps["closed"].stream_id
            assert {frame.order_id for frame in run.frames()} == {"", "order-1", "order-2", "order-3"}
            assert all(gap["window_end"] is not None for gap in run.gaps())

    asyncio.run(scenario())
