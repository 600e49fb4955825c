"""Ingest with the simulator, a real Kafka and a real Postgres: every frame, verbatim, and a window for what was not."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stream_reconcile.core.wire.peek import peek
from stream_reconcile.jobs.ingest import IngestConfig
from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from support.ingesting import Ingesting, config_for, ingesting, make_topics
from support.waiting import wait_until_async

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "alpaca-samples"


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(seed=5) as made:
        yield made


@pytest.fixture
def config(simulator: RunningSimulator, database: str, kafka: str, topic_prefix: str) -> IngestConfig:
    return config_for(simulator, database, kafka, make_topics(kafka, topic_prefix))


async def settled(run: Ingesting) -> None:
    """All that was read is acknowledged, and good_until says so."""
    await wait_until_async(lambda: run.metric("queue_records") == 0, what="an empty queue")


async def newest_good_until(run: Ingesting, expected: int) -> None:
    async def stands() -> bool:
        newest = (await asyncio.to_thread(run.sessions))[-1]
        return newest["good_until_ns"] == expected

    await wait_until_async(stands, what="good_until to reach the newest frame")


def test_every_frame_of_a_flow_is_in_kafka_as_it_was_sent(simulator: RunningSimulator, config: IngestConfig) -> None:
    async def scenario() -> None:
        async with ingesting(config) as run:
            await run.listening()
            await asyncio.to_thread(live_through, simulator, 150)
            sent = (await asyncio.to_thread(simulator.control.counters))["frames_published"]
            await wait_until_async(lambda: run.metric("frames_total", kind="update") >= sent, what="all frames")
            await settled(run)
            frames = await asyncio.to_thread(run.frames)
            updates = [peek(frame.raw) for frame in frames if frame.event]
            await newest_good_until(run, max(update.timestamp_ns or 0 for update in updates))

        (stream_id,) = {frame.stream_id for frame in frames}
        assert [frame.position for frame in frames] == list(range(len(frames)))
        assert len(updates) == sent == len(frames) - 2
        assert json.loads(frames[0].raw)["stream"] == "authorization"
        assert json.loads(frames[1].raw)["stream"] == "listening"
        assert {(frame.account_id, frame.source) for frame in frames} == {(simulator.account_id, "stream")}
        for frame, update in zip(frames[2:], updates, strict=True):
            data = json.loads(frame.raw)["data"]
            assert (frame.event, frame.order_id) == (data["event"], data["order"]["id"])
            assert (update.event, update.order_id) == (frame.event, frame.order_id)
        # not the other way round: legs of a multi-leg order have no frames of their own
        assert {frame.order_id for frame in frames[2:]} <= {order["id"] for order in simulator.control.orders()}

        start, listening = run.sessions()
        assert str(listening["session_id"]) == stream_id
        assert listening["frames"] == len(frames)
        assert (start["close_reason"], listening["close_reason"]) == ("continued", "stopped")
        assert [gap["reason"] for gap in run.gaps()] == ["start", "listening"]
        assert all(gap["window_end"] is not None for gap in run.gaps())
        steps = run.steps()
        assert [step.event for step in steps] == ["opened", "authorized", "listening", "closed"]
        assert json.loads(steps[-1].raw)["reason"] == "stopped"

    asyncio.run(scenario())


def live_through(simulator: RunningSimulator, orders: int) -> None:
    simulator.control.flow(2000, orders=orders)
    simulator.control.wait_until(lambda overview: overview["counters"]["orders"] >= orders)
    simulator.control.settle()


def test_each_reconnect_opens_a_window_from_good_until(simulator: RunningSimulator, config: IngestConfig) -> None:
    async def scenario() -> None:
        async with ingesting(config) as run:
            await run.listening()
            for number, fault in enumerate(("disconnect", "disconnect_abrupt"), start=1):
                await asyncio.to_thread(live_through, simulator, 10 * number)
                await settled(run)
                await asyncio.to_thread(simulator.control.fault, fault)
                await wait_until_async(
                    lambda: run.metric("sessions_ended_total", reason="disconnected") == number,  # noqa: B023 - same turn
                    what="the end of the session",
                )
                await run.listening()
            assert run.metric("gap_windows_total", reason="listening") == 3

        sessions, gaps = run.sessions(), run.gaps()
        assert [session["close_reason"] for session in sessions] == [
            "continued",
            "disconnected",
            "disconnected",
            "stopped",
        ]
        by_session = {session["session_id"]: session for session in sessions}
        for before, gap in zip(sessions[1:], gaps[2:], strict=False):
            assert gap["window_start"] == before["good_until"] - timedelta(seconds=60)
            assert by_session[gap["session_id"]]["good_until_ns"] >= before["good_until_ns"]
        assert len(run.rows("SELECT * FROM discrepancies WHERE type = 'stream_gap' AND state = 'open'")) == len(gaps)
        streams: dict[str, list[int]] = defaultdict(list)
        for frame in run.frames():
            streams[frame.stream_id].append(frame.position)
        assert all(positions == list(range(len(positions))) for positions in streams.values())
        assert set(streams) == {str(session["session_id"]) for session in sessions[1:]}

    asyncio.run(scenario())


def test_a_second_copy_stands_by_and_takes_over(simulator: RunningSimulator, config: IngestConfig) -> None:
    async def scenario() -> None:
        async with ingesting(config) as first:
            await first.listening()
            await asyncio.to_thread(live_through, simulator, 10)
            await settled(first)
            async with ingesting(config) as second:
                await wait_until_async(second.readiness.is_ready, what="the second to stand by")
                assert (first.metric("lease_held"), second.metric("lease_held")) == (1, 0)
                first.stop.set()
                await second.listening()
                assert second.metric("lease_held") == 1
            newest = second.sessions()[-1]
            (start,) = [gap for gap in second.gaps() if gap["reason"] == "start"][1:]
            assert start["window_start"] == newest["good_until"] - timedelta(seconds=60)
            epochs = [session["lease_epoch"] for session in second.sessions()]
            assert epochs == sorted(epochs)
            assert len(set(epochs)) == 2

    asyncio.run(scenario())


def test_a_lost_lease_closes_the_socket_and_is_waited_for_again(
    simulator: RunningSimulator, config: IngestConfig
) -> None:
    def steal(run: Ingesting) -> list[dict[str, Any]]:
        return run.rows(
            "UPDATE leases SET owner = 'thief', epoch = epoch + 1, expires_at = clock_timestamp() + interval '5 s'"
        )

    async def scenario() -> None:
        async with ingesting(config) as run:
            await run.listening()
            await asyncio.to_thread(steal, run)
            await wait_until_async(lambda: run.metric("lease_lost_total") == 1, what="the loss to be noticed")
            assert run.metric("connected") == 0
            assert run.metric("sessions_ended_total", reason="lease_lost") == 1
            # the thief never comes back
            await run.listening()
        # the first session was not ours to close any more
        assert [session["close_reason"] for session in run.sessions()] == [
            "continued",
            "continued",
            "continued",
            "stopped",
        ]

    asyncio.run(scenario())


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample payloads are not part of the repository")
def test_every_sample_of_a_websocket_goes_through_verbatim(simulator: RunningSimulator, config: IngestConfig) -> None:
    samples = [path.read_bytes() for path in sorted(SAMPLES.glob("*_ws_*.json"))]
    # what ends a session is left out here: it is published too, as the tests with the stub show
    kept = [raw for raw in samples if peek(raw).kind.value not in ("unauthorized", "error", "not_granted")]

    async def scenario() -> None:
        async with ingesting(config) as run:
            await run.listening()
            for raw in kept:
                await asyncio.to_thread(simulator.control.send, raw)
            await wait_until_async(lambda: run.metric("frames_total") == 2 + len(kept), what="all frames")
            await settled(run)
            await newest_good_until(run, max(peek(raw).timestamp_ns or 0 for raw in kept))
        assert [frame.raw for frame in run.frames()[2:]] == kept

    assert len(samples) > 20
    asyncio.run(scenario())
