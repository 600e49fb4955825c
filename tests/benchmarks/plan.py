"""What is measured, in which order, and which rows each measurement gives."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import backlogs
from apply_speed import ApplySpeed
from backlogs import Backlog
from figures import Report, Row
from ingest_speed import IngestSpeed
from latency import FrameToCommit
from own_servers import OwnServers
from page_load import ROWS as PAGE_ROWS
from page_load import PageLoad
from replay_speed import ReplaySpeed
from rewind_speed import RewindSpeed
from standing_orders import database_with_orders
from sweep_speed import SweepSpeed

from stream_reconcile.jobs.replay.config import DEFAULT_SHARE

USUAL: Final = 1_000_000
_LEAST: Final = 15_000  # a rate needs a few batches of 5,000


@dataclass(frozen=True, slots=True)
class Measurement:
    """One thing to do, and the rows that come of it."""

    rows: tuple[str, ...]
    make: Callable[[Bench], list[Row]]
    backlogs: tuple[int, ...] = ()
    """Events of the backlogs that it reads, at scale 1."""


class Bench:
    """What the measurements share: the servers, the backlogs (made when one is first asked for), how much to do."""

    def __init__(
        self,
        servers: OwnServers,
        report: Report,
        chosen: Iterable[Measurement],
        *,
        scale: float,
        repeats: int,
        say: Callable[[str], None],
    ) -> None:
        self.servers, self.report, self.scale, self.repeats, self.say = servers, report, scale, repeats, say
        self.apply = ApplySpeed(servers, report, say)
        self._sizes = {size for measurement in chosen for size in measurement.backlogs}
        self._backlogs: dict[str, Backlog] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def events(self, size: int) -> int:
        """How many events stand for `size` at this scale."""
        return max(min(size, _LEAST), round(size * self.scale))

    def seconds(self, seconds: float, least: float = 2.0) -> float:
        """How long `seconds` last at this scale."""
        return max(min(seconds, least), seconds * self.scale)

    def backlog(self, size: int) -> Backlog:
        """The backlog of so many events at scale 1. The first call makes all that the run needs."""
        if not self._backlogs:
            self.say(
                f"filling topics with {', '.join(f'{self.events(size):,}' for size in sorted(self._sizes))} events"
            )
            self._backlogs = backlogs.fill(
                self.servers.kafka.bootstrap_servers, {f"b{size}.": self.events(size) for size in self._sizes}
            )
        return self._backlogs[f"b{size}."]

    def with_orders(self, orders: int) -> str:
        """Name of a database with so many orders in its tables (at scale 1), to clone."""
        return self._stack.enter_context(database_with_orders(self.servers, self.events(orders)))


def _apply(name: str, size: int, members: int, *, once: bool = False) -> Measurement:
    def make(bench: Bench) -> list[Row]:
        return bench.apply.compare(name, bench.backlog(size), members, repeats=1 if once else bench.repeats)

    return Measurement((name,), make, (size,))


def _apply_on_orders(name: str, size: int, orders: int) -> Measurement:
    def make(bench: Bench) -> list[Row]:
        return bench.apply.compare(name, bench.backlog(size), 1, repeats=1, template=bench.with_orders(orders))

    return Measurement((name,), make, (size,))


def _resident(size: int) -> Measurement:
    name = f"rss_member_{size}"
    return Measurement((name,), lambda bench: [bench.apply.resident(name, bench.backlog(size))], (size,))


def _latency(rate: int) -> Measurement:
    rows = (f"frame_to_commit_p50_{rate}", f"frame_to_commit_p99_{rate}")

    def make(bench: Bench) -> list[Row]:
        measured = FrameToCommit(bench.servers, bench.report, bench.say)
        return measured.compare(rows, rate, bench.seconds(30))

    return Measurement(rows, make)


def _ingest(rows: tuple[str, ...], measure: Callable[[IngestSpeed, Bench], list[Row]]) -> Measurement:
    return Measurement(rows, lambda bench: measure(IngestSpeed(bench.servers, bench.report, bench.say), bench))


def _sweep(orders: int, *, once: bool = False) -> Measurement:
    rows = (f"sweep_unchanged_{orders}", f"rss_sweep_{orders}")

    def make(bench: Bench) -> list[Row]:
        measured = SweepSpeed(bench.servers, bench.report, bench.say)
        return measured.compare(rows, bench.events(orders), 1 if once else bench.repeats)

    return Measurement(rows, make)


def _rewind(bench: Bench) -> list[Row]:
    return RewindSpeed(bench.servers, bench.report, bench.say).measure(max(2, round(50 * bench.scale)))


def _page(bench: Bench) -> list[Row]:
    # Who does not read is cut off after 20 s, once what is between here and there is full.
    return PageLoad(bench.servers, bench.report, bench.say).measure(bench.seconds(120, least=45))


def _row_by_row(bench: Bench) -> list[Row]:
    return [bench.apply.row_by_row(bench.backlog(USUAL), bench.events(20_000))]


def _replay(bench: Bench) -> list[Row]:
    return ReplaySpeed(bench.servers, bench.report, bench.say).alone(bench.backlog(USUAL), share=DEFAULT_SHARE)


MEASUREMENTS: Final = (
    _apply("apply_1_member", USUAL, 1),
    _apply("apply_2_members", USUAL, 2),
    Measurement(("peer_row_by_row",), _row_by_row, (USUAL,)),
    Measurement(("replay", "replay_diff", "apply_beside_replay", "rss_replay"), _replay, (USUAL,)),
    _latency(100),
    _latency(1_000),
    _ingest(("ingest",), lambda speed, bench: speed.rate(bench.events(300_000))),
    _ingest(
        ("ingest_stall_60s_lost", "ingest_stall_60s_windows"), lambda speed, bench: speed.stalled(bench.seconds(60))
    ),
    _ingest(
        ("ingest_overflow_lost", "ingest_overflow_open_windows", "rss_ingest_at_bound", "rss_ingest_past_bound"),
        lambda speed, bench: speed.overflowing(bench.scale),
    ),
    _sweep(10_000),
    _sweep(100_000),
    _sweep(USUAL, once=True),
    Measurement(
        (
            "rewind_first_record_p50",
            "rewind_first_record_max",
            "rewind_first_record_idle_p50",
            "rewind_first_record_idle_max",
        ),
        _rewind,
    ),
    Measurement(PAGE_ROWS, _page),
    _apply("apply_1_member_100000", 100_000, 1, once=True),
    _apply("apply_1_member_3000000", 3_000_000, 1, once=True),
    _apply_on_orders("apply_1_member_on_3000000_orders", USUAL, 3_000_000),
    _resident(10_000),
    _resident(USUAL),
    _resident(3_000_000),
)
