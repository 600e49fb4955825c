"""Ids that the broker can't be asked for: each is told once, and nothing follows from it (I6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from stream_reconcile.core.errors import NotAskable
from stream_reconcile.core.sweep.compared import shown_id

if TYPE_CHECKING:
    from stream_reconcile.jobs.sweep.run import Tools

log = structlog.get_logger()


def tell_not_askable(tools: Tools, an_id: str, why: NotAskable) -> None:
    """Once for each id; what it names stays as it is."""
    if an_id not in tools.told_not_askable:
        tools.told_not_askable.add(an_id)
        log.warning("id_not_askable", account_id=tools.account_id, id=shown_id(an_id), why=str(why))
