"""Consumer lag under kafka_exporter's names. A scrape takes what was read last, and never waits.

-1 means never committed, as kafka_exporter has it. What was read too long ago is not shown at all: an old lag that
looks like a new one would be worse than none, and `reconcile_lag_read_timestamp_seconds` says when it was read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from stream_reconcile.jobs.lag import LagReport
from stream_reconcile.jobs.polled import Polled
from stream_reconcile.log.lag import NEVER

_GROUP = ("consumergroup", "topic", "partition")


class LagMetrics(Collector):
    """Prometheus collector; `report` is what a thread reads."""

    def __init__(self, report: Polled[LagReport]) -> None:
        self._report = report

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
        rewound = GaugeMetricFamily(
            "reconcile_consumergroup_rewind_records",
            "Records that a rewind has set to be applied again, and that are not yet; 0 where there are none.",
            labels=_GROUP,
        )
        state = GaugeMetricFamily(
            "reconcile_consumergroup_state",
            "1 for the state of the partition (OK, REWIND, WARN, STALL, STOP, LOST), as `lag` shows it.",
            labels=(*_GROUP, "state"),
        )
        current = GaugeMetricFamily(
            "kafka_consumergroup_current_offset",
            "Next offset to apply, from the database cursor; -1: nothing was ever applied.",
            labels=_GROUP,
        )
        current_sum = GaugeMetricFamily(
            "kafka_consumergroup_current_offset_sum",
            "Next offsets to apply, added up over all partitions of a topic.",
            labels=("consumergroup", "topic"),
        )
        total = GaugeMetricFamily(
            "kafka_consumergroup_lag_sum",
            "Records not applied yet, over all partitions of a topic.",
            labels=("consumergroup", "topic"),
        )
        partitions = GaugeMetricFamily("kafka_topic_partitions", "Partitions of a topic.", labels=("topic",))
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
        if (last := self._report.last) is not None:
            read.add_metric([], last.read_at)
        if (reading := self._report.fresh) is not None:
            report = reading.value
            sums, offsets, counts = Counter[str](), Counter[str](), Counter[str]()
            for part in report.partitions:
                place = [part.topic, str(part.partition)]
                never = part.next_offset == NEVER
                lag.add_metric([report.group, *place], NEVER if never else part.lag)
                current.add_metric([report.group, *place], part.next_offset)
                rewound.add_metric([report.group, *place], part.rewound)
                state.add_metric([report.group, *place, part.state.value], 1)
                if part.lag_seconds is not None:
                    seconds.add_metric([report.group, *place], part.lag_seconds)
                if part.end_offset != NEVER:
                    end.add_metric(place, part.end_offset)
                    oldest.add_metric(place, part.oldest_offset)
                sums[part.topic] += part.lag
                offsets[part.topic] += 0 if never else part.next_offset
                counts[part.topic] += 1
            for topic, number in counts.items():
                partitions.add_metric([topic], number)
                total.add_metric([report.group, topic], sums[topic])
                current_sum.add_metric([report.group, topic], offsets[topic])
        return (lag, seconds, rewound, state, current, current_sum, total, partitions, end, oldest, read)
