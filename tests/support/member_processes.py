"""A member of apply as a process of its own, `run --role apply`, to be stopped, continued and killed by signals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from prometheus_client.parser import text_string_to_metric_families

from support.command import RunningCommand, running
from support.members import Stage


class MemberProcess:
    """One running member."""

    def __init__(self, run: RunningCommand) -> None:
        self._run = run
        self.pid = run.process.pid

    @property
    def output(self) -> str:
        """Its log so far."""
        return self._run.output

    def wait_ready(self, timeout: float = 60) -> None:
        """Until /readyz answers 200."""
        self._run.wait_ready(timeout)

    def wait_not_ready(self, part: str, timeout: float = 30) -> str:
        """Until /readyz answers 503 because of `part`; gives why."""
        return self._run.wait_not_ready(part, timeout)

    def metric(self, name: str) -> float:
        """Sum of `reconcile_apply_<name>` over its labels."""
        found = requests.get(f"{self._run.url}/metrics", timeout=10).text
        samples = (sample for family in text_string_to_metric_families(found) for sample in family.samples)
        return sum(sample.value for sample in samples if sample.name == f"reconcile_apply_{name}")

    def kill(self) -> None:
        """SIGKILL."""
        self._run.process.kill()
        self._run.process.wait(20)

    def stop(self) -> None:
        """SIGTERM; it has to end in order."""
        assert self._run.stop() == 0


@contextmanager
def member_process(stage: Stage, folder: Path, *, protocol: str = "auto") -> Iterator[MemberProcess]:
    """`run --role apply` on the stage; killed at the end if it still runs."""
    settings = stage_settings(stage) | {"RECONCILE_GROUP_PROTOCOL": protocol, "RECONCILE_MIGRATE": "0"}
    with running("--role", "apply", settings=settings, folder=folder) as run:
        yield MemberProcess(run)


def stage_settings(stage: Stage) -> dict[str, str]:
    """The environment of any command on this stage."""
    kafka = stage.log.kafka
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "DATABASE_URL": stage.dsn,
        "RECONCILE_TOPIC_PREFIX": stage.log.topics.prefix,
        "RECONCILE_CONSUMER_GROUP": stage.group,
        "RECONCILE_PARTITIONS": str(len(stage.log.partitions) // len(stage.log.topics.applied)),
    }
    return settings | ({"KAFKA_CLIENT": json.dumps(dict(kafka.properties))} if kafka.properties else {})
