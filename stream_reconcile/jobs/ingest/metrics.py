"""What ingest counts. One object per process; each account has labels of its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stream_reconcile.core.gaps import Reason
from stream_reconcile.core.session import End
from stream_reconcile.core.wire.peek import Kind

_ACK_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_PREFIX = "reconcile_ingest"


class IngestMetrics:
    """The families, in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"{_PREFIX}_{name}", text, ("account_id", *labels), registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"{_PREFIX}_{name}", text, ("account_id",), registry=registry)

        self.frames = counter("frames", "Frames read from the websocket, understood or not.", "kind")
        self.frames_lost = counter("frames_lost", "Frames that Kafka did not take; a gap window stands for them.")
        self.sessions_ended = counter("sessions_ended", "Websocket sessions that ended, by reason.", "reason")
        self.windows = counter("gap_windows", "Gap windows opened, by what opened them.", "reason")
        self.lease_lost = counter("lease_lost", "Times another process took the lease.")
        self.connected = gauge("connected", "1 while the broker has granted us trade_updates, else 0.")
        self.lease_held = gauge("lease_held", "1 while this process holds the ingest lease, else 0.")
        self.queue_bytes = gauge("queue_bytes", "Bytes that wait for Kafka's acknowledgement.")
        self.queue_records = gauge("queue_records", "Records that wait for Kafka's acknowledgement.")
        self.last_frame = gauge("last_frame_timestamp_seconds", "When the newest frame was received.")
        self.good_until = gauge(
            "good_until_timestamp_seconds", "Broker time of the newest frame that is in Kafka with all before it."
        )
        self.windows_open = gauge(
            "gap_windows_open", "Windows in which frames may be missing that no sweep has closed."
        )
        self.window_due = gauge("gap_window_due", "1 while a gap window could not be written yet, else 0.")
        self.ack_seconds = Histogram(
            f"{_PREFIX}_ack_seconds",
            "Time from a frame's receipt to Kafka's acknowledgement.",
            ("account_id",),
            buckets=_ACK_SECONDS,
            registry=registry,
        )

    def of(self, account_id: str) -> AccountMetrics:
        """The children of one account, looked up once and not for each frame."""
        return AccountMetrics(self, account_id)


class AccountMetrics:
    """One account's children of the families above."""

    def __init__(self, families: IngestMetrics, account_id: str) -> None:
        self.frames = {kind: families.frames.labels(account_id, kind.value) for kind in Kind}
        self.frames_lost = families.frames_lost.labels(account_id)
        self.sessions_ended = {end: families.sessions_ended.labels(account_id, end.value) for end in End}
        self.windows = {reason: families.windows.labels(account_id, reason.value) for reason in Reason}
        self.lease_lost = families.lease_lost.labels(account_id)
        self.connected = families.connected.labels(account_id)
        self.lease_held = families.lease_held.labels(account_id)
        self.queue_bytes = families.queue_bytes.labels(account_id)
        self.queue_records = families.queue_records.labels(account_id)
        self.last_frame = families.last_frame.labels(account_id)
        self.good_until = families.good_until.labels(account_id)
        self.windows_open = families.windows_open.labels(account_id)
        self.window_due = families.window_due.labels(account_id)
        self.ack_seconds = families.ack_seconds.labels(account_id)
