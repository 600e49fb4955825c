"""Settings and servers → a member of apply's consumer group, ready to be supervised."""

from __future__ import annotations

import threading

from stream_reconcile.commands.servers import Servers, codec_factory, topics
from stream_reconcile.config import Settings
from stream_reconcile.jobs.apply.config import ApplyConfig
from stream_reconcile.jobs.apply.member import run_apply
from stream_reconcile.jobs.supervisor import Job
from stream_reconcile.metrics import Metrics
from stream_reconcile.web.readiness import Readiness


def apply_job(
    settings: Settings, servers: Servers, readiness: Readiness, metrics: Metrics, stop: threading.Event
) -> Job:
    """One member of the consumer group."""
    config = ApplyConfig(
        kafka=servers.kafka,
        dsn=servers.dsn,
        schema=settings.schema_,
        group=settings.consumer_group,
        topics=topics(settings),
        protocol=settings.group_protocol,
        stop=stop,
    )

    def report(ready: bool, why: str) -> None:
        readiness.report("apply", ready=ready, why=why)

    return Job("apply", lambda _stop: run_apply(config, codec_factory(settings), metrics.apply, report))
