"""Bugs to plant, one at a time: what the simulation has to notice, and by which invariants it may."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

from stream_reconcile.broker.rest import RestClient
from stream_reconcile.core import fills, fold, gaps
from stream_reconcile.core.cursors import Span
from stream_reconcile.core.errors import BrokerUnreachable
from stream_reconcile.core.gaps import Entry, GapTracker
from stream_reconcile.core.merge import beats
from stream_reconcile.core.observation import Observation
from stream_reconcile.core.rewind import Facts, Step, Verdict, rewind_step
from stream_reconcile.core.rewind_target import Target
from stream_reconcile.jobs import rewind
from stream_reconcile.jobs.apply import positions
from stream_reconcile.jobs.sweep import barrier
from stream_reconcile.store.batch import CursorMove

from . import alpaca, comparer, statements_cursors, writer
from .database import Database
from .tables import CursorRow

_ABSENT: Final = object()


class Bug(NamedTuple):
    """`faults`: kinds that bring it out; none: any. `patches`: what is put in the place of what: module or class, name,
    value."""

    name: str
    what: str
    caught_by: frozenset[str]
    faults: tuple[str, ...]
    patches: tuple[tuple[Any, str, Any], ...]
    example: str = ""
    """Of `regressions`, what is tried first."""


@contextlib.contextmanager
def planted(bug: Bug | None) -> Iterator[None]:
    """While it lasts, the bug is there."""
    patches = () if bug is None else bug.patches
    before = [(place, name, place.__dict__.get(name, _ABSENT)) for place, name, _value in patches]
    try:
        for place, name, value in patches:
            setattr(place, name, value)
        yield
    finally:
        for place, name, value in before:
            if value is _ABSENT:  # it was a base class's
                delattr(place, name)
            else:
                setattr(place, name, value)


def _topic_id_only(row: CursorRow | None, move: CursorMove, _owner: str) -> bool:
    return row is not None and row.cursor.topic_id == move.topic_id


def _no_epoch(row: CursorRow | None, move: CursorMove, _owner: str) -> bool:
    return row is not None and (row.cursor.next_offset, row.cursor.topic_id) == (move.expected, move.topic_id)


def _first_place_wins(a: Observation, b: Observation) -> bool:
    if a.version_ns != b.version_ns:
        return a.version_ns > b.version_ns
    return (a.topic, a.partition, a.offset) < (b.topic, b.partition, b.offset)


def _frames_beat_snapshots(a: Observation, b: Observation) -> bool:
    if a.version_ns == b.version_ns and bool(a.snapshot_ns) != bool(b.snapshot_ns):
        return not a.snapshot_ns
    return beats(a, b)


def _forward(target: Target, facts: Facts) -> Step:
    step = rewind_step(target, facts)
    if facts.cursor is None or step.verdict is Verdict.REFUSED:
        return step
    at = facts.cursor
    return step._replace(
        verdict=Verdict.MOVES, old=at.next_offset, new=facts.high + 2, epoch=at.epoch, topic_id=at.topic_id
    )


_order, _by_client_id, _orders = (RestClient.order, RestClient.order_by_client_id, alpaca.ModelRest.orders)


def _no_order(rest: Any, order_id: str, **options: Any) -> Any:
    try:
        return _order(rest, order_id, **options)
    except BrokerUnreachable:
        return None


def _no_client_order(rest: Any, client_order_id: str) -> Any:
    try:
        return _by_client_id(rest, client_order_id)
    except BrokerUnreachable:
        return None


def _pages_until_an_error(rest: Any, **options: Any) -> Iterator[Any]:
    with contextlib.suppress(BrokerUnreachable):
        yield from _orders(rest, **options)


_init, _taken = GapTracker.__init__, GapTracker.taken


def _without_window_at_start(tracker: GapTracker, *args: Any) -> None:
    _init(tracker, *args)
    if tracker._stored is not None:
        tracker._due = None


def _without_window(_tracker: GapTracker, _reason: Any) -> None:
    return None


def _good_before_acknowledged(tracker: GapTracker, entry: Entry) -> None:
    _taken(tracker, entry)
    if entry.broker_ns is not None:
        tracker._candidate = max(entry.broker_ns, tracker._candidate or 0)


def _with_holes(expected: int, offsets: Any) -> Span:
    start = next((n for n, offset in enumerate(offsets) if offset >= expected), len(offsets))
    return Span(slice(start, len(offsets)), None)


def _nothing_pairs(_frames: Iterable[Any], _activities: Iterable[Any]) -> dict[str, str]:
    return {}


def _none_where_none_is_filled(db: Database, o: Observation) -> Decimal:
    return db.tables.net((o.order_id, o.account_id)) if Decimal(o.filled_qty or 0) else Decimal(0)


def _bug(name: str, what: str, caught_by: str, faults: str, *patches: tuple[Any, str, Any]) -> Bug:
    return Bug(name, what, frozenset(caught_by.split()), tuple(faults.split()), patches)


_EXAMPLES: Final = {"none_filled": "all_taken_back_and_no_frame", "holes_ignored": "bursts_and_unknown_commits"}
BUGS: Final[dict[str, Bug]] = {
    bug.name: bug._replace(example=_EXAMPLES.get(bug.name, ""))
    for bug in (
        _bug(
            "no_fence", "a commit moves the cursor wherever it stands, and whoever owns it", "I4 I3",
            "",
            (writer, "fence_allows", _topic_id_only),
        ),
        _bug(
            "no_epoch", "a commit compares the offset, neither owner nor epoch", "I4 I3",
            "stolen cut_from_group",
            (writer, "fence_allows", _no_epoch),
        ),
        _bug(
            "cursor_apart", "rows are committed first, the cursors in a transaction of their own", "I3 I4",
            "kill",
            (writer.ModelWriter, "apart", True),
        ),
        _bug(
            "holes_ignored", "a run of records may have holes: what a seek left over is applied", "I3",
            "unknown_commit postgres_down",
            (positions, "contiguous", _with_holes),
        ),
        _bug(
            "no_version_guard", "the newest to arrive is the row", "I2 I10",
            "",
            (writer, "is_newer", lambda _new, _row: True),
        ),
        _bug(
            "wrong_tie_rule", "of equal versions in a batch, the first in the log wins", "I2",
            "",
            (fold, "beats", _first_place_wins),
        ),
        _bug(
            "frame_above_snapshot", "of equal versions, a frame is above a snapshot in the fold and in the row", "I2",
            "socket_mute frames_late",
            (fold, "beats", _frames_beat_snapshots), (writer, "is_newer", _frames_beat_snapshots),
        ),
        _bug(
            "no_barrier", "a sweep does not wait until apply has passed what is in the log", "I6 I9 I1",
            "stop kill",
            (barrier.Barrier, "wait", lambda self, marks=None: self.mark() if marks is None else marks),
            (barrier.Barrier, "is_passed", lambda _self, _marks: True),
        ),
        _bug(
            "absence_from_errors", "an order that could not be asked for, or is on a page that did not come, is absent",
            "I6 I1", "rest_down rest_cut socket_mute",
            (alpaca.ModelRest, "order", _no_order), (alpaca.ModelRest, "order_by_client_id", _no_client_order),
            (alpaca.ModelRest, "orders", _pages_until_an_error),
        ),
        _bug(
            "lease_not_compared", "whoever had the lease once writes as if it were still so", "I4",
            "stop",
            (statements_cursors, "lease_is", lambda held, _values: held is not None),
        ),
        _bug(
            "rewind_forward", "a rewind may move a cursor forward", "I3",
            "rewind",
            (rewind, "rewind_step", _forward), (statements_cursors, "back_to", lambda _at, wanted: wanted),
        ),
        _bug(
            "no_windows", "ingest opens no window but its very first", "I8",
            "kill stop socket_refused",
            (gaps.GapTracker, "__init__", _without_window_at_start),
            (gaps.GapTracker, "_request", _without_window),
        ),
        _bug(
            "good_until_ahead", "good_until follows what was read, not what Kafka acknowledged", "I8",
            "kafka_down kill",
            (gaps.GapTracker, "taken", _good_before_acknowledged),
        ),
        _bug(
            "nothing_pairs", "an activity never tells of the execution that a frame told of", "equal I9",
            "socket_mute frames_lost frames_late",
            (fills, "pair", _nothing_pairs),
        ),
        _bug(
            "none_filled", "of an order without fills at the broker ours are not looked at", "I9 equal",
            "frames_lost socket_mute",
            (comparer, "net_of", _none_where_none_is_filled),
        ),
    )
}  # fmt: skip
