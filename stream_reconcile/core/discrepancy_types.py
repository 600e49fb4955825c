"""Which kinds of discrepancy block a proof of equality while they are open; all others only tell a person something."""

from __future__ import annotations

from typing import Final

BLOCKS_PROOF: Final = frozenset(
    {
        "ambiguous_submit",  # A1
        "duplicate_client_id",  # A3
        "missing_fill",  # B1
        "unexplained_fill",  # B2
        "conflicting_fill",  # B4
        "excess_fill",  # B7
        "missed_terminal",  # C2
        "missing_at_broker",  # C5
        "broken_replace_chain",  # D1
        "missing_leg",  # D4
        "position_drift",  # E1
        "stream_gap",  # F1
        "undecodable",  # F2
        "cursor_mismatch",  # F4
        "retention_loss",  # F5
        "wrong_account",  # F6
    }
)
