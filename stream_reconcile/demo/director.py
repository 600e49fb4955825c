"""From the first process to the verdict: starts everything, plays the story, compares, and leaves nothing running."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from stream_reconcile.commands.servers import Servers, servers_to_run_on, topics
from stream_reconcile.config import Settings
from stream_reconcile.core.sweep.schedule import Kind
from stream_reconcile.demo.figures import Watcher
from stream_reconcile.demo.log_contents import read_log
from stream_reconcile.demo.outcome import Outcome
from stream_reconcile.demo.panel.desk import Desk
from stream_reconcile.demo.panel.link import DeskLink
from stream_reconcile.demo.place import Place, place_for_a_run
from stream_reconcile.demo.programs import Program, ProgramEnded, Programs
from stream_reconcile.demo.stage import EndedEarly, LiveStage, StoryStuck
from stream_reconcile.demo.story import Wait, story
from stream_reconcile.demo.terminal import Scene, Screen
from stream_reconcile.demo.trader import Trader
from stream_reconcile.embedded.obstacles import LOOPBACK, find_port, port_is_free
from stream_reconcile.jobs.supervisor import signals_set
from stream_reconcile.simulator.client import Control
from stream_reconcile.simulator.verdict import compare
from stream_reconcile.store import readers, sweeps
from stream_reconcile.store.connect import connect
from stream_reconcile.store.queries import load

PANEL: Final = "stream_reconcile.demo.panel"
"""The module that serves the page with the panel."""

_STARTS_WITHIN: Final = 180.0  # seconds, on a machine that is busy with other things; a few on an idle one
_SWEEPS_WITHIN: Final = 60.0
_RATE_LIMIT: Final = "1000"  # requests a minute, as of Alpaca's paid plans: a minute of hurry should not wait for it
_EXPORTS: Final = {"APCA_API_BASE_URL", "APCA_API_KEY_ID", "APCA_API_SECRET_KEY"}


@dataclass(frozen=True, slots=True)
class Options:
    """What the user has a say in. `rate` is in events a second."""

    seconds: float
    serve: bool
    seed: int
    rate: float
    keep: bool


def perform(options: Options, settings: Settings, screen: Screen) -> Outcome:
    """Play the whole demo. `settings` say where data go and where HTTP answers; nothing else of them is used.

    Raises EmbeddedError or UnreachableError where something does not come up; KeyboardInterrupt for a Ctrl-C before.
    """
    begun = time.time()
    with place_for_a_run(settings.data_path) as place:
        if options.keep:
            place.keep()
        with Programs(place.logs) as outside:
            screen.say("starting a simulated broker, Kafka and Postgres")
            broker = outside.start(
                "broker", "simulate", "--port", "0", "--seed", str(options.seed), "--rate-limit", _RATE_LIMIT
            )
            own = _own_settings(settings, place.servers)
            with servers_to_run_on(own, all_roles=True) as servers, Programs(place.logs) as jobs:
                try:
                    outcome = _Performance(options, own, servers, place, screen, begun).run(broker, jobs)
                finally:
                    screen.close()
        if not outcome.equal:
            place.keep()
        return replace(outcome, kept=str(place.directory) if place.kept else None)


def _own_settings(settings: Settings, directory: Path) -> Settings:
    """Defaults but for the data directory and HTTP's address: the user's own servers must not be touched."""
    address = settings.http_addr
    if "http_addr" not in settings.model_fields_set and not port_is_free(settings.listen.port):
        address = f"{LOOPBACK}:{find_port()}"
    defaults = {name: field.get_default(call_default_factory=True) for name, field in Settings.model_fields.items()}
    return Settings.model_construct(**defaults | {"data_dir": directory, "embedded": True, "http_addr": address})


class _Performance:
    """One performance, once Kafka and Postgres are up."""

    def __init__(
        self,
        options: Options,
        settings: Settings,
        servers: Servers,
        place: Place,
        screen: Screen,
        begun: float,
    ) -> None:
        self._options, self._settings, self._servers = options, settings, servers
        self._place, self._screen, self._begun = place, screen, begun
        self._enough = threading.Event()
        self._desk = Desk()

    def run(self, broker: Program, jobs: Programs) -> Outcome:
        """Everything from the jobs' start to the verdict."""
        with DeskLink(self._desk) as link:
            return self._run(broker, jobs, link)

    def _run(self, broker: Program, jobs: Programs, link: DeskLink) -> Outcome:
        self._everything = (broker, *jobs)
        exports = self._exports(broker)
        members = self._start_jobs(broker, jobs, exports, link)
        self._everything = (broker, *jobs)
        control = Control(exports["APCA_API_BASE_URL"])
        settings = self._settings
        with signals_set(self._enough):
            self._until(lambda: _listening(control), "ingest to listen to the simulated broker")
            control.flow(self._options.rate)
            with Watcher(
                control,
                self._servers.kafka,
                self._servers.dsn,
                schema=settings.schema_,
                topics=topics(settings),
                group=settings.consumer_group,
            ) as watcher:
                self._until(lambda: watcher.first_applied_at() is not None, "the first event to be applied")
                trader = Trader(control, exports, self._servers.dsn, settings.schema_)
                stage = LiveStage(
                    control,
                    members,
                    watcher,
                    self._screen,
                    enough=self._enough,
                    require_alive=self._require_alive,
                    trader=trader,
                    sweep=partial(self._sweep, str(control.overview()["account_id"])),
                )
                return self._play(stage, watcher.first_applied_at() or datetime.now(UTC))

    # -- starting ------------------------------------------------------------------------------------------------

    def _exports(self, broker: Program) -> dict[str, str]:
        """What the simulator prints for its users to source."""
        found: dict[str, str] = {}

        def printed() -> bool:
            lines = broker.output.read_text(encoding="utf-8").splitlines()
            for line in lines:
                name, equals, value = line.removeprefix("export ").partition("=")
                if equals and name in _EXPORTS:
                    found[name] = value
            return found.keys() == _EXPORTS

        self._until(printed, "the simulated broker to come up")
        return found

    def _start_jobs(
        self, broker: Program, jobs: Programs, exports: dict[str, str], link: DeskLink
    ) -> tuple[Program, Program]:
        bootstrap, http_addr = self._servers.kafka.bootstrap_servers, self._settings.http_addr
        own = {
            **exports,
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "DATABASE_URL": self._servers.dsn,
            "RECONCILE_LOG_FORMAT": "json",
        }
        jobs.start("ingest", "run", "--role", "ingest", **own)
        first = jobs.start("apply 1", "run", "--role", "apply", **own)
        second = jobs.start("apply 2", "run", "--role", "apply", **own)
        quick = {"RECONCILE_HOT_INTERVAL_SECONDS": "3", "RECONCILE_DEEP_INTERVAL_SECONDS": "30"}
        # The flow's orders are nobody's decision, and that is no finding here.
        jobs.start("sweep", "run", "--role", "sweep", RECONCILE_EXTERNAL_ORDERS="accept", **quick, **own)
        web = {"RECONCILE_HTTP_ADDR": http_addr, **own}
        if self._options.serve:
            theirs = link.theirs.fileno()
            jobs.start_module("web", PANEL, str(theirs), inherited=[theirs], **web)
        else:
            jobs.start("web", "run", "--role", "web", **web)
        self._screen.open(
            Scene(
                f"stream-reconcile demo · seed {self._options.seed}",
                (
                    ("status page", f"http://{http_addr}/"),
                    ("health, metrics", f"http://{http_addr}/readyz  http://{http_addr}/metrics"),
                    ("Postgres", f"psql {self._servers.dsn} (schema {self._settings.schema_})"),
                    ("Kafka", bootstrap),
                    ("broker", f"{exports['APCA_API_BASE_URL']}/sim"),
                    ("commands", f"RECONCILE_DATA_DIR={self._place.servers} stream-reconcile status"),
                    ("logs", str(self._place.logs)),
                ),
                (broker, *jobs),
            )
        )
        return first, second

    def _until(self, met: Callable[[], bool], what: str) -> None:
        """Before there is anything to show. Raises ProgramEnded, StoryStuck, KeyboardInterrupt."""
        deadline = time.monotonic() + _STARTS_WITHIN
        while not met():
            self._require_alive()
            if self._enough.wait(0.05):
                raise KeyboardInterrupt
            if time.monotonic() > deadline:
                raise StoryStuck(f"waited {_STARTS_WITHIN:.0f} s for {what}, in vain; see {self._place.logs}")

    def _require_alive(self) -> None:
        for program in self._everything:
            program.require_alive()

    # -- playing -------------------------------------------------------------------------------------------------

    def _play(self, stage: LiveStage, first_applied: datetime) -> Outcome:
        first_applied_s = first_applied.timestamp() - self._begun
        stage.begin()
        stage.say(f"the first event is applied, {first_applied_s:.1f} s after the start")
        failure, early = None, False
        try:
            for wait in story(stage, self._options.seconds):
                stage.wait(wait)
            if self._options.serve:
                self._serve(stage)
        except EndedEarly:
            early = stage.elapsed < self._options.seconds
        except (ProgramEnded, StoryStuck) as error:
            failure = str(error)
        self._desk.close()
        stage.disturbed = bool(self._desk.told()["incidents"])
        flow_s = stage.elapsed
        drained = stage.bring_to_rest()
        faults = {**stage.figures.faults, "kill_9": stage.members[0].starts - 1, "freeze": stage.members[1].freezes}
        return Outcome(
            seed=self._options.seed,
            **self._judge(stage.control),
            unheard=stage.figures.unheard,
            unproven=stage.unproven,
            faults=faults,
            drained=drained,
            failure=failure,
            ended_early=early,
            first_applied_s=first_applied_s,
            flow_s=flow_s,
            total_s=time.time() - self._begun,
            most_lag_records=stage.most_lag_records,
            most_lag_seconds=stage.most_lag_seconds,
        )

    def _serve(self, stage: LiveStage) -> None:
        """Trade on without faults but those of the panel. Ends by EndedEarly."""
        stage.say(
            f"the story is over, the broker trades on without faults: disturb it at http://{self._settings.http_addr}"
            "/#panel; Ctrl-C for the verdict"
        )
        stage.control.clear_faults()
        stage.control.flow(self._options.rate, reversals=False)
        self._desk.open(stage)
        stage.wait(Wait(self._desk.attend, float("inf"), "Ctrl-C"))

    def _judge(self, control: Control) -> dict[str, Any]:
        """What log and tables say now that nothing moves."""
        named, queries = topics(self._settings), load("verdict.sql")
        with connect(self._servers.dsn, self._settings.schema_, name="stream-reconcile demo") as connection:
            counts = readers.counts(connection)
            new = connection.execute(queries["records_with_events"], {"topic": named.trade_updates}).fetchall()
            return {
                "verdict": compare(connection, str(control.overview()["account_id"]), control, lost_frames=True),
                "swept": connection.execute(queries["repaired"]).fetchall()[0][0],
                "unbound": connection.execute(queries["unbound"]).fetchall()[0][0],
                "log": read_log(self._servers.kafka, named),
                "events": new[0][0],
                "findings": dict(connection.execute(queries["open_findings"]).fetchall()),
                "dead_letters": counts.open_dead_letters,
                "gap_windows": counts.open_gaps,
            }

    def _sweep(self, account_id: str) -> str:
        """Have a deep sweep made; why it proves nothing, "" if it does."""
        with connect(self._servers.dsn, self._settings.schema_, name="stream-reconcile demo") as connection:
            action_id = sweeps.ask_for(connection, account_id, Kind.DEEP, who="demo", why="the verdict")
            deadline = time.monotonic() + _SWEEPS_WITHIN
            while (answer := sweeps.answer_of(connection, action_id)) is None:
                self._require_alive()
                if time.monotonic() > deadline:
                    return "the sweep did not end"
                time.sleep(0.1)
            if answer["proven_equal_at"] is not None:
                return ""
            return answer["error"] or "something that blocks the proof is open"


def _listening(control: Control) -> bool:
    return any(session["streams"] for session in control.overview()["sessions"])
