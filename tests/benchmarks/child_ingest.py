"""Ours: the ingest job of one account, exactly what `run --role ingest` runs.

Settings: bootstrap_servers, prefix, dsn, schema, port, queue_bytes. Ends when told to.
"""

from __future__ import annotations

import asyncio
import sys

from children import log_to_stderr, result_of_process, settings
from prometheus_client import CollectorRegistry

from stream_reconcile.jobs.ingest import IngestConfig, IngestMetrics, run_ingest
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.producer import Limits
from stream_reconcile.log.topics import Topics


class NoHealth:
    """Nobody asks for readiness here."""

    def report(self, part: str, *, ready: bool, why: str = "") -> None:
        return


async def run() -> None:
    given = settings()
    topics = Topics(given["prefix"])
    stop = asyncio.Event()
    registry = CollectorRegistry()
    config = IngestConfig(
        key_id="benchmark",
        secret_key="benchmark",
        base_url=f"http://127.0.0.1:{given['port']}",
        stream_url=f"ws://127.0.0.1:{given['port']}/stream",
        dsn=given["dsn"],
        schema=given["schema"],
        kafka=KafkaConfig(given["bootstrap_servers"]),
        topics=topics,
        limits=Limits(queue_bytes=given["queue_bytes"]),
    )
    ending = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    ending.add_done_callback(lambda _: stop.set())
    await run_ingest(config, SingleObjectCodec(topics), stop=stop, health=NoHealth(), metrics=IngestMetrics(registry))
    lost = sum(
        sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "reconcile_ingest_frames_lost_total"
    )
    result_of_process(frames_lost=int(lost))


if __name__ == "__main__":
    log_to_stderr()
    asyncio.run(run())
