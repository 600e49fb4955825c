"""The program as a user runs it, each of its roles as a process of its own, beside the broker and the servers.

Separate processes, so that memory, descriptors and threads are told by role, and one of them can be slowed down without
the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psutil  # type: ignore[import-untyped]  # it has no types
from prometheus_client.parser import text_string_to_metric_families
from requests import RequestException, Session

from stream_reconcile.demo.programs import Program, Programs
from stream_reconcile.embedded.obstacles import find_port
from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Partition, Topics
from stream_reconcile.simulator.runner import running_simulator
from support.waiting import wait_until
from support.whole import Whole, connected
from weather.place import Place

ROLES: Final = ("ingest", "apply", "sweep", "web")
SIMULATOR: Final = "simulator"
_PARTITIONS: Final = 8
_LISTENS_WITHIN_S: Final = 180.0
_ANSWERS_WITHIN_S: Final = 20.0
_REQUESTS: Final = 600
"""The broker's limit in a minute. Three times Alpaca's: at thousands of events a second a sweep has more to read."""
_APPLIED: Final = "SELECT coalesce(sum(next_offset), 0)::bigint FROM stream_cursors WHERE topic = %(topic)s"

Metrics = dict[str, float]


@dataclass
class Scene:
    """All that runs."""

    whole: Whole
    programs: Programs
    roles: dict[str, Program]
    addresses: dict[str, str]
    simulator: psutil.Process
    settings: dict[str, str]
    admin: KafkaAdmin
    session: Session = field(default_factory=Session)

    def metrics(self, role: str) -> Metrics:
        """What a role's /metrics says, added up over labels; nothing where it does not answer."""
        try:
            text = self.session.get(f"http://{self.addresses[role]}/metrics", timeout=_ANSWERS_WITHIN_S).text
        except RequestException:
            return {}
        found: Metrics = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                most = sample.name.endswith("_lag_seconds")
                before = found.get(sample.name, 0.0)
                found[sample.name] = max(before, sample.value) if most else before + sample.value
        return found

    def acknowledged(self) -> int:
        """Records of frames that are in the log."""
        topic = self.whole.topics.trade_updates
        return sum(self.admin.end_offsets([Partition(topic, number) for number in range(_PARTITIONS)]).values())

    def committed(self) -> int:
        """How many of them are applied."""
        return int(self.whole.value(_APPLIED, topic=self.whole.topics.trade_updates))

    def lag(self) -> int:
        """Records that are not applied yet."""
        committed = self.committed()  # before the other, so that it is never too small
        return self.acknowledged() - committed

    def alive(self) -> bool:
        """True; raises ProgramEnded if a process ended by itself."""
        self.programs.require_alive()
        return True


@contextmanager
def scene(place: Place, seed: int, *, quick: bool = False, **simulator: Any) -> Iterator[Scene]:
    """All roles listen and answer; everything is gone afterwards. `quick`: sweeps every second, for tests."""
    with (
        place.database() as (dsn, prefix),
        running_simulator(in_process=False, seed=seed, rate_limit=_REQUESTS, **simulator) as broker,
        KafkaAdmin(KafkaConfig(place.kafka)) as admin,
        Programs(place.directory) as programs,
    ):
        settings = {
            **broker.environment,
            "KAFKA_BOOTSTRAP_SERVERS": place.kafka,
            "DATABASE_URL": dsn,
            "RECONCILE_MIGRATE": "0",
            "RECONCILE_TOPIC_PREFIX": f"{prefix}.",
            "RECONCILE_CONSUMER_GROUP": prefix,
            "RECONCILE_BROKER_BUDGET": "1",
            "RECONCILE_LOG_FORMAT": "json",
            **({"RECONCILE_HOT_INTERVAL_SECONDS": "1"} if quick else {}),
        }
        addresses = {role: f"127.0.0.1:{find_port()}" for role in ROLES}
        roles = {
            role: programs.start(f"{role}-{prefix}", "run", "--role", role, RECONCILE_HTTP_ADDR=address, **settings)
            for role, address in addresses.items()
        }
        whole = Whole(broker, dsn, place.kafka, Topics(f"{prefix}."), prefix)
        made = Scene(whole, programs, roles, addresses, _process_of_the_simulator(), settings, admin)
        with made.session, connected(dsn) as whole.looks:
            broker.control.wait_for_listener(seconds=_LISTENS_WITHIN_S)
            wait_until(
                lambda: made.alive() and all(made.metrics(role) for role in ROLES),
                timeout=_LISTENS_WITHIN_S,
                what="all roles to answer",
            )
            yield made


def _process_of_the_simulator() -> psutil.Process:
    (found,) = [
        child for child in psutil.Process().children() if "stream_reconcile.simulator.runner" in child.cmdline()
    ]
    return found
