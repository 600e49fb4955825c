"""The page under load: all jobs follow a broker of 500 events a second, while many have the page open.

Jobs, broker and readers are processes of their own, as in life; the readers' pages do what the page's script does: they
listen to the events and fetch the part that changes. Some of them ask and never read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import requests
from children import BenchmarkError, Child
from figures import Report, Row
from own_servers import OwnServers
from pacing import percentile
from processes import cpu_s, peak_rss_mb

from stream_reconcile.demo.programs import Programs
from stream_reconcile.embedded.obstacles import find_port
from stream_reconcile.simulator.runner import running_simulator

RATE: Final = 500
PAGES: Final = 50
DEAF: Final = 5
ROWS: Final = (
    "page_api_p50",
    "page_api_p99",
    "page_refresh_p99",
    "page_web_cpu",
    "page_events_least",
    "page_deaf_cut_off",
    "rss_web",
)
_WARM_UP_S: Final = 5.0
_WITHIN_S: Final = 120.0
_APPLIED: Final = "SELECT coalesce(sum(next_offset), 0)::bigint FROM stream_cursors"


class PageLoad:
    """One run, with topics and a database of its own."""

    def __init__(self, servers: OwnServers, report: Report, say: Callable[[str], None]) -> None:
        self._servers, self._report, self._say = servers, report, say

    def measure(self, seconds: float) -> list[Row]:
        """A row for each of `ROWS`."""
        with (
            self._servers.database("template1") as dsn,
            running_simulator(in_process=False, seed=23, rate_limit=1000) as broker,
            Programs(self._servers.directory) as jobs,
        ):
            address = f"127.0.0.1:{find_port()}"
            own = {
                **broker.environment,
                "KAFKA_BOOTSTRAP_SERVERS": self._servers.kafka.bootstrap_servers,
                "DATABASE_URL": dsn,
                "RECONCILE_TOPIC_PREFIX": "page.",
                "RECONCILE_CONSUMER_GROUP": "page",
                "RECONCILE_EXTERNAL_ORDERS": "accept",
            }
            for role in ("ingest", "apply", "sweep"):
                jobs.start(role, "run", "--role", role, **own)
            web = jobs.start("web", "run", "--role", "web", RECONCILE_HTTP_ADDR=address, **own)
            broker.control.wait_for_listener(seconds=_WITHIN_S)
            broker.control.flow(RATE)
            _wait_until(lambda: self._applied(dsn) > RATE and _ready(address), jobs)
            time.sleep(_WARM_UP_S)
            before, applied, cut_off = cpu_s(web.pid), self._applied(dsn), _cut_off(address)
            begun = time.monotonic()
            with Child("open_pages", self._servers.directory, port=int(address.partition(":")[2])) as readers:
                readers.tell(pages=PAGES, deaf=DEAF, seconds=seconds)
                found = readers.hear("measured", seconds + _WITHIN_S)
                took = time.monotonic() - begun
                cpu = (cpu_s(web.pid) - before) / took
                memory = peak_rss_mb(web.pid)
                rate = (self._applied(dsn) - applied) / took
                cut_off = _cut_off(address) - cut_off
                readers.finish()
            jobs.require_alive()
        self._tell(found, cpu=cpu, applied_a_second=rate, cut_off=cut_off)
        events = found["events"]
        values = (
            (1e3 * percentile(found["api_s"], 0.5), "ms"),
            (1e3 * percentile(found["api_s"], 0.99), "ms"),
            (1e3 * percentile(found["refresh_s"], 0.99), "ms"),
            (cpu, "cores"),
            (min(events) / took, "events/s"),
            (cut_off, f"of {DEAF}"),
            (memory, "MB"),
        )
        return [Row(name, value, None, unit) for name, (value, unit) in zip(ROWS, values, strict=True)]

    def _tell(self, found: dict[str, Any], **more: float) -> None:
        events = sorted(found["events"])
        said = {
            **more,
            "pages": len(events),
            "events_least": events[0],
            "events_most": events[-1],
            "kilobytes_a_page": sum(found["bytes"]) / len(found["bytes"]) / 1e3,
            "reads": len(found["api_s"]),
            "refreshes": len(found["refresh_s"]),
            "failed": found["failed"],
            "deaf_noticed_after_s": max(found["deaf_s"], default=None),
        }
        self._say(", ".join(f"{name} {_short(value)}" for name, value in said.items()))
        slow = {path: 1e3 * percentile(took, 0.5) for path, took in found["by_path"].items()}
        self._say("ms at the median: " + ", ".join(f"{path} {_short(value)}" for path, value in slow.items()))
        self._report.detail(run="page", **said, **slow)

    def _applied(self, dsn: str) -> int:
        try:
            with self._servers.connect(dsn) as connection:
                found = connection.execute("SELECT to_regclass('stream_cursors') IS NOT NULL").fetchall()
                return int(connection.execute(_APPLIED).fetchall()[0][0]) if found[0][0] else 0
        except OSError as error:
            raise BenchmarkError(str(error)) from error


def _wait_until(true: Callable[[], bool], jobs: Programs) -> None:
    give_up = time.monotonic() + _WITHIN_S
    while not true():
        jobs.require_alive()
        if time.monotonic() > give_up:
            raise BenchmarkError(f"not there after {_WITHIN_S:.0f} s")
        time.sleep(0.2)


def _ready(address: str) -> bool:
    try:
        return requests.get(f"http://{address}/api/v1/status", timeout=10).ok
    except requests.RequestException:
        return False


def _cut_off(address: str) -> float:
    """How many the server says that it has cut off."""
    text = requests.get(f"http://{address}/metrics", timeout=10).text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("reconcile_http_cut_off_total"))


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
