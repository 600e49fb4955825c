"""What the demo ends with: the verdict and what belongs to it, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stream_reconcile.demo.log_contents import LogContents
from stream_reconcile.simulator.verdict import Verdict

_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything the demo found. Times in seconds."""

    seed: int
    verdict: Verdict
    log: LogContents
    events: int
    """Records of the log that brought something new, as `order_events` has it."""
    findings: Mapping[str, int]
    """Open discrepancies by type: there should be none once all is applied."""
    dead_letters: int
    gap_windows: int
    unheard: int
    swept: int
    """Observations that only sweeps brought."""
    unbound: int
    """Decisions without an order."""
    unproven: str
    """Why the last sweep does not prove the rows equal to the broker; "" if it does."""
    faults: Mapping[str, int]
    drained: bool
    failure: str | None
    """What kept the story from its end, in a sentence."""
    ended_early: bool
    first_applied_s: float
    flow_s: float
    total_s: float
    most_lag_records: int
    most_lag_seconds: float
    kept: str | None = None
    """Folder with data and logs, where they were kept."""

    @property
    def equal(self) -> bool:
        """Whether the tables are what the broker's books say, and nothing stands against it."""
        return (
            self.verdict.equal
            and self.drained
            and self.failure is None
            and self.events == self.log.distinct
            and not self.findings
            and not self.dead_letters
            and not self.unbound
            and not self.unproven
        )


def as_json(outcome: Outcome) -> dict[str, Any]:
    """The shape of docs/json/demo.schema.json."""
    return {
        "equal": outcome.equal,
        "seed": outcome.seed,
        "orders": outcome.verdict.orders,
        "fills": outcome.verdict.fills,
        "frames": {
            "in_log": outcome.log.frames,
            "distinct": outcome.log.distinct,
            "duplicates": outcome.log.repeated,
            "duplicates_dropped": outcome.log.frames - outcome.events,
            "unheard": outcome.unheard,
        },
        "swept": outcome.swept,
        "unbound_decisions": outcome.unbound,
        "unproven": outcome.unproven or None,
        "differing": outcome.verdict.differing,
        "differences": [difference._asdict() for difference in outcome.verdict.differences],
        "open_discrepancies": dict(outcome.findings),
        "dead_letters": outcome.dead_letters,
        "gap_windows": outcome.gap_windows,
        "faults": dict(outcome.faults),
        "drained": outcome.drained,
        "failure": outcome.failure,
        "ended_early": outcome.ended_early,
        "first_applied_s": round(outcome.first_applied_s, 3),
        "flow_s": round(outcome.flow_s, 3),
        "total_s": round(outcome.total_s, 3),
        "most_lag": {"records": outcome.most_lag_records, "seconds": round(outcome.most_lag_seconds, 3)},
        "kept": outcome.kept,
    }


def as_text(outcome: Outcome) -> Iterator[str]:
    """Lines for people; the first is the verdict."""
    verdict, log = outcome.verdict, outcome.log
    yield f"verdict: {'EQUAL' if outcome.equal else 'NOT EQUAL'} to the broker's own books"
    yield f"  orders       {verdict.orders:,} in the books, compared with executions column by column"
    yield f"  fills        {verdict.fills:,} in the books, compared with fills, busts and corrections as reversing rows"
    yield f"  duplicates   {log.repeated:,} of {log.frames:,} frames in Kafka; {log.frames - outcome.events:,} dropped"
    yield f"  differences  {verdict.differing:,}"
    for difference in verdict.differences[:_MOST_SHOWN]:
        where = f"{difference.table} {difference.fill_key}".rstrip()
        yield f"    order {difference.order_id}, {where}, {difference.column}: " + (
            f"ours {difference.ours or '-'}, the broker's {difference.truth or '-'}"
        )
    if verdict.differing > _MOST_SHOWN:
        yield f"    … and {verdict.differing - _MOST_SHOWN:,} more"
    if outcome.events != log.distinct:
        yield f"  history      {outcome.events:,} frames in order_events, but {log.distinct:,} distinct ones in Kafka"
    for kind, count in outcome.findings.items():
        yield f"  discrepancy  {count:,} open of type {kind}, though all is applied"
    if outcome.dead_letters:
        yield f"  dead letters {outcome.dead_letters:,} open"
    if not outcome.drained:
        yield "  lag          not everything that the broker sent was applied in the end"
    lost = outcome.faults.get("drop", 0)
    yield f"  lost         {lost:,} frames dropped, {outcome.unheard:,} sent while nobody listened"
    yield f"  sweeps       brought {outcome.swept:,} observations that the stream did not"
    if outcome.unbound:
        yield f"  decisions    {outcome.unbound:,} without an order"
    if outcome.unproven:
        yield f"  proof        none: {outcome.unproven}"
    if outcome.failure:
        yield f"  failure      {outcome.failure}"
    if outcome.gap_windows:
        yield f"  gap windows  {outcome.gap_windows} stand open"
    yield f"  most lag     {outcome.most_lag_records:,} records, {outcome.most_lag_seconds:.1f} s"
    yield (
        f"  time         {outcome.first_applied_s:.1f} s from start to first applied event, {outcome.total_s:.0f} s in "
        f"all{'; ended early' if outcome.ended_early else ''}"
    )
    if outcome.kept:
        yield f"  kept         {outcome.kept}"
