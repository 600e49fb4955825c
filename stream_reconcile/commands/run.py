"""`stream-reconcile run`: the jobs, in this process, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, NoReturn

import structlog
import typer
from starlette.routing import BaseRoute

from stream_reconcile.commands.output import print_error
from stream_reconcile.commands.run_control import PATHS, offer_control
from stream_reconcile.commands.servers import Servers, codec_factory, role_names, servers_to_run_on, topic_plan, topics
from stream_reconcile.commands.start import program_version, settings_for_a_job
from stream_reconcile.config import Settings
from stream_reconcile.core.errors import (
    ClockSetBack,
    KafkaUnreachable,
    LeftBehind,
    PostgresUnreachable,
    ReconcileError,
    RegistryUnreachable,
)
from stream_reconcile.jobs.clock_watch import clock_watched
from stream_reconcile.jobs.findings import FindingsMetrics, FindingsReader
from stream_reconcile.jobs.lag import LagReader, LagReport
from stream_reconcile.jobs.lag_metrics import LagMetrics
from stream_reconcile.jobs.out_of_memory import end_when_out_of_memory
from stream_reconcile.jobs.polled import Polled
from stream_reconcile.jobs.probes import KafkaProbe, PostgresProbe, counting_refusals, telling_of_the_end
from stream_reconcile.jobs.supervisor import Job, JobsLate, Supervisor, retried, signals_set
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.topic_check import ensure_topics
from stream_reconcile.metrics import Metrics
from stream_reconcile.store.connect import connect
from stream_reconcile.store.migrations import expected_version, migrate, require_current
from stream_reconcile.web.app import build_app
from stream_reconcile.web.control import Control
from stream_reconcile.web.readiness import Readiness, ReadinessMetrics
from stream_reconcile.web.server import HttpServer

if TYPE_CHECKING:
    from stream_reconcile.web.page.aside import Aside
    from stream_reconcile.web.site import Site

log = structlog.get_logger()

LAG_EVERY_S = 2.0
FINDINGS_EVERY_S = 10.0
METRICS_TOO_OLD_S = 60.0


class Role(StrEnum):
    """A part of the work that a process can take."""

    INGEST = "ingest"
    APPLY = "apply"
    SWEEP = "sweep"
    WEB = "web"


def run(
    role: Annotated[
        list[Role] | None, typer.Option(help="Only this part of the work (repeatable). Default: all.")
    ] = None,
    migrate_first: Annotated[
        bool | None,
        typer.Option(
            "--migrate/--no-migrate", help="Bring the tables up to date first. Default: RECONCILE_MIGRATE, which is 1."
        ),
    ] = None,
) -> None:
    """Read the broker's stream into Kafka, and Kafka into Postgres, and sweep, until SIGTERM or Ctrl-C.

    Without DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS, and with all roles, it starts a Postgres and a Kafka of its own.
    What can't be reached is waited for, and /readyz says what; what is configured wrong ends it.
    """
    run_until_stopped(Process(settings_for_a_job(migrate=migrate_first), frozenset(role or Role)))


def run_until_stopped(process: Process) -> None:
    """Run it. Raises ReconcileError; where threads may wait for long, or no memory is left, all of it ends at once."""
    end_when_out_of_memory()
    try:
        process.run()
    except (JobsLate, ClockSetBack) as error:
        _end_now(process.ended_by or error)


def _end_now(error: ReconcileError) -> NoReturn:
    """An orderly exit would wait for threads."""
    print_error(error)
    os._exit(error.exit_status)


class Process:
    """One process of `run`: what it has in common for all its roles."""

    def __init__(self, settings: Settings, roles: Collection[Role], aside: Aside | None = None) -> None:
        """`aside` stands beside the status page, on loopback only: the demo's panel (demo.panel)."""
        self._settings = settings
        self._aside = aside if settings.listen.is_loopback else None
        self._roles = frozenset(roles)
        self._accounts = settings.require_accounts() if {Role.INGEST, Role.SWEEP} & self._roles else ()
        self._metrics = Metrics(program_version())
        self._control = Control()
        self._readiness = Readiness()
        self._site: Site | None = None
        self._lag: Polled[LagReport] | None = None
        for part in self._parts():
            self._readiness.expect(part)
        self._metrics.registry.register(ReadinessMetrics(self._readiness))
        self._stop = threading.Event()
        self.ended_by: LeftBehind | ClockSetBack | None = None
        """What no job said, and all of them end for."""

    def run(self) -> None:
        """Until stopped. Raises ReconcileError for what only a person can heal."""
        settings = self._settings
        with (
            self._web(),
            servers_to_run_on(settings, all_roles=self._roles == set(Role)) as servers,
            signals_set(self._stop),
            clock_watched(self._clock_was_set_back, self._end_late),
        ):
            log.info(
                "running",
                roles=sorted(self._roles),
                kafka=servers.kafka.bootstrap_servers,
                postgres=servers.postgres,
                embedded=servers.embedded,
            )
            with self._watched(servers):
                if self._prepared(servers):
                    self._answer(servers)
                    Supervisor(self._jobs(servers), self._readiness, self._metrics.job_restarts, self._stop).run()
            if self.ended_by is not None:
                raise self.ended_by
            log.info("stopped")

    def _parts(self) -> Iterator[str]:
        yield from ("postgres", "kafka")
        for account in self._accounts:
            suffix = "" if len(self._accounts) == 1 else f":{account.name}"  # as jobs.ingest.health names them
            if Role.INGEST in self._roles:
                yield from (f"broker{suffix}", f"ingest{suffix}")
            if Role.SWEEP in self._roles:
                yield f"sweep{suffix}"
        if Role.SWEEP in self._roles:
            yield "decisions"
        if Role.APPLY in self._roles:
            yield "apply"

    @contextmanager
    def _web(self) -> Iterator[None]:
        """HTTP for the role web, and for a process without it whose address was set on purpose."""
        settings = self._settings
        if Role.WEB not in self._roles and "http_addr" not in settings.model_fields_set:
            yield
            return
        listen = settings.listen
        token = settings.http_token.get_secret_value() if settings.http_token else None
        if not listen.is_loopback and token is None:
            log.warning("http_token_not_set", open=["/livez", "/readyz"], refused=["/metrics", "/"])
        api: list[BaseRoute] = []
        if Role.WEB in self._roles:
            from stream_reconcile.web.site import Site  # noqa: PLC0415 - for the role web alone

            cut_off = self._metrics.http.cut_off.inc
            self._site = Site(self._readiness, program_version(), self._aside, on_cut_off=cut_off)
            api = [*self._site.routes(), *map(self._control.route, PATHS)]
        app = build_app(
            self._metrics,
            self._readiness,
            token=token,
            is_loopback=listen.is_loopback,
            host=listen.host,
            api=api,
        )
        server = HttpServer(app, *listen, on_cut_off=self._metrics.http.cut_off.inc)
        server.start()
        try:
            yield
        finally:
            if self._site is not None:
                self._site.close()
            server.stop()

    def _answer(self, servers: Servers) -> None:
        """Let HTTP read and act, now that tables and topics are as they must be."""
        offer_control(self._control, self._settings, servers)
        if self._site is not None and self._lag is not None:
            from stream_reconcile.commands.run_api import offer_reads  # noqa: PLC0415 - for the role web alone

            offer_reads(self._site, self._settings, servers, self._lag)

    def _jobs(self, servers: Servers) -> list[Job]:
        # The broker's client takes a second to load, which no other command, and no member of apply, should pay.
        jobs: list[Job] = []
        if Role.INGEST in self._roles:
            from stream_reconcile.commands.run_ingest import ingest_jobs  # noqa: PLC0415 - as said above

            jobs += ingest_jobs(self._settings, self._accounts, servers, self._readiness, self._metrics)
        if Role.SWEEP in self._roles:
            from stream_reconcile.commands.run_sweep import sweep_jobs  # noqa: PLC0415 - likewise

            jobs += sweep_jobs(self._settings, self._accounts, servers, self._readiness, self._metrics)
        if Role.APPLY in self._roles:
            from stream_reconcile.commands.run_apply import apply_job  # noqa: PLC0415 - likewise

            jobs.append(apply_job(self._settings, servers, self._readiness, self._metrics, self._stop))
        return jobs

    @contextmanager
    def _watched(self, servers: Servers) -> Iterator[None]:
        """Readiness of the servers, and lag for /metrics, as long as the process runs."""
        settings = self._settings
        with ExitStack() as stack:
            refused = self._metrics.logins_refused
            for part, probe in (
                ("postgres", telling_of_the_end(PostgresProbe(servers.dsn, settings.schema_), self._end_behind)),
                ("kafka", KafkaProbe(servers.kafka, topics(settings))),
            ):
                self._readiness.watch(part, counting_refusals(probe, refused.labels(part).inc))
            stack.callback(self._readiness.close)
            if Role.WEB in self._roles:
                self._lag = lag = Polled(
                    "lag", partial(self._lag_reader, servers), every_s=LAG_EVERY_S, too_old_s=METRICS_TOO_OLD_S
                )
                findings = Polled(
                    "findings",
                    partial(FindingsReader, servers.dsn, settings.schema_),
                    every_s=FINDINGS_EVERY_S,
                    too_old_s=METRICS_TOO_OLD_S,
                )
                self._metrics.registry.register(LagMetrics(lag))
                self._metrics.registry.register(FindingsMetrics(findings))
                for polled in (lag, findings):
                    polled.start()
                    stack.callback(polled.close)
            yield

    def _end_behind(self, error: LeftBehind) -> None:
        """In a probe's thread: a newer version has taken away what this one works with."""
        self.ended_by = error
        self._stop.set()

    def _clock_was_set_back(self, seconds: float) -> None:
        """In a thread of its own."""
        self.ended_by = ClockSetBack(
            f"the clock of this machine was set back by {seconds:.0f} s, for which Kafka's client may wait: this "
            "process ends, and goes on where the database stands when it is started again"
        )
        self._stop.set()

    def _end_late(self) -> None:
        """The main thread itself waits for Kafka's client."""
        if self.ended_by is not None:
            _end_now(self.ended_by)

    def _lag_reader(self, servers: Servers) -> LagReader:
        return LagReader(
            servers.dsn,
            self._settings.schema_,
            servers.kafka,
            group=self._settings.consumer_group,
            topics=topics(self._settings),
            limit_seconds=self._settings.lag_limit_seconds,
        )

    def _prepared(self, servers: Servers) -> bool:
        """Tables and topics are as they must be; waits for servers that are away. False if told to stop before."""
        return retried(partial(self._prepare_postgres, servers), self._stop, self._not_prepared) and retried(
            partial(self._prepare_kafka, servers), self._stop, self._not_prepared
        )

    def _not_prepared(self, error: ReconcileError) -> None:
        log.warning("waiting", why=str(error))
        if isinstance(error, PostgresUnreachable):
            self._readiness.report("postgres", ready=False, why=str(error))
        elif isinstance(error, KafkaUnreachable):
            self._readiness.report("kafka", ready=False, why=str(error))
        elif isinstance(error, RegistryUnreachable):
            # No part of its own: once the jobs run, it is asked only for what is new, and may be away unnoticed.
            for part in set(self._parts()) - {"postgres", "kafka"}:
                self._readiness.report(part, ready=False, why=str(error))

    def _prepare_postgres(self, servers: Servers) -> None:
        if self._settings.migrate:
            migrate(servers.dsn, self._settings.schema_, roles=role_names(self._settings))
            return
        with connect(servers.dsn, self._settings.schema_, name="stream-reconcile run") as connection:
            stands_at = require_current(connection, self._settings.schema_)
        if stands_at > expected_version():
            log.warning("schema_newer", stands_at=stands_at, program_knows=expected_version())

    def _prepare_kafka(self, servers: Servers) -> None:
        with KafkaAdmin(servers.kafka) as admin:
            for finding in ensure_topics(admin, topics(self._settings), topic_plan(self._settings)):
                log.warning("topic", topic=finding.topic, setting=finding.setting, why=finding.message)
        codec_factory(self._settings)()  # the registry answers, and has our schemas
