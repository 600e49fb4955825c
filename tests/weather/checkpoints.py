"""Checkpoints are sealed while cursors are rewound and taken back; then a row, a record, a checkpoint are altered."""

from __future__ import annotations

import random
import time
from typing import Any, Final

from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.core.rewind_target import How, target
from stream_reconcile.embedded import EmbeddedKafka
from stream_reconcile.jobs.replay.config import ReplayConfig
from stream_reconcile.jobs.rewind import Rewinder
from stream_reconcile.jobs.verify.findings import Report, What
from stream_reconcile.jobs.verify.run import VerifyOptions, verify
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Topics
from stream_reconcile.simulator.runner import running_simulator
from support.servers import SCHEMA
from support.waiting import wait_until
from support.whole import Whole, reconciling

from . import judge
from .altered_log import alter, put_back
from .outcome import FREE, Options, Outcome
from .place import Place

_RATE: Final = 100.0
_DEEP_EVERY_S: Final = 5.0
_REWIND_EVERY_S: Final = 3.0


def run(place: Place, options: Options) -> Outcome:
    """`events` / 5 events; a Kafka of its own, which is stopped while a record in it is altered."""
    outcome, events = Outcome(), max(500, options.events // 5)
    rng = random.Random(options.seed)
    timing = options.often(5.0, _DEEP_EVERY_S, seal_every=1.0)
    with (
        EmbeddedKafka(place.directory / "kafka-of-checkpoints", long_lived=True) as kafka,
        place.database() as (dsn, prefix),
    ):
        with (
            running_simulator(in_process=False, seed=options.seed, rate_limit=FREE) as simulator,
            reconciling(
                simulator, dsn, kafka.bootstrap_servers, prefix, timing=timing, ingest_timing=options.ingest_timing
            ) as whole,
        ):
            whole.listening()
            simulator.control.flow(_RATE)
            rewinds, undos = _disturb(whole, rng, events)
            simulator.control.settle()
            judge.proof_after(whole, time.time(), timeout=120)
            wait_until(lambda: _covered(whole), timeout=60, what="a checkpoint that covers all frames")
            judge.in_the_end(whole, outcome, judge.Truth(whole))
        outcome.figures |= {"rewinds": rewinds, "undos": undos, "events": events}
        began = time.monotonic()
        holds = _verified(whole, outcome, "what nobody touched", set())
        outcome.figures |= {
            "checkpoints": holds.checkpoints,
            "records": holds.records,
            "live_rows": holds.live_rows or 0,
            "verify_s": round(time.monotonic() - began, 1),
        }
        _alter_a_row(whole, outcome)
        _alter_a_checkpoint(whole, outcome, max(1, holds.checkpoints // 2))
        _alter_a_record(whole, outcome, kafka)
        _verified(whole, outcome, "all as it was again", set())
    return outcome


def _disturb(whole: Whole, rng: random.Random, events: int) -> tuple[int, int]:
    """Rewinds and undos for as long as these events take."""
    rewinder = Rewinder(whole.dsn, SCHEMA, KafkaConfig(whole.kafka), group=whole.group, topics=whole.topics)
    counts = [0, 0]
    next_s = time.monotonic()

    def enough() -> bool:
        nonlocal next_s
        assert whole.faults == []
        if time.monotonic() >= next_s:
            next_s = time.monotonic() + _REWIND_EVERY_S
            counts[_rewind(rewinder, rng)] += 1
        return bool(whole.simulator.control.counters()["frames_published"] >= events)

    wait_until(enough, timeout=30 + 5 * events / _RATE, what="the events")
    return counts[0], counts[1]


def _rewind(rewinder: Rewinder, rng: random.Random) -> bool:
    """One rewind, or, True, one that is taken back."""
    undo = rng.random() < 0.3
    try:
        if undo:
            rewinder.undo(rewinder.plan_undo(None), who="weather", why="checkpoints")
        else:
            back = target({How.SHIFT: -rng.randint(1, 60)}, now_ms=rewinder.now_ms)
            plan = rewinder.plan(back, dict.fromkeys(rewinder.topics.applied))
            if plan.moves:
                rewinder.execute(plan, who="weather", why="checkpoints")
    except ReconcileError:
        return undo  # a claim came between plan and execution, or there is nothing to take back
    return undo


def _alter_a_row(whole: Whole, outcome: Outcome) -> None:
    (row,) = whole.rows(
        "UPDATE fills SET price = price + 1 WHERE fill_key = (SELECT min(fill_key) FROM fills) RETURNING fill_key"
    )
    report = _verified(whole, outcome, "a row", {What.LIVE})
    subjects = [one.subject for one in report.found]
    outcome.promise(len(subjects) == 1 and row["fill_key"] in subjects[0], f"a row: {subjects[:3]}")
    whole.rows("UPDATE fills SET price = price - 1 WHERE fill_key = %(key)s", key=row["fill_key"])


def _alter_a_checkpoint(whole: Whole, outcome: Outcome, seq: int) -> None:
    content = whole.value("SELECT content FROM proofs WHERE seq = %(seq)s", seq=seq)
    whole.rows(
        "UPDATE proofs SET content = regexp_replace(content, '\"open_dead_letters\":0', '\"open_dead_letters\":1')"
        " WHERE seq = %(seq)s",
        seq=seq,
    )
    report = _verified(whole, outcome, "a checkpoint", {What.CHECKPOINT})
    seqs = {one.seq for one in report.found}
    outcome.promise(seqs == {seq}, f"a checkpoint: {seqs} are named, {seq} was altered")
    whole.rows("UPDATE proofs SET content = %(content)s WHERE seq = %(seq)s", content=content, seq=seq)


def _alter_a_record(whole: Whole, outcome: Outcome, kafka: EmbeddedKafka) -> None:
    topic = whole.topics.trade_updates
    (row,) = whole.rows(
        "SELECT partition, max_offset FROM stream_cursors WHERE topic = %(topic)s ORDER BY max_offset DESC LIMIT 1",
        topic=topic,
    )
    partition = row["partition"]
    kafka.stop()
    (directory,) = kafka.data_dir.rglob(f"{topic}-{partition}")
    altered = alter(directory, behind=row["max_offset"] // 2)
    kafka.start()
    report = _verified(whole, outcome, "a record", {What.LOG, What.DERIVED, What.LIVE})
    logs = [one.subject for one in report.found if one.what is What.LOG]
    first, last = (int(text) for text in logs[0].rpartition(":")[2].split("-")) if logs else (-1, -1)
    named = len(logs) == 1 and logs[0].startswith(f"{topic}:{partition}:") and first <= altered.first_offset <= last
    outcome.promise(named, f"a record at {topic}:{partition}:{altered.first_offset}: {logs} are named")
    kafka.stop()
    put_back(altered)
    kafka.start()


def _verified(whole: Whole, outcome: Outcome, altered: str, allowed: set[What]) -> Report:
    config = ReplayConfig(
        kafka=KafkaConfig(whole.kafka),
        dsn=whole.dsn,
        live_schema=SCHEMA,
        schema="verify",
        group=whole.group,
        topics=whole.topics,
        share=0,
    )
    codec = SingleObjectCodec(Topics(whole.topics.prefix))
    report = verify(config, codec, whole.simulator.account_id, VerifyOptions(checks=5))
    found = {one.what for one in report.found}
    outcome.promise(found <= allowed, f"{altered}: {_listed(report)}")
    outcome.promise(not allowed or bool(found), f"{altered} was altered, and nothing is found")
    return report


def _listed(report: Report) -> list[Any]:
    return [(one.what.value, one.seq, one.subject, one.why) for one in report.found[:3]]


def _covered(whole: Whole) -> bool:
    query = """SELECT bool_and((p.offsets ->> (c.topic || ':' || c.partition))::bigint = c.max_offset)
               FROM stream_cursors c, (SELECT * FROM proofs WHERE published ORDER BY seq DESC LIMIT 1) p
               WHERE c.topic = %(topic)s"""
    return bool(whole.value(query, topic=whole.topics.trade_updates))
