"""The kinds of discrepancy: what each means, what to do about it, what closes it, and whether it blocks a proof.

One row per `type` of the table `discrepancies`; `code` is its number in the list that the sweep's rules follow. The
broker wins on what was executed; the database wins on what was intended.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

Closes: TypeAlias = Literal["self", "person", "either"]


class DiscrepancyType(NamedTuple):
    """A kind of discrepancy, in words for people."""

    code: str
    name: str
    means: str
    advice: str
    closes: Closes
    """`self`: when the two sides agree again; `person`: it stays until somebody accepts it; `either`: whichever."""
    blocks_proof: bool
    """While it is open, nothing that it touches is proved equal."""


_TYPES: Final = (
    DiscrepancyType(
        "A1",
        "ambiguous_submit",
        "a decision is past its submit grace, and its order is not found",
        "Do not submit it again. It is looked up by its client order id until it is bound, or its absence is proved. "
        "If the evidence says that the id can't be asked for, look for the order at the broker yourself.",
        "self",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "A2",
        "not_placed",
        "the broker does not have the order of a decision: its absence is proved",
        "Decide whether to submit anew, with a new decision, then accept this. It may still become bound.",
        "person",
        blocks_proof=False,
    ),
    DiscrepancyType(
        "A3",
        "duplicate_client_id",
        "an order has the client order id of a decision, and another symbol, side or size",
        "Nothing is bound. Find out who submitted under this id, and accept; one id belongs to one decision.",
        "person",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "A4",
        "unrecorded_order",
        "a decided order was found by a sweep only, the stream never told of it",
        "Nothing to do: the order is in the tables with the origin recovered, bound to its decision.",
        "self",
        blocks_proof=False,
    ),
    DiscrepancyType(
        "A5",
        "external_order",
        "no decision names this order",
        "Ask who placed it (by hand, another program, one that records no decisions), and accept. It is never "
        "canceled or adopted by itself.",
        "person",
        blocks_proof=False,
    ),
    DiscrepancyType(
        "A6",
        "parameter_drift",
        "limit, time in force or quantity are not as decided, and no replace says why",
        "The row has the broker's value, the decision keeps its own. Look who changed the order, and accept.",
        "person",
        blocks_proof=False,
    ),
    DiscrepancyType(
        "B1",
        "missing_fill",
        "the fills recorded are fewer than the broker's filled quantity",
        "Wait: the FILL activities of this order are read and the real ones inserted. If it stays, look at them at the "
        "broker.",
        "self",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "B2",
        "unexplained_fill",
        "the filled quantity is known, and no activity explains it",
        "A residual stands for it, at the price that the average implies, until the real fills reverse it. If they do "
        "not come, ask the broker for the executions of this order.",
        "self",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "B4",
        "conflicting_fill",
        "one execution was told with two contents",
        "Both are kept, the first counts. Ask the broker which holds; a correction of the broker closes it.",
        "self",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "B7",
        "excess_fill",
        "the fills recorded are more than the broker's filled quantity",
        "Look for a bust, a residual, a stale snapshot, or a frame and an activity that did not pair; it is reversed "
        "by an entry, never edited.",
        "self",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "B8",
        "overfill",
        "the broker filled more than was ordered",
        "The truth is recorded. Look at the position, talk to the broker, and accept.",
        "person",
        blocks_proof=False,
    ),
    DiscrepancyType(
        "B9",
        "trade_bust",
        "the broker took an execution back",
        "A reversing row is recorded; closes when the sums agree. Programs that acted on the fill should know.",
        "self",
        blocks_proof=False,
    ),
    DiscrepancyType(
        "B10",
        "trade_correct",
        "the broker corrected an execution",
        "Reversal and correction are recorded and linked; closes when the sums agree.",
        "self",
        blocks_proof=False,
    ),
    DiscrepancyType(
        "C2",
        "missed_terminal",
        "the order has ended at the broker, and is open here",
        "Wait: the broker's answer is published, and fills and state follow. If it stays, see `lag`, `dead-letters`.",
        "self",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "C3",
        "cancel_fill_race",
        "the order was filled after a cancel was asked for",
        "No error, and nothing to do: a program must not count on a cancel before it is told.",
        "self",
        blocks_proof=False,
    ),
    DiscrepancyType(
        "C4",
        "stuck_pending",
        "a cancel or replace is pending for longer than it should be",
        "It is asked again and left alone; no cancel is made up. If it lasts, ask the broker.",
        "self",
        blocks_proof=False,
    ),
    DiscrepancyType(
        "C5",
        "missing_at_broker",
        "the order is open here and in no list of the broker",
        "It is asked by its id. If the evidence says absent, the row keeps the broker's last word: ask the broker, "
        "then accept.",
        "either",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "C6",
        "impossible_regression",
        "the broker opened an order again that had ended",
        "The broker's answer is the row; it is asked again. Nothing to do unless it lasts.",
        "self",
        blocks_proof=False,
    ),
    DiscrepancyType(
        "D1",
        "broken_replace_chain",
        "an order was replaced, and its successor is not here",
        "Wait: the successor is fetched and linked. The old one is replaced, not canceled.",
        "self",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "D2",
        "fill_on_predecessor",
        "an order was filled after it had been replaced",
        "Booked on the old order; count a chain by its sum.",
        "self",
        blocks_proof=False,
    ),
    DiscrepancyType(
        "D3",
        "replace_rejected",
        "the broker refused a replace",
        "Nothing to do here: the old order stays live. A program that replaces has to see to it.",
        "self",
        blocks_proof=False,
    ),
    DiscrepancyType(
        "D4",
        "missing_leg",
        "the broker's order has legs that are not here",
        "Wait: the legs are fetched with their parent.",
        "self",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "E1",
        "position_drift",
        "a position changed by something else than the fills recorded",
        "Fills of this symbol are looked for first, then other activities (split, assignment, transfer, fee). If it "
        "stays, compare the account's activities with the fills; no order is made up.",
        "self",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "E3",
        "corporate_action",
        "an activity like a split or an assignment changed a position",
        "Nothing to do: an adjustment linked to it is recorded.",
        "self",
        blocks_proof=False,
    ),
    DiscrepancyType(
        "F1",
        "stream_gap",
        "frames may be missing in a window of time",
        "Wait: a gap sweep reads the window again from the broker. If it stays, see whether sweeps are complete.",
        "self",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "F2",
        "undecodable",
        "a record could not be applied and was put aside",
        "See it with `dead-letters show`. `dead-letters retry` applies it once what was wrong is put right; its order "
        "is also fetched where its id can be read.",
        "self",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "F3",
        "incomplete_sweep",
        "several sweeps in a row could not read everything",
        "What was read is kept, and nothing inferred from the rest. See the broker's answers (429, errors); others may "
        "be using up this key's requests.",
        "self",
        blocks_proof=False,
    ),
    DiscrepancyType(
        "F4",
        "cursor_mismatch",
        "the database is an older copy: restored, or failed over to one that lagged",
        "The database wins, and the log is read again from its cursor. Find out why it went back; what only it knew "
        "since then (decisions, what people did) may be gone.",
        "self",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "F5",
        "retention_loss",
        "the log no longer has what was to be read next: expired, or the topic was made anew",
        "A gap window is open, and sweeps rebuild as far as the broker's REST reaches. Put the retention right "
        "(`check` says what it is), then accept: nothing can prove what was in there.",
        "person",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "F6",
        "wrong_account",
        "the account behind the key is not the one that is pinned",
        "All jobs of the account have stopped, and nothing is written. Put the key right, or point the program at "
        "another database; then accept.",
        "person",
        blocks_proof=True,
    ),
    DiscrepancyType(
        "F7",
        "second_writer",
        "a process wrote with a stale epoch or lease and was refused",
        "Nothing was damaged. If it goes on, look for a second copy that should not run.",
        "self",
        blocks_proof=False,
    ),
)

TYPES: Final = {kind.name: kind for kind in _TYPES}

BLOCKS_PROOF: Final = frozenset(kind.name for kind in _TYPES if kind.blocks_proof)
"""Types that block a proof of equality while they are open; all others only tell a person something."""
