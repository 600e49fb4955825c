"""Says whether the tables are equal to the ground truth, and names each difference. It knows the two and nothing else.

Orders and fills are compared by `simulator.verdict`, against the broker's books; the rest by Postgres itself, against
what the frames said. Both read in pages, so memory stays flat whatever the size; all differences are counted, the first
of each kind are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from stream_reconcile.log.topics import Partition
from stream_reconcile.simulator.verdict import Difference, compare
from stream_reconcile.store.queries import parse

from .ground_truth import EVENT_COLUMNS, StoredTruth

_SQL: Final = parse((Path(__file__).parent / "checker.sql").read_text(encoding="utf-8"), "checker.sql")

LISTED_OF_A_KIND: Final = 100
"""One kind of difference in great numbers must not hide another."""

_UNPAIRED: Final = {
    "events_unpaired": "order_events",
    "events_repeated": "order_events",
    "evidence_unpaired": "fill_evidence",
    "findings_unpaired": "discrepancies",
    "dead_letters": "dead_letters",
}
_PAIRED: Final = {
    "event_pairs": ("order_events", (*EVENT_COLUMNS, "known_at")),
    "winner_pairs": (
        "executions",
        ("cancel_requested_at", "last_source", "last_topic", "last_partition", "last_offset", "origin", "decision_id"),
    ),
    "fill_pairs": (
        "fills",
        ("alpaca_order_id", "activity_id", "source", "topic", "partition", "offset", "transacted_at"),
    ),
    "evidence_pairs": ("fill_evidence", ("topic", "partition", "offset")),
}


class Fault(NamedTuple):
    """One difference. `kind` is missing, doubled, unknown (to the truth), or different (in `column`)."""

    kind: str
    table: str
    subject: str
    column: str = ""
    ours: str | None = None
    truth: str | None = None

    def __str__(self) -> str:
        what = f"{self.table}: {self.kind}: {self.subject}"
        return f"{what}: {self.column} is {self.ours}, should be {self.truth}" if self.column else what


@dataclass
class Report:
    """What was compared, and what differs."""

    orders: int = 0
    fills: int = 0
    events: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Differences by table and kind."""
    listed: list[Fault] = field(default_factory=list)

    @property
    def differences(self) -> int:
        return sum(self.counts.values())

    def add(self, fault: Fault) -> None:
        self.counts[fault.table, fault.kind] += 1
        if self.counts[fault.table, fault.kind] <= LISTED_OF_A_KIND:
            self.listed.append(fault)


def check(connection: psycopg.Connection[Any], *, account_id: str, group: str, ends: Mapping[Partition, int]) -> Report:
    """Compare everything. `ends`: how many records each partition holds. `connection` sees our schema first."""
    report = Report()
    with connection.transaction():
        connection.execute(_SQL["plan"])
        truth = StoredTruth(connection)
        report.events = truth.counts().events
        verdict = compare(connection, account_id, truth)
        report.orders, report.fills = verdict.orders, verdict.fills
        for difference in verdict.differences:
            report.add(_fault(connection, difference))
        if more := verdict.differing - len(verdict.differences):
            report.counts["executions and fills", "not told apart"] += more
        for query, table in _UNPAIRED.items():
            for kind, subject in _read(connection, sql.SQL(_SQL[query])):
                report.add(Fault(kind, table, subject))
        for query, (table, columns) in _PAIRED.items():
            for row in _read(connection, _differing(_SQL[query], columns)):
                report.add(Fault("different", table, *row))
        for table, subject in connection.execute(_SQL["other_accounts"], {"account_id": account_id}):
            report.add(Fault("doubled", table, f"{subject} of another account"))
        for fault in cursor_faults(connection, group, ends):
            report.add(fault)
    return report


def _fault(connection: psycopg.Connection[Any], difference: Difference) -> Fault:
    table, order_id, fill_key, column, ours, truth = difference
    subject = f"{order_id} {fill_key}".strip()
    if column != "row":
        return Fault("different", table, subject, column, ours, truth)
    if ours is None:
        return Fault("missing", table, subject)
    twin = connection.execute(_SQL["twin_of_fill"], {"order_id": order_id, "fill_key": fill_key}).fetchone()
    return Fault("doubled" if twin and twin[0] else "unknown", table, subject)


def _differing(pairs: str, columns: tuple[str, ...]) -> sql.Composed:
    """Subject, column, ours and truth of each column that differs in `pairs` (a FROM clause of aliases o and t)."""

    def listed(alias: str) -> sql.Composed:
        return sql.SQL(", ").join(sql.Identifier(alias, column) for column in columns)

    cells = [
        sql.SQL("({name}, {o}::text, {t}::text, {o} IS DISTINCT FROM {t})").format(
            name=sql.Literal(column), o=sql.Identifier("o", column), t=sql.Identifier("t", column)
        )
        for column in columns
    ]
    return sql.SQL(
        "SELECT concat_ws(' ', {subject}), d.name, d.ours, d.truth FROM {pairs}"
        " CROSS JOIN LATERAL (VALUES {cells}) AS d(name, ours, truth, differs)"
        " WHERE ({ours}) IS DISTINCT FROM ({truth}) AND d.differs"
    ).format(
        subject=_subject(pairs),
        pairs=sql.SQL(pairs),
        cells=sql.SQL(", ").join(cells),
        ours=listed("o"),
        truth=listed("t"),
    )


def _subject(pairs: str) -> sql.SQL:
    """What names a row besides its order: the event and its place, the fill's key, the evidence."""
    if "order_events" in pairs:
        return sql.SQL("o.alpaca_order_id, o.event, 'at', o.partition || ':' || o.\"offset\"")
    if "fill_key" in pairs:
        return sql.SQL("o.alpaca_order_id, fill_key")
    return sql.SQL("o.alpaca_order_id, o.kind, o.evidence_id" if "fill_evidence" in pairs else "o.alpaca_order_id")


def _read(connection: psycopg.Connection[Any], query: sql.SQL | sql.Composed) -> Iterator[tuple[Any, ...]]:
    with connection.cursor("checker") as cursor:
        yield from cursor.execute(query, {})


def cursor_faults(connection: psycopg.Connection[Any], group: str, ends: Mapping[Partition, int]) -> Iterator[Fault]:
    """Cursors that are not at the end of their partition."""
    table = "stream_cursors"
    rows = {
        Partition(topic, partition): offsets
        for topic, partition, *offsets in connection.execute(_SQL["cursors"], {"group": group})
    }
    for partition in sorted(ends.keys() | rows.keys()):
        subject = f"{partition.topic}:{partition.partition}"
        if partition not in rows:
            yield Fault("missing", table, subject)
        elif partition not in ends:
            yield Fault("unknown", table, subject)
        else:
            for column, ours in zip(("next_offset", "max_offset"), rows[partition], strict=True):
                if ours != ends[partition]:
                    yield Fault("different", table, subject, column, str(ours), str(ends[partition]))
