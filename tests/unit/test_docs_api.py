"""docs/api.md against the code: every path with its filters, every limit, every event, every status."""

from __future__ import annotations

import re
from pathlib import Path

from stream_reconcile.web import auth, control, guard, patience, problems, promise, reads
from stream_reconcile.web.api import events, params
from stream_reconcile.web.api.operations import OPERATIONS
from stream_reconcile.web.api.resources import LISTINGS, SINGLES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())


def rows(heading: str) -> list[list[str]]:
    """Cells of the table below a heading's first line of dashes."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_path_with_its_filters() -> None:
    found = {re.findall(r"`([^`]+)`", row[0])[0]: re.findall(r"`(\w+)`", row[2]) for row in rows("What there is")}
    wanted = {one.path: [param.name for param in one.filters] for one in LISTINGS}
    wanted |= {one.path: [param.name for param in one.parameters] for one in SINGLES}
    posted = [path for path in found if path.startswith("POST ")]
    assert {path: filters for path, filters in found.items() if path not in posted} == wanted | {events.PATH: []}
    assert {f"POST {path}" for path in OPERATIONS} == {*posted, f"POST {control.UNDO}"}
    assert f"`POST {control.UNDO}`" in PAGE


def test_every_event_and_state() -> None:
    assert [row[0].strip("`") for row in rows("Events")] == list(events.EVENTS)
    assert f"`state` ({', '.join(promise.State)})" in WORDS


def test_every_limit() -> None:
    for said in (
        f"`limit` is at most {params.MOST_ROWS}, {params.USUAL_ROWS} if left out",
        f"over at most {reads.WORKERS} connections, each query for {reads.STATEMENT_TIMEOUT_MS // 1000} s",
        f"{reads.MOST_WAITING} requests may wait",
        f"The head of a request has to come within {patience.REQUEST_WITHIN_S:.0f} s",
        f"an answer has to be taken within {patience.READS_WITHIN_S:.0f} s",
        f"a body of more than {guard.MOST_BODY // 1024} KB",
        f"At most {events.MOST_LISTENERS} may listen; one that falls behind by {events.QUEUED} events",
        f"a comment every {events.STILL_HERE_S:.0f} s",
        {12 * 3600: "read for twelve hours"}[auth.SESSION_S],
    ):
        assert said in WORDS, said


def test_every_status_of_our_errors() -> None:
    documented = {int(code) for row in rows("Conventions") for code in re.findall(r"\d{3}", row[0])}
    assert {int(status) for _, status in problems._STATUSES} <= documented
