"""The first page: the promise, the way of the data, lag over time, what is open, what happened last.

All who look at one moment get the same text, which is made once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.store import browse
from stream_reconcile.web.api.endpoint import Backend
from stream_reconcile.web.live import STALE_AFTER_S, Live, Look
from stream_reconcile.web.page.aside import Aside
from stream_reconcile.web.page.chart import HEIGHT, WIDTH, lag_chart
from stream_reconcile.web.page.render import number, page, text_of
from stream_reconcile.web.readiness import Readiness

_ORDERS: Final = 12
_FINDINGS: Final = 5
_ACTIONS: Final = 5


@dataclass(frozen=True, slots=True)
class Step:
    """A station on the way of the data. `state` is ok, warn, bad or off."""

    name: str
    state: str
    word: str
    rate: float | None
    lines: Sequence[str]


class Overview:
    """Makes the page."""

    def __init__(self, backend: Backend, live: Live, readiness: Readiness, aside: Aside | None = None) -> None:
        self._backend, self._live, self._readiness, self._aside = backend, live, readiness, aside
        self._lock = asyncio.Lock()
        self._made: tuple[object, str] = (None, "")

    async def answer(self, request: Request) -> Response:
        """GET /; with `part=live` only what changes."""
        changing = await self._changing()
        if request.query_params.get("part") == "live":
            return HTMLResponse(changing, headers={"Cache-Control": "no-store"})
        return page("overview.html", here="/", title="Status", changing=changing, aside=self._aside)

    async def _changing(self) -> str:
        look, error = self._live.last, self._live.error
        parts = {name: state for name, state in self._readiness.statuses().items() if not state.ready}
        key = (look and look.at, error, tuple(sorted((name, state.why) for name, state in parts.items())))
        async with self._lock:
            if self._made[0] != key:
                self._made = (key, await self._text(look, error, parts))
            return self._made[1]

    async def _text(self, look: Look | None, error: tuple[str, datetime] | None, parts: Mapping[str, Any]) -> str:
        lists: dict[str, Any] = {"orders": [], "findings": [], "actions": []}
        if look is not None and error is None:
            try:
                lists = await self._backend.reads(_lists)
            except ReconcileError as failed:
                error = (str(failed), datetime.now(UTC))
        is_old = look is not None and (datetime.now(UTC) - look.at).total_seconds() > STALE_AFTER_S
        return text_of(
            "live.html",
            look=look,
            error=error,
            is_old=is_old,
            parts=parts,
            steps=[] if look is None else steps(look),
            chart=lag_chart(self._live.samples),
            width=WIDTH,
            height=HEIGHT,
            **lists,
        )


def _lists(connection: psycopg.Connection) -> dict[str, Any]:
    return {
        "orders": browse.executions(connection, {}, limit=_ORDERS),
        "findings": browse.discrepancies(connection, {"state": "open"}, limit=_FINDINGS),
        "actions": browse.actions(connection, {}, limit=_ACTIONS),
    }


def steps(look: Look) -> list[Step]:
    """Broker, ingest, Kafka, apply, Postgres, as the last look found them."""
    status, lag = look.status, look.status["lag"]
    accounts = status["accounts"]
    sessions = [one["session"] for one in accounts if one["session"]]
    listening = [one for one in sessions if one["listening_at"] and not one["closed_at"]]
    held = [lease for one in accounts for lease in one["leases"] if lease["job"] == "ingest" and lease["held"]]
    gaps = sum(len(one["open_gaps"]) for one in accounts)
    logged = sum(one["end_offset"] for one in look.cursors if (one["end_offset"] or 0) > 0)
    late = [one for one in look.cursors if one["state"] is not None and str(one["state"]) not in ("OK", "REWIND")]
    owners = {one["owner"] for one in look.cursors}
    executions, fills = look.sizes
    every = "every account" if len(accounts) > 1 else "the account"
    return [
        Step(
            "Broker",
            "ok" if accounts and len(listening) == len(accounts) else "bad" if accounts else "off",
            "socket open" if listening else "no socket",
            None,
            [_counted(len(accounts), "account")],
        ),
        Step(
            "Ingest",
            "warn" if gaps else "ok" if held else "bad" if accounts else "off",
            f"{_counted(gaps, 'gap')} open" if gaps else "running" if held else f"nobody reads {every}",
            look.rates.received,
            [f"{number(sum(one['frames'] for one in sessions))} frames in this session"],
        ),
        Step(
            "Kafka",
            "bad" if lag is None else "ok",
            "not read" if lag is None else "in the log",
            look.rates.logged,
            [f"{number(logged)} records", f"{len(look.cursors)} partitions"],
        ),
        Step(
            "Apply",
            "off" if not look.cursors else "bad" if late else "ok",
            f"{_counted(len(late), 'partition')} late" if late else "following" if look.cursors else "never ran",
            look.rates.applied,
            [*_lag_lines(lag), _counted(len(owners), "member")],
        ),
        Step(
            "Postgres",
            "ok",
            "rows and cursor in one transaction",
            None,
            [
                "orders: not counted yet" if executions is None else f"about {number(executions)} orders",
                "fills: not counted yet" if fills is None else f"about {number(fills)} fills",
            ],
        ),
    ]


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def _lag_lines(lag: Mapping[str, Any] | None) -> list[str]:
    if lag is None:
        return ["lag not known"]
    seconds = "? s" if lag["seconds"] is None else f"{lag['seconds']:.1f} s"
    return [f"{number(lag['records'])} records, {seconds} behind"]
