"""Settings and servers → the ingest jobs of one process, ready to be supervised."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from stream_reconcile.commands.servers import Servers, codec_factory, topics
from stream_reconcile.config import Settings
from stream_reconcile.config_account import Account
from stream_reconcile.jobs.ingest.config import IngestConfig
from stream_reconcile.jobs.ingest.job import run_ingest
from stream_reconcile.jobs.ingest.metrics import IngestMetrics
from stream_reconcile.jobs.supervisor import Job
from stream_reconcile.metrics import Metrics
from stream_reconcile.web.readiness import Readiness

_LOOK_EVERY_S = 0.1


def ingest_jobs(
    settings: Settings, accounts: Sequence[Account], servers: Servers, readiness: Readiness, metrics: Metrics
) -> list[Job]:
    """One job for each account."""
    families = IngestMetrics(metrics.registry)
    sole = len(accounts) == 1
    return [_ingest_job(settings, account, servers, readiness, families, sole=sole) for account in accounts]


def _ingest_job(
    settings: Settings,
    account: Account,
    servers: Servers,
    readiness: Readiness,
    metrics: IngestMetrics,
    *,
    sole: bool,
) -> Job:
    config = IngestConfig(
        key_id=account.key.get_secret_value(),
        secret_key=account.secret.get_secret_value(),
        base_url=account.base_url,
        stream_url=account.stream_url,
        dsn=servers.dsn,
        schema=settings.schema_,
        kafka=servers.kafka,
        topics=topics(settings),
        name=account.name,
        account_id=account.account_id,
        sole_account=sole,
        allow_plain_stream=settings.allow_plain_http,
    )
    new_codec = codec_factory(settings)

    async def ingest(stop: threading.Event) -> None:
        stopped = asyncio.Event()
        codec = await asyncio.to_thread(new_codec)
        task = asyncio.create_task(run_ingest(config, codec, stop=stopped, health=readiness, metrics=metrics))
        # An event of threads can't be awaited, and a thread that waits for it would outlive a task that fails.
        while not task.done():
            if stop.is_set():
                stopped.set()
            await asyncio.wait({task}, timeout=_LOOK_EVERY_S)
        await task

    suffix = "" if sole else f":{account.name}"
    return Job(f"ingest{suffix}", lambda stop: asyncio.run(ingest(stop)))
