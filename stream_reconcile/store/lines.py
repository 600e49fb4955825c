"""A fold → lines of COPY text, without their ends."""

from __future__ import annotations

from stream_reconcile.core.evidence import Execution
from stream_reconcile.core.fold import Fold
from stream_reconcile.core.observation import Observation
from stream_reconcile.core.wire.orders import escape
from stream_reconcile.store.rows import moment


def event_lines(fold: Fold) -> list[str]:
    """Lines of COPY text (without their ends) for `order_events`, one per distinct observation."""
    return [o.line for o in fold.events.values()]


def observed_lines(fold: Fold) -> list[str]:
    """Lines for the table `observed`: all observations, winners marked."""
    winners = {o.event_key for o in fold.winners.values()}
    return [f"{o.line}\t{'t' if key in winners else 'f'}" for key, o in fold.events.items()]


def named_lines(fold: Fold) -> list[str]:
    """Lines for the table `named`: the winners, in key order."""
    winners = fold.winners
    lines = []
    for order in sorted(winners):
        o = winners[order]
        account_and_order = o.line[: o.line.index("\t", len(o.account_id) + 1)]
        lines.append(
            f"{account_and_order}\t{o.event_key}\t{o.source}\t{o.snapshot_ns}\t{o.stated}\t{o.status_rank}\t{o.topic}"
            f"\t{o.partition}\t{o.offset}"
        )
    return lines


def fill_lines(fold: Fold) -> list[str]:
    """Lines of COPY text for `fills` (`FILL_COLUMNS`): each fill frame and leg that counts."""
    return [fill.fill or "" if isinstance(fill, Observation) else _leg_line(fill) for fill in fold.fills.values()]


def _leg_line(leg: Execution) -> str:
    order_id, execution_id, symbol, side = map(escape, (leg.order_id, leg.execution_id, leg.symbol, leg.side))
    place = leg.coordinates
    return (
        f"{leg.account_id}\t{order_id}\tx:{execution_id}\t{execution_id}\t{symbol}\t{side}\t{leg.qty:f}\t{leg.price:f}"
        f"\t{moment(leg.transacted_at_ns).isoformat()}\ttrade\tstream\t{place.topic}\t{place.partition}\t{place.offset}"
    )
