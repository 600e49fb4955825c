"""docs/peers.md: every command of it, run by the tool itself against a run with a simulated broker.

A test whose tool is not there is skipped, and says which. `make peers` installs what is missing and shows the answers.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
import yaml
from confluent_kafka.admin import AdminClient

from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Partition, Topics
from support.command import RunningCommand, running, simulated_broker
from support.console_blocks import console_blocks, run_block, section
from support.kafka_tools import group_lines, install_scripts
from support.prometheus_server import prometheus
from support.servers import Servers, create_database, drop_database
from support.telling import tell
from support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "peers.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.timeout(300)


class System(NamedTuple):
    """A run that reconciles, and where everything of it is."""

    run: RunningCommand
    kafka: str
    dsn: str
    topics: Topics
    group: str
    folder: Path

    def answers(self, heading: str, more: Mapping[str, str]) -> list[str]:
        """What each command under the heading printed, with `more` put for what the page says.

        Skips the test where a tool is not there.
        """
        names = {
            "localhost:9092": self.kafka,
            "localhost:8080": self.run.url.removeprefix("http://"),
            "alpaca.": self.topics.prefix,
            **more,
        }
        blocks = console_blocks(PAGE, heading)
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        for tool in [tool for block in blocks for tool in block.tools]:
            if shutil.which(tool, path=path) is None:
                pytest.skip(f"{tool} is not installed: make peers")
        environment = {"PATH": path, "DATABASE_URL": self.dsn}
        return [run_block(block, self.folder, environment, names) for block in blocks]

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.dsn, options="-c search_path=reconcile") as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]  # a test's own


@pytest.fixture(scope="module")
def system(
    servers: Servers, kafka: str, postgres_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """A few hundred events in all, and a proof of equality."""
    folder, name = tmp_path_factory.mktemp("peers"), f"test-{secrets.token_hex(6)}"
    dsn = create_database(postgres_server, name, template=servers.template())
    topics = Topics(f"{name}.")
    with simulated_broker(folder, "--rate", "10", "--no-reversals") as broker:
        settings = broker | {
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "DATABASE_URL": dsn,
            "RECONCILE_TOPIC_PREFIX": topics.prefix,
            "RECONCILE_CONSUMER_GROUP": name,
            "RECONCILE_PARTITIONS": "2",
            "RECONCILE_HOT_INTERVAL_SECONDS": "2",
        }
        with running(settings=settings, folder=folder) as run:
            system = System(run, kafka, dsn, topics, name, folder)
            run.wait_ready(timeout=120)
            proved = "SELECT 1 FROM agreement WHERE scope = 'hot' AND proven_equal_at IS NOT NULL"
            wait_until(lambda: system.rows(proved), timeout=120, what="a proof")
            wait_until(lambda: len(system.rows("SELECT 1 FROM fills LIMIT 9")) == 9, timeout=120, what="nine fills")
            yield system
            assert run.stop() == 0
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    for deleted in admin.delete_topics(list(topics.all), operation_timeout=30).values():
        deleted.result(timeout=30)
    drop_database(postgres_server, name)


def test_kcat(system: System) -> None:
    _, _, listed, header, frames = system.answers("kcat", {"stream-reconcile": system.group})
    account = listed.splitlines()[0].split()[3].partition("/")[0]
    assert system.rows("SELECT DISTINCT account_id FROM executions") == [(account,)]
    assert bytes.fromhex(header) == SingleObjectCodec(system.topics)._headers[system.topics.trade_updates]
    orders = {json.loads(frame)["data"]["order"]["id"] for frame in frames.splitlines()}
    known = "SELECT alpaca_order_id FROM executions"
    wait_until(lambda: orders <= {row[0] for row in system.rows(known)}, timeout=60, what="what was read to be applied")


def test_kafkas_own_tools(system: System) -> None:
    install_scripts(system.folder)
    described, _ = system.answers("Kafka's own tools", {"stream-reconcile": system.group})
    with KafkaAdmin(KafkaConfig(system.kafka)) as admin:
        now = admin.watermarks([Partition(topic, number) for topic in system.topics.applied for number in (0, 1)])
    told = group_lines(described)
    assert {topic for topic, _ in told} >= {system.topics.trade_updates}
    for partition, line in told.items():
        assert line.lag == line.end - line.committed
        assert line.end <= now[partition].high


def test_prometheus(system: System) -> None:
    for tool in ("prometheus", "promtool"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: make peers")
    (written,) = re.findall(r"```yaml\n(.*?)```", section(PAGE, "Prometheus"), re.DOTALL)
    own = yaml.safe_load(written.replace("localhost:8080", system.run.url.removeprefix("http://")))
    with prometheus(system.folder, own["scrape_configs"][0]["static_configs"][0]["targets"][0]) as server:
        wanted = ("kafka_consumergroup_lag", "reconcile_proven_equal_timestamp_seconds")
        wait_until(lambda: all(server.ask(name) for name in wanted), timeout=60, what="a scrape with both")
        system.answers(
            "Prometheus",
            {
                "localhost:9090": server.url.removeprefix("http://"),
                'consumergroup="stream-reconcile"': f'consumergroup="{system.group}"',
            },
        )


def test_psql(system: System) -> None:
    system.answers("psql", {})


def test_pandas(system: System) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", section(PAGE, "pandas"), re.DOTALL)
    symbols = [str(symbol) for (symbol,) in system.rows("SELECT DISTINCT symbol FROM fills")]
    # pandas is here because alpaca-py wants it; -I: nothing of ours is.
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", f"{program}\nprint(type(fills['qty'].iloc[0]))"],
        env=os.environ | {"DATABASE_URL": system.dsn},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    tell(f"$ python sums.py\n{done.stdout}")
    assert done.returncode == 0, done.stderr
    assert "decimal.Decimal" in done.stdout
    for symbol in symbols:
        assert re.search(rf"^{re.escape(symbol)} ", done.stdout, re.MULTILINE), symbol
