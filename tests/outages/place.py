"""What may break: a Kafka and a Postgres, the lines to them and to the broker, and two copies of the program."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from psycopg import conninfo

from stream_reconcile.core.errors import EmbeddedError
from stream_reconcile.demo.programs import Program, Programs
from stream_reconcile.embedded import EmbeddedKafka, EmbeddedPostgres
from stream_reconcile.log.topics import Topics
from stream_reconcile.simulator.runner import running_simulator
from stream_reconcile.store.migrations import migrate
from support.servers import SCHEMA, create_database
from support.whole import Whole

from .clock import Clock
from .disk import Disk
from .link import HOST, Link

FREE: Final = 1_000_000
"""Requests in a window of the broker's: budgets are not what this is about."""
RATE: Final = 20.0
"""Events a second."""
_DATABASE: Final = "outages"
_START_TRIES: Final = 3


@dataclass
class Scene:
    """All of it, in working order. `whole` looks at the tables past all links."""

    whole: Whole
    kafka: EmbeddedKafka
    postgres: EmbeddedPostgres
    disks: dict[str, Disk]
    links: dict[str, Link]
    """To `kafka`, `postgres` and `broker` (its stream and its REST)."""
    copies: list[Program]
    programs: Programs
    settings: dict[str, str]
    clock: Clock

    def heal(self) -> int:
        """Whatever was broken works again. How many copies had ended by themselves."""
        for disk in self.disks.values():
            disk.free()
        for link in self.links.values():
            link.heal()
        self.clock.set(0)
        self.whole.simulator.control.clear_faults()
        for server in (self.kafka, self.postgres):
            started(server)
        ended = 0
        for program in self.copies:
            ended += program.ended_by_itself
            if program.running:
                program.thaw()
            else:
                program.start()
        return ended


def started(server: EmbeddedKafka | EmbeddedPostgres) -> None:
    """Running, also where it needs longer than it has on a machine that has more to do."""
    for _ in range(_START_TRIES - 1):
        with suppress(EmbeddedError):
            server.start()  # does nothing to one that runs
            return
    server.start()


@contextmanager
def scene(parent: Path | None, seed: int) -> Iterator[Scene]:
    """Two complete copies, ready. Everything goes at the end, its directory too."""
    directory = Path(tempfile.mkdtemp(prefix="reconcile-outages-", dir=parent))
    directory.chmod(0o755)  # we may run as root, Postgres may not
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        disks = {name: stack.enter_context(Disk(directory / name)) for name in ("kafka", "postgres")}
        kafka = EmbeddedKafka(disks["kafka"].path, long_lived=True)
        # Small enough for its write-ahead log to stay below a small disk.
        postgres = EmbeddedPostgres(disks["postgres"].path, settings={"max_wal_size": "96MB", "min_wal_size": "32MB"})
        for server in (kafka, postgres):
            stack.callback(server.stop)
            started(server)
        dsn = create_database(postgres.dsn, _DATABASE)
        migrate(dsn, SCHEMA)
        # A bust whose frame was lost can't always be told from REST (docs/weather.md): the flow has none.
        simulator = stack.enter_context(
            running_simulator(in_process=False, seed=seed, rate_limit=FREE, reversals=False)
        )
        ports = {
            "kafka": int(kafka.bootstrap_servers.rpartition(":")[2]),
            "postgres": int(str(conninfo.conninfo_to_dict(dsn)["port"])),
            "broker": urlsplit(simulator.base_url).port or 0,
        }
        links = {name: stack.enter_context(Link(port, kafka=name == "kafka")) for name, port in ports.items()}
        settings = {
            name: value.replace(f":{ports['broker']}", f":{links['broker'].port}")
            for name, value in simulator.environment.items()
        } | {
            "KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{links['kafka'].port}",
            "DATABASE_URL": conninfo.make_conninfo(dsn, port=links["postgres"].port),
            "RECONCILE_MIGRATE": "0",
            "RECONCILE_HTTP_ADDR": f"{HOST}:0",
            "RECONCILE_HOT_INTERVAL_SECONDS": "2",
            "RECONCILE_DEEP_INTERVAL_SECONDS": "30",
            "RECONCILE_BROKER_BUDGET": "1",
            "RECONCILE_LOG_FORMAT": "json",
        }
        clock = Clock(directory / "clock")
        programs = stack.enter_context(Programs(directory))
        whole = Whole(simulator, dsn, kafka.bootstrap_servers, Topics(), "stream-reconcile")
        copies = [
            programs.start("one copy", "run", **settings),
            programs.start("the other copy", "run", **settings, **clock.settings),
        ]
        yield Scene(whole, kafka, postgres, disks, links, copies, programs, settings, clock)
