"""How fast one socket's frames become acknowledged records, and what a Kafka that stalls costs."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from backlogs import records
from children import BenchmarkError, Child
from figures import Report, Row
from own_servers import ACCOUNT, SCHEMA, OwnServers
from processes import peak_rss_mb

from stream_reconcile.log.admin import KafkaAdmin
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topic_check import ensure_topics
from stream_reconcile.log.topics import Topics

QUEUE_BYTES: Final = 64 * 1024 * 1024
STALL_RATE: Final = 500
OVERFLOW_RATE: Final = 4_000
OVERFLOW_S: Final = 45.0  # 4,000 frames of 1.3 kB a second: the queue is full after a quarter of it
_WITHIN_S: Final = 120.0
_LOOK_EVERY_S: Final = 0.02
_SETTLED_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Setup:
    """A socket with a client on it that has subscribed."""

    socket: Child
    client: Child
    topic: str
    dsn: str


class IngestSpeed:
    """One measurement at a time, each with topics and a database of its own."""

    def __init__(self, servers: OwnServers, report: Report, say: Callable[[str], None]) -> None:
        self._servers, self._report, self._say = servers, report, say
        self._kafka = KafkaConfig(servers.kafka.bootstrap_servers)

    def rate(self, frames: int) -> list[Row]:
        """Frames a second from the first byte sent to the last acknowledgement, ours and the floor."""
        with self._floor() as setup:
            floor = self._blast(setup, frames)
        with self._ours("ingest.") as setup:
            ours = self._blast(setup, frames)
            lost = setup.client.finish()["frames_lost"]
        if lost:
            raise BenchmarkError(f"{lost} of {frames} frames were lost: the rate is none")
        for who, rate in (("ours", ours), ("floor", floor)):
            self._say(f"{who}: {rate:,.0f} frames/s")
            self._report.detail(run=f"ingest {who}", frames=frames, frames_per_s=rate)
        return [Row("ingest", ours, floor, "frames/s")]

    def stalled(self, seconds: float) -> list[Row]:
        """Kafka stops for so long under 500 frames a second: frames that are missing afterwards, windows opened."""
        with self._ours("stall.") as setup, KafkaAdmin(self._kafka) as admin:
            before, windows = records(admin, setup.topic), self._windows(setup)
            setup.socket.tell(do="pace", rate=STALL_RATE, seconds=seconds + 4, letter="S", seed="stall")
            time.sleep(2)
            with self._stopped():
                time.sleep(seconds)
            sent = setup.socket.hear("sent", seconds + _WITHIN_S)["frames"]
            there = self._settled(admin, setup.topic) - before
            opened = self._windows(setup) - windows
            peak = peak_rss_mb(setup.client.pid)
        self._report.detail(run="ingest_stall", seconds=seconds, sent=sent, in_kafka=there, peak_rss_mb=peak)
        return [
            Row("ingest_stall_60s_lost", sent - there, None, "frames"),
            Row("ingest_stall_60s_windows", opened, None, "windows"),
        ]

    def overflowing(self, scale: float) -> list[Row]:
        """Kafka stops until three times the queue has come: frames lost, the window that stands, memory."""
        seconds = max(3.0, OVERFLOW_S * scale)
        queue_bytes = int(QUEUE_BYTES * seconds / OVERFLOW_S)
        with self._ours("overflow.", queue_bytes) as setup, KafkaAdmin(self._kafka) as admin:
            before, windows = records(admin, setup.topic), self._windows(setup)
            with self._stopped():
                setup.socket.tell(do="pace", rate=OVERFLOW_RATE, seconds=seconds, letter="S", seed="overflow")
                self._wait_until(lambda: self._windows(setup) > windows, seconds + _WITHIN_S)
                at_bound = peak_rss_mb(setup.client.pid)
                sent = setup.socket.hear("sent", seconds + _WITHIN_S)["frames"]
            there = self._settled(admin, setup.topic) - before
            past_bound = peak_rss_mb(setup.client.pid)
            standing = self._windows(setup) - windows
            counted = setup.client.finish()["frames_lost"]
        if counted != sent - there:
            raise BenchmarkError(f"{sent - there} frames are missing, {counted} were counted as lost")
        self._report.detail(run="ingest_overflow", seconds=seconds, sent=sent, in_kafka=there, queue_bytes=queue_bytes)
        return [
            Row("ingest_overflow_lost", sent - there, None, "frames"),
            Row("ingest_overflow_open_windows", standing, None, "windows"),
            Row("rss_ingest_at_bound", at_bound, None, "MB"),
            Row("rss_ingest_past_bound", past_bound, None, "MB"),
        ]

    @contextlib.contextmanager
    def _ours(self, prefix: str, queue_bytes: int = QUEUE_BYTES) -> Iterator[Setup]:
        settings = {"prefix": prefix, "schema": SCHEMA, "queue_bytes": queue_bytes}
        with (
            self._servers.database() as dsn,
            self._subscribed("ingest", Topics(prefix), dsn=dsn, **settings) as setup,
        ):
            yield setup

    @contextlib.contextmanager
    def _floor(self) -> Iterator[Setup]:
        topics = Topics("ingestfloor.")
        with self._subscribed("ingest_floor", topics, topic=topics.trade_updates) as setup:
            yield setup

    @contextlib.contextmanager
    def _subscribed(self, client: str, topics: Topics, **settings: Any) -> Iterator[Setup]:
        with KafkaAdmin(self._kafka) as admin:
            ensure_topics(admin, topics)
        directory = self._servers.directory
        with Child("socket", directory, account=ACCOUNT) as socket:
            port = socket.hear("ready", _WITHIN_S)["port"]
            kafka = self._kafka.bootstrap_servers
            with Child(client, directory, port=port, bootstrap_servers=kafka, **settings) as child:
                socket.hear("listening", _WITHIN_S)
                time.sleep(_SETTLED_S)  # what the opening itself writes is there then
                yield Setup(socket, child, topics.trade_updates, settings.get("dsn", ""))

    def _blast(self, setup: Setup, frames: int) -> float:
        with KafkaAdmin(self._kafka) as admin:
            wanted = records(admin, setup.topic) + frames
            setup.socket.tell(do="blast", frames=frames, seed="blast")
            started = setup.socket.hear("started", _WITHIN_S)["at"]
            self._wait_until(lambda: records(admin, setup.topic) >= wanted, _WITHIN_S)
            ended = time.time_ns()
        setup.socket.hear("sent", _WITHIN_S)
        return frames * 1e9 / float(ended - started)

    @contextlib.contextmanager
    def _stopped(self) -> Iterator[None]:
        """Kafka as a broker that hangs: it keeps its connections and answers nothing."""
        kafka = self._servers.kafka
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)
        if not kafka.running:
            raise BenchmarkError("Kafka did not survive being stopped")

    def _signal(self, number: signal.Signals) -> None:
        os.kill(self._servers.kafka.pid, number)

    def _settled(self, admin: KafkaAdmin, topic: str) -> int:
        """Records of the topic once no more have come for some seconds."""
        give_up = time.monotonic() + _WITHIN_S
        count, since = records(admin, topic), time.monotonic()
        while time.monotonic() - since < 5 and time.monotonic() < give_up:
            time.sleep(0.2)
            if (now := records(admin, topic)) != count:
                count, since = now, time.monotonic()
        return count

    def _windows(self, setup: Setup) -> int:
        query = "SELECT count(*) FROM stream_gaps WHERE closed_at IS NULL"
        count: int = self._servers.query(setup.dsn, query)[0][0]
        return count

    @staticmethod
    def _wait_until(true: Callable[[], bool], within_s: float) -> None:
        give_up = time.monotonic() + within_s
        while not true():
            if time.monotonic() > give_up:
                raise BenchmarkError(f"not there after {within_s:.0f} s")
            time.sleep(_LOOK_EVERY_S)
