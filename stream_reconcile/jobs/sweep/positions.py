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
    begun_anew,
    counted,
    explaining,
    normal,
    settled,
    taken,
)
from stream_reconcile.core.timestamps import ns_text
from stream_reconcile.core.wire.holdings import parse_movement, parse_position
from stream_reconcile.jobs.sweep.publish import Finding
from stream_reconcile.store.discrepancies import Findings
from stream_reconcile.store.positions import PositionStore, Stored
from stream_reconcile.store.sweeps import Run

if TYPE_CHECKING:
    from stream_reconcile.jobs.sweep.activities import ActivityReader
    from stream_reconcile.jobs.sweep.run import Tools

log = structlog.get_logger()

_DRIFT: Final = "position_drift"
_ACTION: Final = "corporate_action"
_MS: Final = 1_000_000
_NOTHING: Final = Decimal(0)
_EVER: Final = 1 << 63
_UNSETTLED: Final = (Verdict.WAITS, Verdict.MISFIT, Verdict.DRIFT)

# What may change a quantity without a fill: fees in coins, transfers, splits and the like, what becomes of options.
_TYPES: Final = (
    "CFEE", "ACATS", "JNL", "JNLS", "FOPT", "TRANS", "PTC", "SPLIT", "SPIN", "MA", "NC", "REORG", "OPASN", "OPEXC",
    "OPEXP", "OPCA", "OPTRD", "EXTRD",
)  # fmt: skip


class PositionCheck:
    """Of one sweep, at its end. `between`: a more urgent sweep may run there, while we wait. `off`: orders whose fills
    do not add up now: what is held of their symbols is judged when they do."""

    def __init__(
        self,
        tools: Tools,
        run: Run,
        activities: ActivityReader,
        publish: Callable[[Iterable[Finding]], None],
        between: Callable[[], None],
        off: Iterable[str],
    ) -> None:
        self._tools, self._run, self._activities = tools, run, activities
        self._publish, self._between = publish, between
        self._store = PositionStore(tools.connection, tools.account_id)
        self._off = self._store.symbols_of(off)
        self._coins: set[str] = set()
        self._apart_s = tools.config.timing.graces.apart_s

    def check(self) -> None:
        """Read, and judge what can be; where something is not settled, wait until it is, and read once more.

        Raises SweepIncomplete where what was read can't be understood, or when told to stop.
        """
        likely = self._judge(self._read())
        if any(one in _UNSETTLED for symbol, one in likely.items() if symbol != UNSEEN):
            self._again()
            if _misfits(self._store.known()):
                self._again()

    def follow(self) -> None:
        """Of a hot sweep: judge what is settled by now; read again where that does not follow from the fills."""
        stored = self._store.known()
        waiting = [reading for s, one in stored.items() if s not in self._off for reading in one.known.pending]
        if any(reading.at_ns <= self._settled_ns for reading in waiting):
            self._tools.barrier.wait()
            self._judge({})
            stored = self._store.known()
        newest_ns = max((one.last.at_ns for one in stored.values()), default=0)
        if _misfits(stored) and time.time_ns() - newest_ns >= self._apart_ns:
            self._judge(self._read())

    @property
    def _apart_ns(self) -> int:
        return round(self._apart_s * 1e9)

    @property
    def _settled_ns(self) -> int:
        """Readings up to then are judged: activities were read so much later."""
        return self._activities.read_at_ns - self._apart_ns

    def _again(self) -> None:
        self._wait()
        self._look_for_fills()
        self._judge(self._read())

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

    def _read(self) -> dict[str, Reading]:
        """The account and its positions, published and applied. What is held, by symbol; of UNSEEN ones nothing is."""
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
        held, self._coins = _held(page)
        return {UNSEEN: Reading(_NOTHING, at_ns)} | {symbol: Reading(qty, at_ns) for symbol, qty in held.items()}

    def _judge(self, read: dict[str, Reading]) -> dict[str, Verdict]:
        """Take what was read; judge and write what is settled. Gives what all readings would say as it is now."""
        stored, accepted = self._store.known(), self._store.accepted()
        unseen = stored[UNSEEN].known if UNSEEN in stored else Known(UNSEEN)
        since = {UNSEEN: unseen.since_ns} | {symbol: one.known.since_ns for symbol, one in stored.items()}
        moves = self._store.moves(since, self._earliest_ns(stored, read))
        knowns: dict[str, Known] = {}
        for symbol in sorted({*read, *stored, *moves, UNSEEN}):
            known = stored[symbol].known if symbol in stored else replace(unseen, symbol=symbol)
            if known.agreed and accepted.get(symbol, 0) > (known.since_ns or 0):
                known = begun_anew(known)  # a person said that what is held is right
            name = moves[symbol].order_symbol if symbol in moves else known.order_symbol
            known = replace(known, crypto=known.crypto or symbol in self._coins or "/" in name, order_symbol=name)
            knowns[symbol] = taken(known, read.get(symbol, read[UNSEEN])) if read else known
        judgements: dict[str, Judged] = {}
        likely: dict[str, Verdict] = {}
        for symbol, known in knowns.items():
            of_symbol = moves[symbol].moves if symbol in moves else []
            settled_ns = self._settled_ns if symbol not in self._off else 0
            for until_ns in (settled_ns, _EVER):
                one = settled(known, until_ns, of_symbol, window_s=self._apart_s, apart_s=self._apart_s)
                if one is not None and until_ns == _EVER:
                    likely[symbol] = one.verdict
                elif one is not None:
                    judgements[symbol] = one
        self._conclude(knowns, judgements, stored, accepted)
        return likely

    def _earliest_ns(self, stored: dict[str, Stored], read: dict[str, Reading]) -> int:
        """Begin of the earliest window that a reading may show which is judged now or again."""
        readings = [*read.values()]
        for one in stored.values():
            readings += [*one.known.pending, *([] if one.known.misfit is None else [one.known.misfit])]
        return min((reading.at_ns for reading in readings), default=time.time_ns()) - self._apart_ns

    def _conclude(
        self,
        knowns: dict[str, Known],
        judgements: dict[str, Judged],
        stored: dict[str, Stored],
        accepted: dict[str, int],
    ) -> None:
        tools, findings = self._tools, Findings()
        explained = self._explained(judgements, stored)
        drifts: list[str] = []
        with tools.store.holding():
            already = {normal(subject): subject for subject in self._store.open_drifts()}
            # What a person accepted while we read is neither opened again nor explained: a baseline begins anew.
            since = {symbol for symbol, at in self._store.accepted().items() if accepted.get(symbol) != at}
            for symbol, known in knowns.items():
                last = known.pending[-1] if known.pending else stored[symbol].last if symbol in stored else None
                if last is None:
                    continue  # traded since the last reading
                judgement = judgements.get(symbol)
                fitted_ns: int | None = None
                after = begun_anew(known) if symbol in since else known
                if symbol not in since and judgement is not None:
                    subject = already.get(symbol) or known.order_symbol or symbol
                    after, verdict = self._explain(judgement, explained.get(symbol, []), subject, findings)
                    if verdict is Verdict.DRIFT:
                        drifts.append(symbol)
                        findings.open(tools.account_id, _DRIFT, subject, _drift(judgement))
                    elif verdict is not Verdict.MISFIT and symbol in already:
                        findings.close(tools.account_id, _DRIFT, already[symbol])
                    fitted_ns = judgement.reading.at_ns if verdict is Verdict.FITS else None
                self._store.save(after, last, fitted_ns=fitted_ns)
            tools.store.write(findings, self._run, resolution="the position follows from the fills and activities")
        if drifts:
            log.warning("positions_drift", account_id=tools.account_id, symbols=drifts)

    def _explain(
        self, judgement: Judged, movements: list[Movement], subject: str, findings: Findings
    ) -> tuple[Known, Verdict]:
        """With the movements that account for it in the expectation."""
        if not movements:
            return judgement.known, judgement.verdict
        account_id = self._tools.account_id
        self._store.count(movements, self._run.sweep_id)
        actions = [movement for movement in movements if not movement.is_fee]
        if actions:
            findings.open(account_id, _ACTION, subject, _action(actions, judgement.reading))
            findings.close(account_id, _ACTION, subject)
        return counted(judgement.known, movements), Verdict.FITS

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


def _misfits(stored: dict[str, Stored]) -> bool:
    return any(one.known.misfit is not None for one in stored.values())


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


def _drift(judgement: Judged) -> dict[str, Any]:
    known, since, reading = judgement.known, judgement.known.since_ns or 0, judgement.reading
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
