"""Consumer lag under kafka_exporter's names, read in a thread of its own: a scrape takes what was read last.

-1 means never committed, as kafka_exporter has it. What was read too long ago is not shown at all: an old lag that
looks like a new one would be worse than none, and `reconcile_lag_read_timestamp_seconds` says when it was read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.jobs.lag import LagReader, LagReport
from stream_reconcile.log.lag import NEVER

log = structlog.get_logger()

READ_EVERY_S = 5.0
TOO_OLD_S = 60.0

_GROUP = ("consumergroup", "topic", "partition")


class LagMetrics(Collector):
    """Prometheus collector. `open_reader` is called in the thread, again after each failure."""

    def __init__(
        self,
        open_reader: Callable[[], LagReader],
        *,
        every_s: float = READ_EVERY_S,
        too_old_s: float = TOO_OLD_S,
    ) -> None:
        self._open_reader = open_reader
        self._every_s, self._too_old_s = every_s, too_old_s
        self._report: LagReport | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lag-metrics", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self, timeout_s: float = 5.0) -> None:
        """Stop reading; a read that hangs is left to end with the process."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The families, without samples where nothing was read lately."""
        lag = GaugeMetricFamily(
            "kafka_consumergroup_lag", "Records not applied yet; -1: nothing was ever applied.", labels=_GROUP
        )
        seconds = GaugeMetricFamily(
            "reconcile_consumergroup_lag_seconds",
            "Age of the oldest record not applied yet, 0 where none is behind.",
            labels=_GROUP,
        )
        current = GaugeMetricFamily(
            "kafka_consumergroup_current_offset",
            "Next offset to apply, from the database cursor; -1: nothing was ever applied.",
            labels=_GROUP,
        )
        total = GaugeMetricFamily(
            "kafka_consumergroup_lag_sum",
            "Records not applied yet, over all partitions of a topic.",
            labels=("consumergroup", "topic"),
        )
        end = GaugeMetricFamily(
            "kafka_topic_partition_current_offset",
            "Offset that the next record of the partition will get.",
            labels=("topic", "partition"),
        )
        oldest = GaugeMetricFamily(
            "kafka_topic_partition_oldest_offset",
            "Offset of the first record that is there.",
            labels=("topic", "partition"),
        )
        read = GaugeMetricFamily("reconcile_lag_read_timestamp_seconds", "When the lag was last read.")
        report = self._report
        if report is not None:
            read.add_metric([], report.read_at)
        if report is not None and time.time() - report.read_at <= self._too_old_s:
            sums: dict[str, int] = {}
            for part in report.partitions:
                place = [part.topic, str(part.partition)]
                never = part.next_offset == NEVER
                lag.add_metric([report.group, *place], NEVER if never else part.lag)
                current.add_metric([report.group, *place], part.next_offset)
                if part.lag_seconds is not None:
                    seconds.add_metric([report.group, *place], part.lag_seconds)
                if part.end_offset != NEVER:
                    end.add_metric(place, part.end_offset)
                    oldest.add_metric(place, part.oldest_offset)
                sums[part.topic] = sums.get(part.topic, 0) + part.lag
            for topic, records in sums.items():
                total.add_metric([report.group, topic], records)
        return (lag, seconds, current, total, end, oldest, read)

    def _run(self) -> None:
        failing = False
        while not self._stop.is_set():
            try:
                with self._open_reader() as reader:
                    while not self._stop.is_set():
                        self._report = reader.read()
                        failing = False
                        self._stop.wait(self._every_s)
            except ReconcileError as error:
                if not failing:
                    log.warning("lag_not_read", why=str(error))
                failing = True
            except Exception:
                log.exception("lag_not_read")
            self._stop.wait(self._every_s)
