"""The account and its positions, read last: published, and held against the fills (E1, E3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import structlog

from stream_reconcile.broker.rest import Page
from stream_reconcile.core.errors import SweepIncomplete, WireError
from stream_reconcile.core.sums import EXACT, total
from stream_reconcile.core.sweep.positions import (
    UNSEEN,
    Judged,
    Known,
    Movement,
    Reading,
    Verdict,
    counted,
    explaining,
    judged,
    normal,
)
from stream_reconcile.core.timestamps import ns_text
from stream_reconcile.core.wire.holdings import parse_movement, parse_position
from stream_reconcile.jobs.sweep.publish import Finding
from stream_reconcile.store.discrepancies import Findings
from stream_reconcile.store.positions import Moves, PositionStore, Stored
from stream_reconcile.store.sweeps import Run

if TYPE_CHECKING:
    from stream_reconcile.jobs.sweep.activities import ActivityReader
    from stream_reconcile.jobs.sweep.run import Tools

log = structlog.get_logger()

_DRIFT: Final = "position_drift"
_ACTION: Final = "corporate_action"
_MS: Final = 1_000_000
_NOTHING: Final = Decimal(0)

# What may change a quantity without a fill: fees in coins, transfers, splits and the like, what becomes of options.
_TYPES: Final = (
    "CFEE", "ACATS", "JNL", "JNLS", "FOPT", "TRANS", "PTC", "SPLIT", "SPIN", "MA", "NC", "REORG", "OPASN", "OPEXC",
    "OPEXP", "OPCA", "OPTRD", "EXTRD",
)  # fmt: skip


class PositionCheck:
    """Of one sweep, at its end. `between`: a more urgent sweep may run there, while we wait."""

    def __init__(
        self,
        tools: Tools,
        run: Run,
        activities: ActivityReader,
        publish: Callable[[Iterable[Finding]], None],
        between: Callable[[], None],
    ) -> None:
        self._tools, self._run, self._activities = tools, run, activities
        self._publish, self._between = publish, between
        self._store = PositionStore(tools.connection, tools.account_id)
        self._apart_s = tools.config.timing.graces.apart_s

    def check(self) -> None:
        """Read and judge; where something is not settled, wait until a second reading counts, and do it once more.

        Raises SweepIncomplete where what was read can't be understood, or when told to stop.
        """
        verdicts = self._look()
        unsettled = {symbol for symbol, verdict in verdicts.items() if verdict in (Verdict.WAITS, Verdict.MISFIT)}
        if unsettled - {UNSEEN}:
            self._wait()
            if Verdict.MISFIT in verdicts.values():
                self._look_for_fills()
            self._look()

    def _wait(self) -> None:
        """Until the next reading is far enough from the last one."""
        deadline = time.monotonic() + self._apart_s + 0.01
        while (left := deadline - time.monotonic()) > 0:
            if self._tools.halt.wait(min(left, self._tools.config.timing.look_every_s)):
                raise SweepIncomplete("the sweep was told to stop")
            self._between()

    def _look_for_fills(self) -> None:
        """Fills that the stream lost come before any other explanation (B1)."""
        self._activities.read(datetime.now(UTC) - timedelta(seconds=self._tools.config.timing.activity_overlap_s))
        self._activities.settle()

    def _look(self) -> dict[str, Verdict]:
        """One reading of all, from the request to what is written; gives the verdicts by symbol."""
        tools = self._tools
        account, page = tools.client.account(), tools.client.positions()
        topic = tools.config.topics.account_snapshots
        whole = b"[" + b",".join(page.items) + b"]"
        self._publish(
            [
                Finding(topic, "account", "", account.received_at_ns, account.raw),
                Finding(topic, "positions", "", page.received_at_ns, whole),
            ]
        )
        tools.barrier.wait()
        at_ns = page.received_at_ns // _MS * _MS
        held, coins = _held(page)
        stored, accepted = self._store.known(), self._store.accepted()
        unseen = stored.get(UNSEEN, Stored(Known(UNSEEN), None))
        since = {UNSEEN: unseen.known.since_ns} | {symbol: one.known.since_ns for symbol, one in stored.items()}
        moves = self._store.moves(since, at_ns - round(self._apart_s * 1e9))
        readings: dict[str, Reading] = {}
        judgements: dict[str, Judged] = {}
        for symbol in sorted({*held, *stored, *moves, UNSEEN}):
            known = stored[symbol].known if symbol in stored else replace(unseen.known, symbol=symbol)
            if known.agreed and accepted.get(symbol, 0) > (known.since_ns or 0):
                known = Known(symbol)  # a person said that what is held is right
            of_symbol = moves.get(symbol, Moves(symbol, []))
            crypto = known.crypto or symbol in coins or "/" in of_symbol.order_symbol
            readings[symbol] = Reading(held.get(symbol, _NOTHING), at_ns)
            judgements[symbol] = judged(
                replace(known, crypto=crypto),
                readings[symbol],
                of_symbol.moves,
                window_s=self._apart_s,
                apart_s=self._apart_s,
            )
        return self._conclude(readings, judgements, moves, stored, accepted)

    def _conclude(
        self,
        readings: dict[str, Reading],
        judgements: dict[str, Judged],
        moves: dict[str, Moves],
        stored: dict[str, Stored],
        accepted: dict[str, int],
    ) -> dict[str, Verdict]:
        tools, findings = self._tools, Findings()
        explained = self._explained(judgements, stored)
        verdicts: dict[str, Verdict] = {}
        with tools.store.holding():
            already = {normal(subject): subject for subject in self._store.open_drifts()}
            # What a person accepted while we read is neither opened again nor explained: a baseline begins anew.
            since = {s for s, at in self._store.accepted().items() if accepted.get(s) != at} & judgements.keys()
            for symbol in since:
                explained.pop(symbol, None)
                judgements[symbol] = judgements[symbol]._replace(known=Known(symbol), verdict=Verdict.WAITS)
            for symbol, judgement in judgements.items():
                known, verdict, movements = judgement.known, judgement.verdict, explained.get(symbol, [])
                subject = already.get(symbol) or (moves[symbol].order_symbol if symbol in moves else symbol)
                if movements:
                    known, verdict = counted(known, movements), Verdict.FITS
                    self._store.count(movements, self._run.sweep_id)
                    actions = [movement for movement in movements if not movement.is_fee]
                    if actions:
                        findings.open(tools.account_id, _ACTION, subject, _action(actions, readings[symbol]))
                        findings.close(tools.account_id, _ACTION, subject)
                if verdict is Verdict.DRIFT:
                    findings.open(tools.account_id, _DRIFT, subject, _drift(judgement, readings[symbol]))
                elif verdict is not Verdict.MISFIT and symbol in already:
                    findings.close(tools.account_id, _DRIFT, already[symbol])
                self._store.save(known, readings[symbol], fitted=verdict is Verdict.FITS)
                verdicts[symbol] = verdict
            tools.store.write(findings, self._run, resolution="the position follows from the fills and activities")
        drifts = [symbol for symbol, verdict in verdicts.items() if verdict is Verdict.DRIFT]
        if drifts:
            log.warning("positions_drift", account_id=tools.account_id, symbols=drifts)
        return verdicts

    def _explained(self, judgements: dict[str, Judged], stored: dict[str, Stored]) -> dict[str, list[Movement]]:
        """Activities other than fills that account for what the fills do not; read only where something is left."""
        doubtful = {s: one for s, one in judgements.items() if one.verdict in (Verdict.DRIFT, Verdict.FEE)}
        if not doubtful:
            return {}
        times = [stored[s].fitted_ns if s in stored else None for s in doubtful]
        begin_ns = min(t or one.known.since_ns or 0 for t, one in zip(times, doubtful.values(), strict=True))
        overlap_ns = round(self._tools.config.timing.deep_activity_overlap_s * 1e9)
        listed: dict[str, list[Movement]] = {}
        for page in self._tools.client.activities(types=_TYPES, after_ns=max(0, begin_ns - overlap_ns)):
            for movement in _movements(page):
                listed.setdefault(movement.symbol, []).append(movement)
        ids = [movement.activity_id for symbol in doubtful for movement in listed.get(symbol, [])]
        known = self._store.counted(ids)
        return {
            symbol: explaining(one, [m for m in listed.get(symbol, []) if m.activity_id not in known])
            for symbol, one in doubtful.items()
        }


def _held(page: Page) -> tuple[dict[str, Decimal], set[str]]:
    """Quantities by normal symbol, and which of these are coins. Raises SweepIncomplete."""
    held: dict[str, Decimal] = {}
    coins: set[str] = set()
    for raw in page.items:
        try:
            one = parse_position(raw)
        except WireError as error:
            raise SweepIncomplete(f"a position could not be read ({error}): none is judged") from None
        symbol = normal(one.symbol)
        held[symbol] = EXACT.add(held.get(symbol, _NOTHING), one.qty)
        if one.is_crypto:
            coins.add(symbol)
    return held, coins


def _movements(page: Page) -> list[Movement]:
    found: list[Movement] = []
    for raw in page.items:
        try:
            movement = parse_movement(raw)
        except WireError as error:
            log.warning("activity_not_readable", why=str(error))
            continue
        if movement is not None:
            found.append(movement)
    return found


def _drift(judgement: Judged, reading: Reading) -> dict[str, Any]:
    known, since = judgement.known, judgement.known.since_ns or 0
    expected = EXACT.subtract(reading.qty, judgement.beyond[0])
    baseline = {"qty": _text(known.baseline or _NOTHING), "at": ns_text(since)}
    return {
        "broker": {"qty": _text(reading.qty), "at": ns_text(reading.at_ns)},
        "ours": {"qty": _text(expected), "baseline": baseline, "adjusted_qty": _text(known.adjusted)},
    }


def _action(movements: list[Movement], reading: Reading) -> dict[str, Any]:
    activities = [{"id": m.activity_id, "type": m.activity_type, "qty": _text(m.qty)} for m in movements]
    return {
        "broker": {"qty": _text(reading.qty), "activities": activities},
        "ours": {"adjusted_by": _text(total(movement.qty for movement in movements))},
    }


def _text(number: Decimal) -> str:
    return format(number.normalize(), "f")
