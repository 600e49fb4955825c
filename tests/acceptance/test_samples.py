"""Every sample that is a websocket message, over a real socket through ingest and apply: where each one ends up.

The table of what became of each is kept in build/samples.md.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from psycopg.rows import dict_row

from stream_reconcile.core.reconnect import Pace
from stream_reconcile.core.session import End
from stream_reconcile.jobs.apply.config import ApplyConfig
from stream_reconcile.jobs.apply.member import run_apply
from stream_reconcile.jobs.lag import LagReader
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Topics
from stream_reconcile.metrics import Metrics
from support.ingesting import QUICK, config_for, ingesting, make_topics
from support.servers import SCHEMA
from support.stub_broker import StubBroker, Talk, quiet
from support.waiting import wait_until, wait_until_async
from support.wire_data import SAMPLES

KEPT_IN = Path(__file__).resolve().parents[2] / "build" / "samples.md"

ROW, NO_STATEMENT, DEAD_LETTER = "row", "no statement", "dead letter"

# Sample → where it has to end up, and how: orders that get a row and executions that get a fill, or its kind.
EXPECTED: dict[int, tuple[str, str]] = {
    1: (NO_STATEMENT, "ack"),
    2: (NO_STATEMENT, "ack"),
    3: (ROW, "1 order"),
    4: (ROW, "1 order"),
    5: (ROW, "1 order, 1 fill"),
    6: (ROW, "3 orders, 2 fills"),
    # What a client sends is nothing that the broker could say: it is kept, and looked at.
    7: (DEAD_LETTER, "absent"),
    8: (NO_STATEMENT, "error"),
    9: (DEAD_LETTER, "absent"),
    10: (DEAD_LETTER, "absent"),
    11: (NO_STATEMENT, "ack"),
    12: (NO_STATEMENT, "ack"),
    13: (NO_STATEMENT, "ack"),
    14: (ROW, "1 order, 1 fill"),
    15: (NO_STATEMENT, "ack"),
    16: (NO_STATEMENT, "ack"),
    17: (NO_STATEMENT, "null_data"),
    18: (ROW, "1 order, 1 fill"),
    19: (ROW, "1 order, 1 fill"),
    20: (ROW, "1 order"),
    21: (ROW, "1 order, 1 fill"),
    22: (ROW, "1 order"),
    23: (ROW, "1 order"),  # its execution id is invented, and that of 21 too: one id is one execution
    24: (ROW, "1 order"),
    25: (ROW, "1 order"),
    31: (ROW, "3 orders, 2 fills"),
    32: (ROW, "1 order"),
}
# After these a client has to hang up, so each comes on a connection of its own.
LAST_WORDS = (8, 12, 13, 15, 16)
AT_ONCE = Pace(0.05, 0.1, 0.2)
PARTITIONS = 8  # where samples come into one partition, and with that their order, is a matter of the count


@dataclass
class Fate:
    """One sample, and what is there of it."""

    name: str
    kind: str
    grade: str
    raw: bytes
    places: list[tuple[int, int]] = field(default_factory=list)
    """Partition and offset of each record that holds it."""

    @property
    def number(self) -> int:
        return int(self.name[:2])


@pytest.fixture(scope="module")
def samples() -> dict[int, Fate]:
    """All samples that are messages of a socket or an event feed, by number."""
    index = SAMPLES / "INDEX.md"
    if not index.exists():
        pytest.skip(f"the samples are not in {SAMPLES}: they are not part of this repository")
    rows = [[cell.strip() for cell in line.split("|")] for line in index.read_text().splitlines() if ".json |" in line]
    found = [Fate(row[1], row[4], row[5], (SAMPLES / row[1]).read_bytes()) for row in rows]
    return {fate.number: fate for fate in found if fate.kind.startswith(("WS ", "Broker SSE"))}


def says(*frames: bytes) -> Callable[[Talk], Coroutine[None, None, None]]:
    """A connection on which the broker says this, once trade_updates is granted."""

    async def script(talk: Talk) -> None:
        await talk.listen()
        for raw in frames:
            await talk.send(raw)
        await talk.until_closed()

    return script


async def send_all(samples: dict[int, Fate], dsn: str, kafka: str, topics: Topics) -> None:
    """Through ingest into Kafka, every one acknowledged."""
    last_words = [samples[number].raw for number in LAST_WORDS]
    others = [fate.raw for number, fate in samples.items() if number not in LAST_WORDS]
    timing = {"paces": {**QUICK.paces, End.CREDENTIALS_REFUSED: AT_ONCE}}
    scripts = (*(says(raw) for raw in last_words), says(*others), quiet)
    # Two answers come before what each connection says.
    wanted = 2 * len(scripts[:-1]) + len(samples)
    async with (
        StubBroker(*scripts) as broker,
        ingesting(config_for(broker, dsn, kafka, topics, timing=timing)) as run,
    ):

        async def logged() -> bool:
            return len(await asyncio.to_thread(run.frames)) >= wanted

        await wait_until_async(logged, timeout=60, what="all of it to be in Kafka")


def note_places(samples: dict[int, Fate], kafka: str, topics: Topics) -> Counter[bytes]:
    """Find each sample's records in Kafka; what else is there, by its bytes."""
    codec, consumer = SingleObjectCodec(topics), Consumer({**KafkaConfig(kafka).consumer("none")})
    by_bytes = {fate.raw: fate for fate in samples.values()}
    others: Counter[bytes] = Counter()
    try:
        for partition in range(PARTITIONS):
            place = TopicPartition(topics.trade_updates, partition, 0)
            _, end = consumer.get_watermark_offsets(place, timeout=10)
            consumer.assign([place])
            read = 0
            while read < end:
                message = consumer.poll(10)
                assert message is not None
                assert message.error() is None
                raw = codec.decode(topics.trade_updates, message.value()).raw
                if raw in by_bytes:
                    by_bytes[raw].places.append((partition, message.offset() or 0))
                else:
                    others[raw] += 1
                read += 1
    finally:
        consumer.close()
    return others


@contextmanager
def applying(dsn: str, kafka: str, topics: Topics, group: str) -> Any:
    """Apply until all is applied."""
    metrics = Metrics("test")
    config = ApplyConfig(kafka=KafkaConfig(kafka), dsn=dsn, schema=SCHEMA, group=group, topics=topics)
    member = threading.Thread(target=run_apply, args=(config, lambda: SingleObjectCodec(topics), metrics.apply))
    member.start()
    try:
        with LagReader(dsn, SCHEMA, KafkaConfig(kafka), group=group, topics=topics, limit_seconds=60) as lag:
            wait_until(lambda: lag.read().records == 0, timeout=60, what="all to be applied")
        yield metrics
    finally:
        config.stop.set()
        member.join(30)
    assert not member.is_alive()


def became(fate: Fate, connection: psycopg.Connection[dict[str, Any]], topic: str) -> tuple[str, str]:
    """Where a sample is in the tables, and what of it."""
    (partition, offset), *more = fate.places
    assert not more, fate.name
    at = {"topic": topic, "partition": partition, "offset": offset}
    of_record = 'topic = %(topic)s AND partition = %(partition)s AND "offset" = %(offset)s'
    orders = connection.execute(f"SELECT DISTINCT alpaca_order_id AS id FROM order_events WHERE {of_record}", at)
    ids = [row["id"] for row in orders]
    rows = connection.execute("SELECT 1 FROM executions WHERE alpaca_order_id = ANY(%s)", [ids]).fetchall()
    fills = connection.execute(f"SELECT 1 FROM fills WHERE {of_record}", at).fetchall()
    letters = connection.execute(f"SELECT * FROM dead_letters WHERE {of_record}", at).fetchall()
    assert len(rows) == len(ids), fate.name
    if letters:
        (letter,) = letters
        assert not ids
        assert fate.raw in letter["payload"]
        return DEAD_LETTER, letter["reason"]
    if ids:
        parts = [f"{len(ids)} order{'s' * (len(ids) > 1)}"]
        return ROW, ", ".join(parts + [f"{len(fills)} fill{'s' * (len(fills) > 1)}"] * bool(fills))
    assert not fills
    return NO_STATEMENT, EXPECTED[fate.number][1]


def keep_table(samples: dict[int, Fate], fates: dict[int, tuple[str, str]]) -> None:
    """Print it, and leave it in build/."""
    lines = ["| sample | kind | grade | partition, offset | became | |", "|---|---|---|---|---|---|"]
    for number, fate in samples.items():
        where = ", ".join(map(str, fate.places[0]))
        lines.append(f"| {fate.name} | {fate.kind} | {fate.grade} | {where} | {' | '.join(fates[number])} |")
    text = "\n".join(lines) + "\n"
    KEPT_IN.parent.mkdir(exist_ok=True)
    KEPT_IN.write_text(text, encoding="utf-8")
    print(f"\n{text}")  # noqa: T201 - to be read with `pytest -s`


def test_no_sample_is_lost_and_each_is_where_it_belongs(
    samples: dict[int, Fate], database: str, kafka: str, topic_prefix: str
) -> None:
    assert samples.keys() == EXPECTED.keys()
    topics = make_topics(kafka, topic_prefix, partitions=PARTITIONS)
    asyncio.run(send_all(samples, database, kafka, topics))
    others = note_places(samples, kafka, topics)
    assert [fate.name for fate in samples.values() if len(fate.places) != 1] == []
    assert len(others) == 2, "the two answers of the broker that let a client in"
    with applying(database, kafka, topics, topic_prefix) as metrics:
        pass
    options = f"-c search_path={SCHEMA}"
    with psycopg.connect(database, options=options, row_factory=dict_row) as connection:
        fates = {number: became(fate, connection, topics.trade_updates) for number, fate in samples.items()}
        letters = connection.execute("SELECT count(*) FROM dead_letters").fetchall()[0]["count"]
        found = connection.execute("SELECT type FROM discrepancies WHERE type <> 'stream_gap'").fetchall()
    keep_table(samples, fates)
    assert fates == EXPECTED
    told = Counter(how for fate, how in fates.values() if fate == NO_STATEMENT)
    told["ack"] += sum(others.values())
    counted = {
        sample.labels["kind"]: sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "reconcile_apply_no_statement_total"
    }
    assert counted == told
    assert letters == sum(fate == DEAD_LETTER for fate, _ in fates.values())
    assert [row["type"] for row in found] == ["undecodable"] * letters  # none of the others looks wrong
