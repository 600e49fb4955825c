"""All that a running program tells anybody: HTTP, tables, topics, and what the system shows of its process."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import psycopg
import requests
from confluent_kafka import Consumer, TopicPartition
from psycopg import sql

from stream_reconcile.web.page.lists import PAGES
from support.command import RunningCommand

_PATHS = ("/", "/metrics", "/livez", "/readyz", "/cursors", "/nowhere", "/api/v1/openapi.json")
_LISTS = (
    "status",
    "lag",
    "cursors",
    "executions",
    "fills",
    "positions",
    "discrepancies",
    "sweeps",
    "dead-letters",
    "actions",
)


def what_the_system_tells(run: RunningCommand) -> dict[str, str]:
    """What any other program can see of the process; its environment is for its own user, and names files only."""
    proc = Path("/proc") / str(run.process.pid)
    status = (proc / "status").read_text(encoding="utf-8")
    threads = "".join((task / "comm").read_text(encoding="utf-8") for task in (proc / "task").iterdir())
    limit = re.search(r"^Max core file size +(\S+)", (proc / "limits").read_text(encoding="utf-8"), re.MULTILINE)
    assert limit is not None
    assert limit[1] == "0"
    if os.getuid() != 0:  # undumpable: /proc is root's
        assert (proc / "environ").stat().st_uid == 0
    return {
        "its command line": (proc / "cmdline").read_text(encoding="utf-8"),
        "its environment": (proc / "environ").read_text(encoding="utf-8") if os.getuid() == 0 else "root's",
        "its status": status + threads,
    }


def what_http_tells(run: RunningCommand, token: str) -> dict[str, str]:
    """Every page and every list, a refusal, a plan, an event; headers too."""
    said = {}
    for path in (*_PATHS, *(page.path for page in PAGES), *(f"/api/v1/{name}" for name in _LISTS)):
        answer = requests.get(run.url + path, timeout=20)
        said[path] = f"{answer.headers}{answer.text}"
    wrong = requests.post(f"{run.url}/api/v1/rewind", json={}, headers={"Authorization": "Bearer wrong"}, timeout=10)
    asked = requests.post(
        f"{run.url}/api/v1/rewind", json={"to_earliest": True}, headers={"Authorization": f"Bearer {token}"}, timeout=20
    )
    assert (wrong.status_code, asked.status_code) == (401, 200)
    with requests.get(f"{run.url}/api/v1/events", stream=True, timeout=20) as events:
        said["the first event"] = str(next(events.iter_content(4096)))
    return said | {"a refusal": wrong.text, "a plan": asked.text}


def every_row(dsn: str) -> dict[str, str]:
    """Every table of the schema as text; empty ones are left out."""
    with psycopg.connect(dsn) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'reconcile'").fetchall()
        found = {}
        for (name,) in names:
            query = sql.SQL("SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM {} t").format(
                sql.Identifier("reconcile", name)
            )
            row = connection.execute(query).fetchone()
            if row and row[0]:
                found[f"table {name}"] = str(row[0])
    assert {"table executions", "table accounts", "table leases", "table stream_sessions"} <= found.keys()
    return found


def every_record(servers: str) -> dict[str, str]:
    """Every record of every topic, keys and headers too, as latin-1."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "reader", "enable.auto.commit": False})
    try:
        topics = consumer.list_topics(timeout=20).topics
        parts = [
            TopicPartition(name, number, 0)
            for name, t in topics.items()
            if name.startswith("t.")
            for number in t.partitions
        ]
        ends: dict[tuple[str | None, int | None], int] = {
            (p.topic, p.partition): consumer.get_watermark_offsets(p, timeout=20)[1] for p in parts
        }
        consumer.assign(parts)
        found: dict[str, list[bytes]] = {}
        missing = sum(ends.values())
        assert missing > 0
        seen = 0
        while seen < missing:
            messages = consumer.consume(1000, timeout=20)
            assert messages, f"{missing - seen} records did not come"
            for message in messages:
                assert message.error() is None
                if (message.offset() or 0) < ends[message.topic(), message.partition()]:
                    seen += 1
                    whole = (
                        json.dumps(str(message.headers())).encode() + (message.key() or b"") + (message.value() or b"")
                    )
                    found.setdefault(f"topic {message.topic()}", []).append(whole)
    finally:
        consumer.close()
    assert "topic t.trade-updates.v1" in found
    return {name: b"\n".join(values).decode("latin-1") for name, values in found.items()}
