"""Decisions that have no order yet: asked for at the broker by client order id (A1, A2; I6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from stream_reconcile.broker.rest import Found
from stream_reconcile.core.errors import NotAskable
from stream_reconcile.jobs.sweep.not_askable import tell_not_askable
from stream_reconcile.store.comparison import Comparer, OpenDecision
from stream_reconcile.store.discrepancies import Findings
from stream_reconcile.store.sweeps import NotFound, Run

if TYPE_CHECKING:
    from stream_reconcile.jobs.sweep.run import Tools

_MOST: Final = 200


class DecisionCheck:
    """Of one sweep."""

    def __init__(self, tools: Tools, comparer: Comparer, run: Run) -> None:
        self._tools, self._comparer, self._run = tools, comparer, run
        self._absent: dict[str, tuple[OpenDecision, NotFound]] = {}
        self._sooner: list[OpenDecision] = []
        self._not_askable: list[tuple[OpenDecision, NotAskable]] = []
        self._there: list[str] = []

    def ask(self, take: Callable[[Found], None]) -> None:
        """Ask for each that is past its grace, or of which the trading program said that it does not know."""
        grace_s = self._tools.config.timing.graces.absence_s
        for decision in self._comparer.unresolved_decisions(grace_s, _MOST):
            doubtful = decision.submit_result == "ambiguous"
            if not decision.due and not doubtful:
                continue
            asked_at = self._tools.store.now()
            try:
                answer = self._tools.client.order_by_client_id(decision.client_order_id)
            except NotAskable as why:
                tell_not_askable(self._tools, decision.client_order_id, why)
                self._not_askable.append((decision, why))
                continue
            if answer is not None:
                take(answer)
                self._there.append(decision.client_order_id)
            elif decision.due:
                said = NotFound(asked_at, self._tools.store.now())
                self._absent[decision.client_order_id] = (decision, said)
            else:
                self._sooner.append(decision)

    def note_found(self) -> None:
        """What was found was so, whatever else could not be read."""
        self._tools.store.note_checks(self._run, self._there, id_kind="client")

    def conclude(self) -> None:
        """After a complete read: A1 at the first "not found", A2 at the second, both past the grace.

        Of an id that can't be asked for, A1 stays: no answer will ever say that there is no such order.
        """
        with self._tools.store.holding():  # a state whose finding was not written would be told to nobody
            self._conclude()

    def _conclude(self) -> None:
        tools, account = self._tools, self._tools.account_id
        findings = Findings()
        apart_s = tools.config.timing.graces.apart_s
        said = {client_id: when for client_id, (_decision, when) in self._absent.items()}
        absences = tools.store.note_absences(said, id_kind="client", apart_s=apart_s)
        for decision in self._sooner:
            self._unknown(decision, findings, "not found yet")
        for decision, why in self._not_askable:
            self._unknown(decision, findings, f"can't be asked: {why}")
        for client_id, (decision, _when) in self._absent.items():
            if (absence := absences.get(client_id)) is None:
                continue  # a sweep that began later has found it
            if absence.times > 1:
                if tools.store.set_decision(
                    decision.decision_id, "not_placed", before=("submitted", "planned", "unknown")
                ):
                    findings.open(account, "not_placed", client_id, _evidence(client_id, "never arrived"))
                    findings.close(account, "ambiguous_submit", client_id)
            else:
                self._unknown(decision, findings, "not found yet")
        standing = [client_id for _kind, client_id in tools.store.open_of(["ambiguous_submit"])]
        for client_id in self._comparer.answered_decisions(standing):
            findings.close(account, "ambiguous_submit", client_id)
        tools.store.write(findings, self._run, resolution="the broker's answer is known")

    def _unknown(self, decision: OpenDecision, findings: Findings, what: str) -> None:
        self._tools.store.set_decision(decision.decision_id, "unknown", before=("submitted", "planned"))
        client_id = decision.client_order_id
        findings.open(self._tools.account_id, "ambiguous_submit", client_id, _evidence(client_id, what))


def _evidence(client_order_id: str, what: str) -> dict[str, object]:
    return {"broker": {"by_client_order_id": what}, "ours": {"client_order_id": client_order_id}}
