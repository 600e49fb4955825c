"""How fast the log is replayed and compared, and what live apply keeps of its speed meanwhile."""

from __future__ import annotations

from typing import Any, Final

from apply_speed import APPLIED_WITHIN_S, ApplySpeed, steady_rate
from backlogs import Backlog
from children import BenchmarkError, Child
from figures import Row
from own_servers import SCHEMA

INTO: Final = "again"
_GROUP: Final = "benchmark"


class ReplaySpeed(ApplySpeed):
    """Runs over one backlog, each on a fresh database."""

    def alone(self, backlog: Backlog, *, share: float) -> list[Row]:
        """Apply, then replay and compare; then apply with a replay beside it. Each figure is to apply's own rate."""
        with self._servers.database() as dsn:
            live = self._applied(dsn, backlog)
            with self._replay(dsn, backlog, share=0, compare=True) as child:
                child.hear("begun", 60)
                told = child.hear("result", APPLIED_WITHIN_S)
            if told["differences"]:
                raise BenchmarkError(f"the replay differs from the live schema in {told['differences']} rows")
        rate = steady_rate([told["commits"]])
        with self._servers.database() as dsn, self._replay(dsn, backlog, share=share, compare=False) as beside:
            beside.hear("begun", 60)
            kept = self._applied(dsn, backlog)
            rested = beside.hear("result", APPLIED_WITHIN_S)["rested_s"]
        with self._servers.database() as dsn:  # the machine's speed drifts: alone before, and alone after
            live = ((live or 0) + (self._applied(dsn, backlog) or 0)) / 2
        self._say(
            f"replay: {rate or 0:,.0f}/s, apply {live:,.0f}/s; compared in {told['compare_s']:.1f} s, read in "
            f"{told['read_s']:.1f} s; beside a replay apply made {kept or 0:,.0f}/s, the replay rested {rested:.1f} s"
        )
        self._report.detail(
            run="replay", events=backlog.events, replay=rate, apply=live, beside=kept, rested_s=rested,
            compare_s=told["compare_s"], read_s=told["read_s"], peak_rss_mb=told["peak_rss_mb"],
        )  # fmt: skip
        return [
            Row("replay", rate, live, "events/s"),
            Row("replay_diff", told["compare_s"], told["read_s"], "s"),
            Row("apply_beside_replay", kept, live, "events/s"),
            Row("rss_replay", told["peak_rss_mb"], None, "MB"),
        ]

    def _applied(self, dsn: str, backlog: Backlog) -> float | None:
        settings: dict[str, Any] = {"group": _GROUP, **self._common(dsn, backlog)}
        with Child("apply_member", self._servers.directory, **settings) as member:
            self._wait_until_drained(dsn, backlog, [member])
            return steady_rate([member.finish()["commits"]])

    def _replay(self, dsn: str, backlog: Backlog, *, share: float, compare: bool) -> Child:
        settings = {"into": INTO, "group": _GROUP, "share": share, "compare": compare, **self._common(dsn, backlog)}
        return Child("replay", self._servers.directory, **settings)

    def _common(self, dsn: str, backlog: Backlog) -> dict[str, Any]:
        return {
            "bootstrap_servers": self._servers.kafka.bootstrap_servers,
            "prefix": backlog.prefix,
            "dsn": dsn,
            "schema": SCHEMA,
        }
