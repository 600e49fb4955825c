"""The jobs as processes of a run: the program's own code, with models in the place of its surroundings."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final

import psycopg

import stream_reconcile.core.wire.parse as parsing
from stream_reconcile.core.errors import PostgresUnreachable
from stream_reconcile.core.sweep.compared import Graces
from stream_reconcile.core.sweep.schedule import Intervals
from stream_reconcile.jobs import rewind
from stream_reconcile.jobs.apply import decode, member, mirror, session
from stream_reconcile.jobs.apply.config import ApplyConfig
from stream_reconcile.jobs.ingest import connect, job, kafka, publish, record
from stream_reconcile.jobs.ingest.config import IngestConfig
from stream_reconcile.jobs.sweep import activities, adjust, barrier, examine, keeper, run, sums
from stream_reconcile.jobs.sweep import job as sweep_job
from stream_reconcile.jobs.sweep import publish as sweep_publish
from stream_reconcile.jobs.sweep.config import SweepConfig, Timing
from stream_reconcile.store import cursors as store_cursors
from stream_reconcile.store import lock_conflicts, readers, sessions, settle, sweeps
from stream_reconcile.store import rewinds as store_rewinds
from stream_reconcile.store.queries import load

from . import statements_cursors, statements_sweeps  # noqa: F401 - the models of the statements
from .alpaca import ModelRest, Socket, Stream, Weather
from .broker import ACCOUNT, Broker
from .comparer import ModelComparer
from .database import Connection, Database
from .kafka import TOPICS, Log
from .kafka_clients import AckedProducer, Admin, Consumer, PlainCodec, Producer, TopicWatch
from .schedule import INGESTS, MEMBERS, SWEEPERS
from .settling import write_findings
from .stdlib import Asyncio, Chance, Event, Executor, Null, Time, Uuid, drive, threading_of, wait
from .world import Process, World
from .writer import Decoder, ModelWriter

GROUP: Final = "group"
BATCH: Final = 8
OVERLAP: Final = timedelta(seconds=10)
"""Of gap windows with what came before; a minute outside, which hides here what a window leaves out."""
HAND_OVER: Final = 4
"""Batches as large as this are written in the other thread, so that two can be under way."""
GRACES: Final = Graces(residual_s=90.0)
SWEEPING: Final = Timing(
    intervals=Intervals(hot_s=10.0, deep_s=60.0), graces=GRACES, barrier_s=20.0, most_retry_s=10.0
)  # fmt: skip
_NULL: Any = Null()
_PARSER: Final = parsing.Parser()
_KAFKA: Any = None
APPLY: Final = ApplyConfig(_KAFKA, "", "", GROUP, TOPICS, protocol="consumer", batch_records=BATCH)
INGEST: Final = IngestConfig("key", "secret", "https://api", "wss://api/stream", "", "", _KAFKA, TOPICS)
SWEEP: Final = SweepConfig("key", "secret", "https://api", "", "", _KAFKA, TOPICS, GROUP, timing=SWEEPING)


class Surroundings:
    """All models of one run."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.database = Database(world)
        self.log = Log(world)
        self.broker = Broker(world)
        self.weather = Weather()
        self.stream = Stream(world, self.broker, self.weather)
        self.time = Time(world)
        self.rewinder = rewind.Rewinder("", "", _KAFKA, group=GROUP, topics=TOPICS, clock=self.time.time)
        self.on_page: Callable[[Process, str], None] = lambda _process, _route: None
        world.after(1.0, self.log.group.watch)

    def start_all(self) -> None:
        """One process of each, and what starts it again once it is dead."""
        for count, name in ((MEMBERS, "apply"), (INGESTS, "ingest"), (SWEEPERS, "sweep")):
            for number in range(count):
                self.world.start(f"{name}-{number}", self.body_of(name))
        self.world.on_death.append(self._start_again)

    def back_up(self, every_s: float = 12.0) -> None:
        """Of the database, now and each so often."""
        if not self.database.is_down:
            self.database.backup = self.database.tables.copy()
        self.world.after(every_s, self.back_up)

    def body_of(self, name: str) -> Callable[[Process], None]:
        return {"apply": self._apply, "ingest": self._ingest, "sweep": self._sweep}[name]

    def _start_again(self, process: Process) -> None:
        kind = process.name.split("-")[0]
        if kind in ("apply", "ingest", "sweep"):
            delay = 0.2 + 3 * self.world.rng.random()
            self.world.after(delay, lambda: None if self.world.over else self._start(process.name, kind))

    def _start(self, name: str, kind: str) -> None:
        self.world.start(name, self.body_of(kind))

    def _apply(self, _process: Process) -> None:
        stop: Any = Event(self.world)
        config = replace(APPLY, stop=stop)
        member.run_apply(config, PlainCodec, _NULL)

    def _ingest(self, _process: Process) -> None:
        stop: Any = self.asyncio.Event()
        drive(job.run_ingest(INGEST, PlainCodec(), stop=stop, health=_NULL, metrics=_NULL))

    def _sweep(self, _process: Process) -> None:
        stop: Any = Event(self.world)
        sweep_job.run_sweeps(SWEEP, PlainCodec, stop=stop, report=_NULL, metrics=_NULL)

    # -- what stands in the place of what ------------------------------------------------------------------------

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """While it lasts, the modules of the jobs have the models in the place of their surroundings."""
        before: list[tuple[Any, str, Any]] = []
        try:
            for module, names in self._models():
                for name, value in names.items():
                    before.append((module, name, getattr(module, name)))
                    setattr(module, name, value)
            yield
        finally:
            for module, name, value in reversed(before):
                setattr(module, name, value)

    def _models(self) -> list[tuple[Any, dict[str, Any]]]:
        world, log, database = self.world, self.log, self.database
        time, random, uuid = self.time, Chance(world), Uuid(world)
        threading = threading_of(world)
        self.asyncio = asyncio = Asyncio(world)
        connect_to = database.connect

        def admin(*_: Any, **__: Any) -> Admin:
            return Admin(log)

        def no_blockers(*_: Any, **__: Any) -> contextlib.nullcontext[None]:
            return contextlib.nullcontext()

        class Sockets(Socket):
            def __init__(inner, _target: Any, on_frame: Any, on_step: Any, **_: Any) -> None:  # noqa: N805
                super().__init__(self.stream, on_frame, on_step)

        class IngestDatabase(_IngestDatabase):
            def __init__(inner, *_: Any, **__: Any) -> None:  # noqa: N805
                super().__init__(database)

        def parser() -> parsing.Parser:
            return _PARSER

        return [
            (member, {"uuid": uuid, "random": random, "time": time, "log": _NULL, "tune_interpreter": lambda: None}),
            (decode, {"Parser": parser}),
            (mirror, {"time": time}),
            (session, {
                "time": time, "random": random, "log": _NULL, "connect": connect_to, "KafkaAdmin": admin,
                "LogConsumer": lambda _config, *, claim, release, **_: Consumer(log, claim, release),
                "Tally": lambda *_: _NULL, "passage": lambda *_: None,
                "TopicWatch": lambda _admin, topics: TopicWatch(log, topics), "Writer": ModelWriter,
                "Decoder": Decoder,
                "ThreadPoolExecutor": lambda *_: Executor(world), "wait": wait, "HAND_OVER_RECORDS": HAND_OVER,
            }),
            (store_cursors, {"ending_blockers": no_blockers, "log": _NULL}),
            (store_rewinds, {"ending_blockers": no_blockers}),
            (sessions, {"_OVERLAP": OVERLAP}),
            (lock_conflicts, {"time": time, "random": random, "log": _NULL}),
            (settle, {"write_findings": write_findings}),
            (sweeps, {"write_findings": write_findings}),
            (job, {
                "asyncio": asyncio, "time": time, "random": random, "uuid": uuid, "log": _NULL,
                "AccountCheck": _AccountCheck, "Database": IngestDatabase, "IngestHealth": lambda *_: _NULL,
                "StreamTarget": lambda *_, **__: None, "_returned": _returned,
            }),
            (connect, {"asyncio": asyncio, "time": time, "random": random, "log": _NULL, "StreamSocket": Sockets}),
            (record, {"asyncio": asyncio, "time": time, "log": _NULL}),
            (kafka, {"asyncio": asyncio, "KafkaAdmin": admin}),
            (publish, {
                "asyncio": asyncio, "time": time, "log": _NULL,
                "RecordProducer": lambda _config, delivered, **_: Producer(log, delivered),
            }),
            (sweep_job, {
                "time": time, "random": random, "uuid": uuid, "threading": threading, "log": _NULL,
                "RestClient": lambda *_, **__: ModelRest(world, self.broker, self.weather, self.on_page),
                "connect": connect_to, "KafkaAdmin": admin, "Sealer": _Sealer, "read_account_id": lambda *_: ACCOUNT,
                "accounts": SimpleNamespace(pin=lambda *_, **__: None),
            }),
            (keeper, {"time": time, "threading": threading, "connect": connect_to, "log": _NULL}),
            (run, {"time": time, "log": _NULL, "Comparer": ModelComparer, "PositionCheck": _PositionCheck}),
            (activities, {"time": time, "log": _NULL}),
            (adjust, {"time": time, "log": _NULL}),
            (barrier, {"time": time}),
            (examine, {"Parser": parser, "log": _NULL}),
            (sums, {"time": time}),
            (sweep_publish, {"AckedProducer": lambda *_, **__: AckedProducer(log)}),
            (rewind, {
                "connect": connect_to, "KafkaAdmin": admin, "RecordTimes": lambda *_: _RecordTimes(),
                "readers": SimpleNamespace(cursors=_cursors),
            }),
        ]  # fmt: skip


def _returned(task: Any) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


class _IngestDatabase:
    """In place of `jobs.ingest.database.Database`: one connection, calls in turn."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    async def call(self, function: Callable[[Any], Any]) -> Any:
        world = self._database.world
        names = getattr(function, "keywords", {})
        world.pause(0.0, "perform" if "write" in names else "")
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._database.connect()
            return function(self._connection)
        except psycopg.Error:
            self._connection = None
            raise PostgresUnreachable("the model of Postgres broke off") from None

    async def close(self) -> None:
        """Nothing is open."""


class _AccountCheck:
    """In place of `jobs.ingest.account.AccountCheck`: there is one account."""

    def __init__(self, *_: Any) -> None:
        self._asyncio: Any = job.__dict__["asyncio"]  # the model of it

    async def identify(self) -> str:
        return ACCOUNT

    async def keep_checking(self) -> None:
        while True:
            await self._asyncio.sleep(300.0)


class _Sealer:
    """Checkpoints are not part of the model."""

    def __init__(self, *_: Any) -> None:
        pass

    def __enter__(self) -> _Sealer:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def offer(self, _proven: Any) -> None:
        pass


class _PositionCheck:
    """Positions are not part of the model."""

    def __init__(self, *_: Any) -> None:
        pass

    def check(self) -> None:
        pass

    def follow(self) -> None:
        pass


def _cursors(connection: Connection, group: str) -> list[readers.Cursor]:
    """As `store.readers.cursors` makes them."""
    rows = connection.execute(load("readers.sql")["cursors"], {"group": group}).fetchall()
    return [readers.Cursor(*row) for row in rows]


class _RecordTimes:
    def close(self) -> None:
        pass

    def at(self, _offsets: Any) -> dict[Any, int]:
        return {}
