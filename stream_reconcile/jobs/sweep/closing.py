"""What a sweep concludes of orders at its end: one is not at the broker (C5), what was wrong is so no more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from stream_reconcile.core.sweep.compared import ASKED_AGAIN, SELF_CLOSING, found_in
from stream_reconcile.jobs.sweep.examine import Examiner
from stream_reconcile.store.discrepancies import Findings
from stream_reconcile.store.sweeps import NotFound

if TYPE_CHECKING:
    from stream_reconcile.jobs.sweep.run import Tools


def conclude_absence(tools: Tools, examiner: Examiner, findings: Findings, absent: Mapping[str, NotFound]) -> None:
    """C5, of what no answer has named since either."""
    apart_s = tools.config.timing.graces.apart_s
    still = {order_id: said for order_id, said in absent.items() if order_id in examiner.unnamed}
    absences = tools.store.note_absences(still, id_kind="order", apart_s=apart_s)
    for order_id, absence in absences.items():
        if absence.times > 1:
            broker = {"absent": True, "since": absence.since.isoformat()}
            evidence = {"broker": broker, "ours": {"order_id": order_id}}
            findings.open(tools.account_id, "missing_at_broker", order_id, evidence)


def close_what_agrees(tools: Tools, examiner: Examiner, findings: Findings, *, began: datetime, now_s: float) -> None:
    """What was read again and is not wrong any more, be it found by this sweep or by one before.

    Not what was found since this one `began`, by one that ran between two of its pages: the order was read before that.
    """
    graces, settled = tools.config.timing.graces, {one.order_id: one for one in examiner.settled}
    wrong = {(found.type, found.subject) for one in examiner.settled for found in found_in(one, now_s, graces)}
    wrong |= {(found.type, found.subject) for found in examiner.found if found.subject not in settled}
    opened = {(kind, subject) for _account, kind, subject in findings.opened if kind in SELF_CLOSING}
    for kind, subject in tools.store.open_before(SELF_CLOSING, began) | opened:
        read = subject in examiner.seen_again or (subject in settled and kind not in ASKED_AGAIN)
        if read and (kind, subject) not in wrong:
            findings.close(tools.account_id, kind, subject)
