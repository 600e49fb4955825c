"""A batch of records folded to what has to be written: distinct observations, one winner per order, fills, evidence.

Pure, and a function of the set of records: the order in which they are added makes no difference (I2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, TypeAlias

from stream_reconcile.core.evidence import Coordinates, Evidence, Execution, is_leg
from stream_reconcile.core.lives import FIRST_CURIOUS_RANK, REPLACE_REFUSED, is_curious
from stream_reconcile.core.merge import ParentStatement, beats, newer_parent, sighted_again
from stream_reconcile.core.observation import Observation, Parsed

OrderKey: TypeAlias = tuple[str, str]
"""(broker order id, account id): the primary key of `executions`, in its order."""
Recent: TypeAlias = Mapping[str, Observation]
"""Observations that are in the history already or on their way there, by event key."""
_NONE: Final[Recent] = MappingProxyType({})
_NOWHERE: Final = Coordinates("", 0, 0)


class Fold:
    """Observations and evidence of a batch. Add records, then read the attributes.

    A frame in `recent`, seen again further on in its partition, says nothing new and is only counted.
    """

    def __init__(self, recent: Recent = _NONE) -> None:
        self._recent = recent
        self.events: dict[str, Observation] = {}
        """Distinct observations by event key, each at its first place in the log."""
        self.winners: dict[OrderKey, Observation] = {}
        """The greatest observation of each order named."""
        self.mixed: set[OrderKey] = set()
        """Orders to be merged from their whole history: observations here do not all state the same fields, or
        several are snapshots (one that loses here may be another sight of the one that made the row)."""
        self.parents: dict[OrderKey, ParentStatement] = {}
        """Newest statement of a parent, of each order read inside one here."""
        self.fills: dict[tuple[str, str], Observation | Execution] = {}
        """Fill frames and legs of multi-leg fills by (execution id, account id): the first in the log."""
        self.disputed: set[OrderKey] = set()
        """Orders of which one execution is stated here in different ways: to be looked at with all evidence (B4)."""
        self.curious: set[OrderKey] = set()
        """Orders of which two observations here make a step that deserves a look (`core.lives`)."""
        self.refusals: list[Observation] = []
        """Frames that say that a replace was refused (D3)."""
        self.evidence: list[tuple[Evidence, int]] = []
        """Statements beyond plain fill frames, each with the Kafka timestamp of its record, ms since the epoch."""
        self.duplicates = 0
        """Observations that had been added before."""

    def add(self, parsed: Parsed, known_at_ms: int) -> None:
        """Take in what one record says; `known_at_ms` is its Kafka timestamp, ms since the epoch."""
        for observation in parsed.observations:
            self.observe(observation)
        for evidence in parsed.evidence:
            self.evidence.append((evidence, known_at_ms))
            if is_leg(evidence):
                self._fill(evidence)

    def observe(self, o: Observation) -> None:
        """Take in one observation."""
        key = o.event_key
        known = self.events.get(key)
        if known is not None:
            self.duplicates += 1
            o = sighted_again(known, o)
            if o is known:
                return
        elif key in self._recent and _comes_later(o, self._recent[key]):
            self.duplicates += 1
            return
        self.events[key] = o
        if o.event == REPLACE_REFUSED:
            self.refusals.append(o)
        order = (o.order_id, o.account_id)
        best = self.winners.get(order)
        if best is None or best is known:  # all that another sight changes makes the observation greater
            self.winners[order] = o
        else:
            if o.version_ns > best.version_ns or beats(o, best):
                self.winners[order] = o
                earlier, later = best.status_rank, o.status_rank
            else:
                earlier, later = o.status_rank, best.status_rank
            if earlier >= FIRST_CURIOUS_RANK and is_curious(earlier, later):
                self.curious.add(order)
            if o.stated != best.stated or (o.snapshot_ns and best.snapshot_ns):
                self.mixed.add(order)
        if o.parent_order_id is not None:
            statement = ParentStatement(o.version_ns, o.parent_order_id, o.ratio_qty)
            self.parents[order] = newer_parent(self.parents.get(order, statement), statement)
        if o.fill is not None:
            self._fill(o)

    def _fill(self, fill: Observation | Execution) -> None:
        execution = (fill.execution_id or "", fill.account_id)
        known = self.fills.get(execution)
        if known is None:
            self.fills[execution] = fill
            return
        if _said(known) != _said(fill):
            self.disputed |= {(known.order_id, known.account_id), (fill.order_id, fill.account_id)}
        if _place(fill) <= _place(known):
            self.fills[execution] = fill

    def evidence_orders(self) -> set[OrderKey]:
        """Orders that need a look at all of their evidence: there is other than fill frames and legs."""
        return {(e.order_id, e.account_id) for e, _known_at in self.evidence if not is_leg(e)}

    def without_observation(self) -> set[OrderKey]:
        """Orders that evidence here is about and no observation: they may have no row."""
        return {(e.order_id, e.account_id) for e, _known_at in self.evidence} - self.winners.keys()


def _comes_later(o: Observation, before: Observation) -> bool:
    """Whether a frame stands behind another one in the same partition."""
    return (
        not o.snapshot_ns and (o.topic, o.partition) == (before.topic, before.partition) and o.offset >= before.offset
    )


def _said(fill: Observation | Execution) -> object:
    """What is stated, wherever in the log."""
    return fill.event_key if isinstance(fill, Observation) else replace(fill, coordinates=_NOWHERE)


def _place(fill: Observation | Execution) -> tuple[str, int, int, int]:
    if isinstance(fill, Observation):
        return (fill.topic, fill.partition, fill.offset, 0)
    return fill.coordinates
