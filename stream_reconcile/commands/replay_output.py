"""What `replay` prints: reports of a replay, and differences as they are found, so that memory is flat."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console

from stream_reconcile.commands.output import table
from stream_reconcile.jobs.replay.compare import Comparison, Difference
from stream_reconcile.jobs.replay.config import ReplayConfig
from stream_reconcile.jobs.replay.run import Replay
from stream_reconcile.log.topics import Partition
from stream_reconcile.store.promote import Promoted
from stream_reconcile.store.replay_schema import Lost
from stream_reconcile.store.rows_compared import LEFT_OUT

_WORDS = {"changed": "differs", "only_live": "only in the live schema", "only_replay": "only in the replay"}
_REASONS = {"recorded_at": "when we recorded it"}


def into_json(config: ReplayConfig, job: Replay, resumed: dict[Partition, int], seconds: float) -> dict[str, Any]:
    """The shape of docs/json/replay.schema.json."""
    return {
        "schema": config.schema,
        "live_schema": config.live_schema,
        "records": job.records,
        "seconds": round(seconds, 3),
        "rested_seconds": round(job.rested_s, 3),
        "open_dead_letters": job.open_letters(),
        "partitions": [
            {
                "topic": partition.topic,
                "partition": partition.partition,
                "began_at": job.starts.get(partition, 0),
                "resumed_at": resumed[partition],
                "next_offset": offset,
            }
            for partition, offset in sorted(job.position.items())
        ],
        "lost": [_lost_json(one) for one in job.lost],
    }


def show_into(out: Console, report: dict[str, Any]) -> None:
    """For people."""
    rate = report["records"] / max(report["seconds"], 1e-3)
    took = f"{report['seconds']:.1f} s ({rate:,.0f}/s)"
    out.print(f"{report['records']:,} records applied to schema {report['schema']} in {took}")
    if report["rested_seconds"] >= 1:
        out.print(f"{report['rested_seconds']:.0f} s of these live apply was behind, and was let go first")
    if report["open_dead_letters"]:
        out.print(
            f"{report['open_dead_letters']} records could not be applied: they are in {report['schema']}.dead_letters"
        )
    for lost in report["lost"]:
        out.print(f"! {_lost_words(lost)}")
    out.print(f"Compare: stream-reconcile replay --diff {report['schema']}")


def print_diff_json(config: ReplayConfig, compared: Comparison) -> int:
    """One JSON document (docs/json/replay-diff.schema.json), written as the differences come; their number."""
    head = {
        "schema": config.schema,
        "live_schema": config.live_schema,
        "position": [
            {"topic": p.topic, "partition": p.partition, "next_offset": at}
            for p, at in sorted(compared.position.items())
        ],
        "left_out": {name: _REASONS[name] for name in LEFT_OUT},
        "lost": [_lost_json(one) for one in compared.lost],
        "log_losses": [
            {"subject": subject, "kind": kind, "noticed_at": at.isoformat()}
            for subject, kind, at in compared.noted_losses
        ],
        "tables": [
            {"table": one.table, "live_rows": one.live_rows, "replay_rows": one.replay_rows} for one in compared.tables
        ],
    }
    out = sys.stdout
    out.write(json.dumps(head, indent=2, ensure_ascii=False)[:-2] + ',\n  "differences": [')
    count = 0
    for count, difference in enumerate(compared.differences(), start=1):
        out.write(("," if count > 1 else "") + "\n    " + json.dumps(_difference_json(difference), ensure_ascii=False))
    out.write(("\n  " if count else "") + f'],\n  "count": {count}\n}}\n')
    out.flush()
    return count


def show_diff(out: Console, config: ReplayConfig, compared: Comparison, *, limit: int | None) -> int:
    """For people: up to `limit` differences, all of them counted; their number."""
    counts: dict[str, int] = {}
    for number, difference in enumerate(compared.differences()):
        counts[difference.table] = counts.get(difference.table, 0) + 1
        if limit is None or number < limit:
            _show_difference(out, difference)
    total = sum(counts.values())
    if limit is not None and total > limit:
        out.print(f"… {total - limit:,} more: --all lists them")
    if total:
        out.print("")
    numbers = ("LIVE", "REPLAY", "DIFFERENCES")
    rows = table("TABLE", *numbers, right=numbers)
    for one in compared.tables:
        rows.add_row(one.table, f"{one.live_rows:,}", f"{one.replay_rows:,}", f"{counts.get(one.table, 0):,}")
    out.print(rows)
    for lost in compared.lost:
        out.print(f"! {_lost_words(_lost_json(lost))}")
    for subject, kind, at in compared.noted_losses:
        out.print(f"! live apply found the log of {subject} {kind} at {at.isoformat(timespec='seconds')}")
    out.print(
        f"\n{total:,} differences between {config.live_schema} and {config.schema} at the same position of the log; "
        f"left out: {', '.join(f'{name} ({_REASONS[name]})' for name in LEFT_OUT)}"
    )
    return total


def show_promoted(out: Console, config: ReplayConfig, done: Promoted) -> None:
    """For people."""
    out.print(f"The tables of {config.schema} are live now (action {done.action_id}).")
    out.print(
        f"The old ones are in schema {config.schema}: `replay --promote {config.schema}` brings them back, "
        f"`replay --drop {config.schema}` drops them."
    )


def _show_difference(out: Console, difference: Difference) -> None:
    key = ", ".join(f"{name} {value}" for name, value in difference.key.items())
    records = ", ".join(
        f"{p.topic}:{p.partition}:{p.offset}" + ("" if p.retained else " (not in the replay)")
        for p in difference.records
    )
    out.print(f"{difference.table} {key}: {_WORDS[difference.kind]}; {records or 'no record'}")
    if difference.kind == "changed":
        for name, (live, replay) in difference.columns.items():
            out.print(f"    {name}: live {_value(live)}, replay {_value(replay)}")
    if difference.note:
        out.print(f"    {difference.note}")


def _difference_json(difference: Difference) -> dict[str, Any]:
    return {
        "table": difference.table,
        "kind": difference.kind,
        "key": difference.key,
        "columns": {name: {"live": live, "replay": replay} for name, (live, replay) in difference.columns.items()},
        "records": [place._asdict() for place in difference.records],
        "note": difference.note,
    }


def _lost_json(lost: Lost) -> dict[str, Any]:
    return lost._asdict()


def _lost_words(lost: dict[str, Any]) -> str:
    place = f"{lost['topic']}:{lost['partition']}"
    return f"{place}: offsets {lost['first']} to {lost['next'] - 1} were not replayed: {lost['why']}"


def _value(text: str | None) -> str:
    return "nothing" if text is None else text
