"""Settings and servers → the sweeps of one process, ready to be supervised."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from stream_reconcile.commands.servers import Servers, codec_factory, topics
from stream_reconcile.commands.start import program_version
from stream_reconcile.config import Settings
from stream_reconcile.config_account import Account
from stream_reconcile.core.sweep.schedule import Intervals
from stream_reconcile.jobs.decisions import DecisionMetrics, DecisionsConfig, run_decision_copies
from stream_reconcile.jobs.supervisor import Health, Job
from stream_reconcile.jobs.sweep import SweepConfig, SweepMetrics, run_sweeps
from stream_reconcile.jobs.sweep.config import Timing
from stream_reconcile.metrics import Metrics
from stream_reconcile.store.migrations import expected_version

_DAY_S = 24 * 3600


def sweep_jobs(
    settings: Settings, accounts: Sequence[Account], servers: Servers, readiness: Health, metrics: Metrics
) -> list[Job]:
    """One job for each account, and one that copies the decisions of all of them."""
    families = SweepMetrics(metrics.registry)
    sole = len(accounts) == 1
    return [
        *(_sweep_job(settings, account, servers, readiness, families, sole=sole) for account in accounts),
        _decisions_job(settings, servers, readiness, DecisionMetrics(metrics.registry)),
    ]


def sweep_config(settings: Settings, account: Account, servers: Servers, *, sole: bool) -> SweepConfig:
    """What the sweep of this account needs to know."""
    intervals = Intervals(hot_s=settings.hot_interval_seconds, deep_s=settings.deep_interval_seconds)
    return SweepConfig(
        key_id=account.key.get_secret_value(),
        secret_key=account.secret.get_secret_value(),
        base_url=account.base_url,
        dsn=servers.dsn,
        schema=settings.schema_,
        kafka=servers.kafka,
        topics=topics(settings),
        group=settings.consumer_group,
        program=f"{program_version()} schema {expected_version()}",
        name=account.name,
        account_id=account.account_id,
        sole_account=sole,
        allow_plain_http=settings.allow_plain_http,
        budget_share=settings.broker_budget,
        external_orders=settings.external_orders,
        timing=Timing(intervals=intervals, deep_reach_s=settings.deep_days * _DAY_S),
    )


def _sweep_job(
    settings: Settings, account: Account, servers: Servers, readiness: Health, metrics: SweepMetrics, *, sole: bool
) -> Job:
    config = sweep_config(settings, account, servers, sole=sole)
    part = "sweep" if sole else f"sweep:{account.name}"

    def report(ready: bool, why: str) -> None:
        readiness.report(part, ready=ready, why=why)

    def run(stop: threading.Event) -> None:
        run_sweeps(config, codec_factory(settings), stop=stop, report=report, metrics=metrics)

    return Job(part, run)


def _decisions_job(settings: Settings, servers: Servers, readiness: Health, metrics: DecisionMetrics) -> Job:
    config = DecisionsConfig(servers.dsn, settings.schema_, servers.kafka, topics(settings), settings.consumer_group)

    def report(ready: bool, why: str) -> None:
        readiness.report("decisions", ready=ready, why=why)

    def run(stop: threading.Event) -> None:
        run_decision_copies(config, codec_factory(settings), stop=stop, report=report, metrics=metrics)

    return Job("decisions", run)
