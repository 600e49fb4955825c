"""The first half of the frames' topic is deleted: whoever needs it says so, and REST fills in what it still has."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from stream_reconcile.simulator.runner import RunningSimulator, running_simulator
from support.command import stream_reconcile
from support.ingesting import PARTITIONS
from support.servers import SCHEMA, create_database, drop_database
from support.waiting import wait_until
from support.whole import Whole, reconciling

from . import judge
from .outcome import FREE, Options, Outcome
from .place import Place

_RATE: Final = 200.0
_WITHIN_S: Final = 240.0
_ROWS: Final = (
    "SELECT (SELECT md5(string_agg(e::text, '' ORDER BY alpaca_order_id)) FROM executions e)"
    " || (SELECT md5(string_agg(f::text, '' ORDER BY fill_key)) FROM fills f)"
)
_NO_DEEP_ONES: Final = 24 * 3600.0
_TOPIC: Final = "trade-updates.v1"
_AGAIN: Final = "again"

_Command: TypeAlias = Callable[..., tuple[int, dict[str, Any]]]


def run(place: Place, options: Options) -> Outcome:
    """`events` / 10 events; the commands are what a user would run."""
    outcome = Outcome()
    timing = options.often(2.0, _NO_DEEP_ONES)
    with (
        running_simulator(in_process=False, seed=options.seed, rate_limit=FREE, withdraw_busted=True) as simulator,
        place.database() as (dsn, prefix),
    ):
        command = _commands(place, simulator, dsn, prefix)
        with reconciling(
            simulator, dsn, place.kafka, prefix, timing=timing, ingest_timing=options.ingest_timing
        ) as whole:
            _told(whole, options)
            cut = _delete_the_first_half(whole)
            before = whole.value(_ROWS)
            outcome.figures |= {"partitions_cut": len(cut), "records_deleted": sum(cut.values())}
            _plans(outcome, command, cut)
            _rewinds(outcome, command, whole, cut)
            outcome.promise(whole.value(_ROWS) == before, "a rewind over half a log has changed rows")
            judge.in_the_end(whole, outcome, judge.Truth(whole))
        _replays(outcome, command, cut)
        _rebuilds(outcome, place, options, simulator, prefix, cut)
    return outcome


def _told(whole: Whole, options: Options) -> None:
    """The log has a story, and the tables are equal to the books."""
    whole.listening()
    whole.simulator.control.flow(_RATE)
    _published(whole, max(400, options.events // 10))
    whole.simulator.control.settle()
    judge.proof_after(whole, time.time(), timeout=_WITHIN_S)


def _published(whole: Whole, frames: int) -> None:
    counters = whole.simulator.control.counters
    wait_until(lambda: counters()["frames_published"] >= frames, timeout=60 + frames / 20, what="the flow")


def _delete_the_first_half(whole: Whole) -> dict[int, int]:
    """Of each partition that frames are in; gives the first offset that is left."""
    topic = whole.topics.trade_updates
    rows = whole.rows("SELECT partition, max_offset FROM stream_cursors WHERE topic = %(topic)s", topic=topic)
    cut = {row["partition"]: row["max_offset"] // 2 for row in rows if row["max_offset"] > 1}
    admin = AdminClient({"bootstrap.servers": whole.kafka, "log_level": 0})
    deleted = admin.delete_records([TopicPartition(topic, partition, first) for partition, first in cut.items()])
    for partition, done in deleted.items():
        assert done.result(timeout=30).low_watermark == cut[partition.partition]
    return cut


def _plans(outcome: Outcome, command: _Command, cut: dict[int, int]) -> None:
    """To offset 0: refused by name. To the earliest: done, and what is gone before it is said."""
    status, plan = command("rewind", "--topic", _TOPIC, "--to-offset", "0", "--json")
    refused = {part["partition"]: part["no_longer_retained"] for part in plan["partitions"] if _is(part, "refused")}
    outcome.promise(status == 1 and not plan["possible"], f"a rewind to 0 over half a log is possible ({status})")
    outcome.promise(refused == cut, f"a rewind to 0 says that {refused} are gone; {cut} are")
    status, plan = command("rewind", "--topic", _TOPIC, "--to-earliest", "--json")
    moves = {p["partition"]: (p["new_offset"], p["no_longer_retained"]) for p in plan["partitions"] if _is(p, "moves")}
    outcome.promise(status == 0, f"the plan to the earliest gives {status}")
    outcome.promise(moves == {p: (low, low) for p, low in cut.items()}, f"a rewind to the earliest says {moves}")


def _rewinds(outcome: Outcome, command: _Command, whole: Whole, cut: dict[int, int]) -> None:
    """What can't be done is not done; what can is done, live."""
    cursors = "SELECT partition, next_offset FROM stream_cursors WHERE topic = %(topic)s ORDER BY partition"
    before = whole.rows(cursors, topic=whole.topics.trade_updates)
    to_0 = ("rewind", "--topic", _TOPIC, "--to-offset", "0", "--execute", "--reason", "half a log", "--json")
    status, _plan = command(*to_0)
    outcome.promise(status == 2, f"a rewind to records that are gone ends with {status}")
    outcome.promise(whole.rows(cursors, topic=whole.topics.trade_updates) == before, "it moved cursors all the same")
    to_earliest = ("rewind", "--topic", _TOPIC, "--to-earliest", "--execute", "--reason", "half a log", "--json")
    status, done = command(*to_earliest)
    outcome.promise(status == 0 and done["executed"], f"the rewind to the earliest ends with {status}: {done}")
    outcome.figures["records_read_again"] = done["records"]
    outcome.promise(done["records"] >= sum(cut.values()), f"{done['records']} records were read again")


def _replays(outcome: Outcome, command: _Command, cut: dict[int, int]) -> None:
    """Says what it could not read, and the diff names rows of nothing else."""
    status, told = command("replay", "--into", _AGAIN, "--json")
    assert "lost" in told, told
    lost = {(one["topic"], one["partition"]): (one["first"], one["next"]) for one in told["lost"]}
    topic = next(iter(lost), ("", 0))[0]
    outcome.promise(status == 1, f"a replay of half a log ends with {status}")
    outcome.promise(lost == {(topic, p): (0, low) for p, low in cut.items()}, f"a replay says that {lost} are gone")
    status, told = command("replay", "--diff", _AGAIN, "--json")
    found = told["differences"]
    events = [one for one in found if one["table"] == "order_events"]
    outcome.figures |= {"replay_differs": len(found), "replay_lacks_events": len(events)}
    outcome.promise(status == 1 and bool(events), f"the diff ends with {status}: {len(found)} differences")
    wrong = [one["key"] for one in events if one["kind"] != "only_live" or not _all_gone(one, topic, cut)]
    outcome.promise(not wrong, f"{len(wrong)} events differ though their records are there: {wrong[:3]}")
    status, _told = command("replay", "--promote", _AGAIN, "--reason", "half a log", "--json")
    outcome.promise(status == 2, f"a promote of half a log ends with {status}")
    command("replay", "--drop", _AGAIN, "--json")


def _rebuilds(
    outcome: Outcome, place: Place, options: Options, simulator: RunningSimulator, prefix: str, cut: dict[int, int]
) -> None:
    """A new database, half of the log, and a full sweep: equal to the books, and what is gone waits for a person."""
    name = f"{prefix}_anew"
    dsn = create_database(place.postgres, name, template=place.template)
    try:
        timing = options.often(2.0, _NO_DEEP_ONES)
        with reconciling(
            simulator, dsn, place.kafka, prefix, timing=timing, ingest_timing=options.ingest_timing
        ) as whole:
            whole.listening()
            command = _commands(place, simulator, dsn, prefix)
            begun = time.monotonic()
            _status, swept = command("sweep", "--kind", "full", "--json")
            whole.equal(timeout=_WITHIN_S)
            outcome.figures["rebuilt_after_s"] = round(time.monotonic() - begun, 1)
            outcome.promise(bool(swept.get("complete")), f"the full sweep was not complete: {swept}")
            judge.in_the_end(whole, outcome, judge.Truth(whole), left=("retention_loss",))
            losses = [row for row in whole.discrepancies(kind="retention_loss") if row["state"] == "open"]
            said = {int(row["subject"].rpartition(":")[2]): row["evidence"]["broker"]["first_offset"] for row in losses}
            outcome.promise(said == cut, f"a new database says that the log begins at {said}, not at {cut}")
            for row in losses:
                command("discrepancies", "accept", str(row["discrepancy_id"]), "--reason", "rebuilt from REST")
            judge.asked(whole, outcome, timeout=_WITHIN_S)
            by_source = whole.rows("SELECT source, count(*) AS count FROM order_events GROUP BY source ORDER BY source")
            outcome.figures |= {f"events_{row['source']}": row["count"] for row in by_source}
    finally:
        drop_database(place.postgres, name)


def _is(part: dict[str, Any], verdict: str) -> bool:
    return bool(part["verdict"] == verdict)


def _all_gone(difference: dict[str, Any], topic: str, cut: dict[int, int]) -> bool:
    places = difference["records"]
    return bool(places) and all(
        place["topic"] == topic and place["offset"] < cut[place["partition"]] and not place["retained"]
        for place in places
    )


def _commands(place: Place, simulator: RunningSimulator, dsn: str, prefix: str) -> _Command:
    """`stream-reconcile …` as a process of its own; gives its exit status and what it printed as JSON."""
    settings = {
        "DATABASE_URL": dsn,
        "KAFKA_BOOTSTRAP_SERVERS": place.kafka,
        "RECONCILE_SCHEMA": SCHEMA,
        "RECONCILE_TOPIC_PREFIX": f"{prefix}.",
        "RECONCILE_PARTITIONS": str(PARTITIONS),
        "RECONCILE_CONSUMER_GROUP": prefix,
        "APCA_API_KEY_ID": simulator.key,
        "APCA_API_SECRET_KEY": simulator.secret,
        "APCA_API_BASE_URL": simulator.base_url,
    }

    def command(*arguments: str) -> tuple[int, dict[str, Any]]:
        done = stream_reconcile(*arguments, settings=settings, folder=place.directory, timeout=_WITHIN_S)
        if "--json" not in arguments:
            return done.returncode, {}
        if not done.stdout.strip():
            # Refused: what it says is all there is.
            return done.returncode, {"why": done.stderr.strip().splitlines()[-1:]}
        return done.returncode, json.loads(done.stdout)

    return command
