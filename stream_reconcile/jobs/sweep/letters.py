"""Records that apply could not read (F2): what they said is read again at the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stream_reconcile.core.sweep.schedule import Kind
from stream_reconcile.store.comparison import Comparer, Letter
from stream_reconcile.store.discrepancies import Findings
from stream_reconcile.store.sweeps import GAP_OVERLAP, Run

if TYPE_CHECKING:
    from stream_reconcile.jobs.sweep.run import Tools

_MOST: Final = 200


class LetterCheck:
    """Of one sweep, which reads all from `run.window_start`."""

    def __init__(self, tools: Tools, comparer: Comparer, run: Run, kind: Kind) -> None:
        self._tools, self._run, self._kind = tools, run, kind
        self._letters = comparer.letters(tools.letters_of, _MOST)

    @property
    def orders(self) -> list[str]:
        """Those that they name, oldest letter first."""
        return list(dict.fromkeys(letter.order_id for letter in self._letters if letter.order_id))

    def conclude(self, read: set[str], *, unchecked: int) -> None:
        """After a complete read, by which our rows have all that it read; `read`: orders asked for that were found;
        `unchecked`: how much there was of which it knows nothing."""
        account = self._tools.account_id
        named, covered = Findings(), Findings()
        for letter in self._letters:
            if letter.order_id in read and letter.account_id == account:
                named.close(letter.account_id, "undecodable", letter.subject)
            elif self._covers(letter) and not unchecked:
                covered.close(letter.account_id, "undecodable", letter.subject)
        store = self._tools.store
        store.write(named, self._run, resolution="its order was read again at the broker")
        store.write(covered, self._run, resolution="a complete sweep has read all of its time again")

    def _covers(self, letter: Letter) -> bool:
        if self._kind is Kind.FULL:
            return letter.recorded_at <= self._run.started_at
        return self._run.window_start <= letter.known_at - GAP_OVERLAP and letter.recorded_at <= self._run.started_at
