"""Ours: one member of the group, exactly the job that `run --role apply` runs, with each commit noted as it is counted.

Settings: bootstrap_servers, prefix, dsn, schema, group. Ends when told to.
"""

from __future__ import annotations

import threading

from children import Commits, log_to_stderr, result_of_process, settings, when_told_to_end
from prometheus_client import CollectorRegistry

from stream_reconcile.jobs.apply.config import ApplyConfig
from stream_reconcile.jobs.apply.member import run_apply
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Topics
from stream_reconcile.metrics import ApplyMetrics


class NotingMetrics(ApplyMetrics):
    """The job's own metrics; besides, a note of every commit."""

    def __init__(self) -> None:
        super().__init__(CollectorRegistry())
        self.commits = Commits()

    def batch_committed(self, *, records: int, seconds: float) -> None:
        self.commits.note(records)
        super().batch_committed(records=records, seconds=seconds)


def main() -> None:
    log_to_stderr()
    given = settings()
    topics = Topics(given["prefix"])
    stop = threading.Event()
    when_told_to_end(stop.set)
    metrics = NotingMetrics()
    config = ApplyConfig(
        kafka=KafkaConfig(given["bootstrap_servers"]),
        dsn=given["dsn"],
        schema=given["schema"],
        group=given["group"],
        topics=topics,
        stop=stop,
    )
    run_apply(config, lambda: SingleObjectCodec(topics), metrics)
    result_of_process(commits=metrics.commits.notes)


if __name__ == "__main__":
    main()
