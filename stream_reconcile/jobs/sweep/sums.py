"""Sums that do not agree, once the activities were read and applied: apply judges frames, the sweep what REST says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stream_reconcile.core.sweep.sums import CLOSED_BY_SUMS, off
from stream_reconcile.jobs.sweep.examine import Examiner
from stream_reconcile.store.comparison import Comparer
from stream_reconcile.store.discrepancies import Findings

if TYPE_CHECKING:
    from stream_reconcile.jobs.sweep.run import Tools


def check_sums(
    tools: Tools, comparer: Comparer, examiner: Examiner, findings: Findings, published: set[str]
) -> set[str]:
    """Open and close B1, B7 and B8; gives the orders that don't add up, within their grace or not.

    Such an order is not proven equal, whatever stands open. `published`: orders of which this sweep has published
    activities, after their rows were compared: a correction that only its activity tells of makes too many fills of it.
    """
    standing = tools.store.open_of(CLOSED_BY_SUMS)
    suspects, late = examiner.unsure(time.time())
    wrong = {
        one.order_id: one for one in off(comparer.sums(suspects | published | {subject for _kind, subject in standing}))
    }
    for order_id, one in wrong.items():
        for kind in one.types:
            if order_id in late or (kind, order_id) in standing:
                findings.open(tools.account_id, kind, order_id, one.evidence)
    for kind, order_id in standing:
        if order_id not in wrong or kind not in wrong[order_id].types:
            findings.close(tools.account_id, kind, order_id)
    return {order_id for order_id, one in wrong.items() if set(one.types) & set(CLOSED_BY_SUMS)}


def check_residuals(tools: Tools, comparer: Comparer, findings: Findings) -> None:
    """Close B2 where the real executions have come and reversed what stood for them."""
    standing = tools.store.open_of(["unexplained_fill"])
    left = comparer.standing_residuals(subject for _kind, subject in standing)
    for kind, order_id in standing:
        if order_id not in left:
            findings.close(tools.account_id, kind, order_id)
