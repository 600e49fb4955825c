"""Records to Kafka, without ever making the caller wait: idempotent, acks=all, bounded in bytes, records and time.

The caller is the event loop that reads the socket. `send` takes a record or refuses it, at once; what becomes of it is
told by a callback, from this producer's own thread. A record that was taken is acknowledged or lost, and told so
exactly once, within the delivery time or at `close`.

librdkafka's word is not taken where it guesses. A broker takes any sequence number for a producer's first in a
partition; if that first batch is refused while leadership moves, the second is under way and taken, and the retried
first is then a past one: librdkafka reports it as delivered, without an offset, and it is in no log (so do brokers that
stand still for a while, librdkafka#4134). Such a record is sent again, and so are those that a client held which came
to a fatal error and is replaced. One may then be in the log twice, which harms nothing: what it says is the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, NamedTuple, TypeVar

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from stream_reconcile.log.connection import KafkaConfig

_log = structlog.get_logger()

Token = TypeVar("Token")

_POLL_S: Final = 0.1
# After a burst of answers this thread rests, and takes the next ones together: each time it wakes it takes the
# interpreter's lock from the thread that reads the socket, which gets it back 5 ms later at worst.
_BURST: Final = 8
_REST_S: Final = 0.01
_PURGE_S: Final = 5.0
_MOST_SENDINGS: Final = 3
# What the records of a client are told that came to a fatal error: taken from it, refused by it, or the error itself.
_CLIENT_BROKE: Final = frozenset(
    {
        KafkaError._FATAL,
        KafkaError._PURGE_INFLIGHT,
        KafkaError._PURGE_QUEUE,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
        KafkaError.UNKNOWN_PRODUCER_ID,
    }
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What may wait in memory for Kafka, and how long."""

    queue_bytes: int = 64 * 1024 * 1024
    queue_records: int = 200_000
    delivery_s: float = 300.0


class _Again(NamedTuple):
    """A record to send once more."""

    message: Message
    token: Any
    size: int
    sending: int


class RecordProducer(Generic[Token]):
    """`on_delivery(token, acknowledged, seconds)` is called once for each record taken, from another thread.

    `seconds` is the time from the last sending to Kafka's answer. The callback must be quick and must not raise.
    """

    def __init__(
        self, config: KafkaConfig, on_delivery: Callable[[Token, bool, float], None], *, limits: Limits | None = None
    ) -> None:
        limits = limits or Limits()
        self._on_delivery = on_delivery
        self._properties: dict[str, Any] = {
            # librdkafka's default of 5 ms would be added to every lone frame; under load batches form by themselves
            # while earlier requests are under way.
            "linger.ms": 0,
            "queue.buffering.max.kbytes": limits.queue_bytes // 1024,
            "queue.buffering.max.messages": limits.queue_records,
            "delivery.timeout.ms": int(limits.delivery_s * 1000),
            **config.producer(),
        }
        # Each counter has one writer, so that no lock is needed: the caller's thread here, ours below.
        self._sent_records = self._sent_bytes = 0
        self._done_records = self._done_bytes = 0
        self._busy_since = self._answered_at = time.monotonic()
        self._closing = threading.Event()
        self._close_within = 0.0
        self._left = 0
        self._fatal = ""
        self._last_error = ""
        self._again: list[_Again] = []
        self._client = self._new_client()
        self._thread = threading.Thread(target=self._serve, name="kafka-producer", daemon=True)
        self._thread.start()

    @property
    def queued_records(self) -> int:
        """Records taken whose fate is not known yet."""
        # An answer can be counted before `send` has counted its record.
        return max(0, self._sent_records - self._done_records)

    @property
    def queued_bytes(self) -> int:
        """Bytes of the values of those records, which is what the bound is about."""
        return max(0, self._sent_bytes - self._done_bytes)

    @property
    def stalled_s(self) -> float:
        """For how long records have been waiting without Kafka acknowledging any; 0 while none waits."""
        if self.queued_records == 0:
            return 0.0
        return max(0.0, time.monotonic() - max(self._busy_since, self._answered_at))

    @property
    def last_error(self) -> str:
        """Name of the last error of the connection to Kafka, "" if there was none since the last acknowledgement."""
        return self._last_error

    def send(self, topic: str, key: bytes, value: bytes, token: Token) -> bool:
        """Take a record, at once; False if it was refused: the queue is full, the record too large, or we are closed.

        Call it from one thread only.
        """
        size = len(value)
        if self._closing.is_set():
            return False
        if self._sent_records == self._done_records:
            self._busy_since = time.monotonic()
        try:
            self._client.produce(topic, value, key, on_delivery=partial(self._delivered, token, size, 1))
        except (BufferError, KafkaException):
            return False
        self._sent_records += 1
        self._sent_bytes += size
        return True

    def close(self, within_s: float) -> int:
        """Wait for what is under way, `within_s` at most, and stop; gives how many records were not acknowledged."""
        if not self._closing.is_set():
            self._close_within = within_s
            self._closing.set()
        self._thread.join(within_s + 2 * _PURGE_S)
        return self._left

    def _new_client(self) -> Producer:
        return Producer({**self._properties, "error_cb": self._on_error})

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                if self._client.poll(_POLL_S) > _BURST:
                    time.sleep(_REST_S)
                if self._fatal:
                    self._replace_client()
                if self._again:
                    self._send_again()
            except Exception:  # noqa: BLE001 - a callback raised; without this thread no record is ever answered
                _log.exception("kafka_delivery_callback_failed")
        for record in self._again:
            self._tell(record.token, record.size, None)
        self._left = self._client.flush(self._close_within)
        self._purge(self._client)

    @staticmethod
    def _purge(client: Producer) -> None:
        """Give up what `client` holds; twice, for a `send` that was just at it."""
        for _ in range(2):
            client.purge()
            client.flush(_PURGE_S)

    def _replace_client(self) -> None:
        """After a fatal error the client takes nothing more: what it held goes to the next one."""
        _log.error("kafka_producer_replaced", error=self._fatal, records=self.queued_records)
        old, self._client = self._client, self._new_client()
        self._fatal = ""
        self._purge(old)

    def _on_error(self, error: KafkaError) -> None:
        self._last_error = error.name()
        if error.fatal() or error.code() == KafkaError._FATAL:
            self._fatal = error.name()

    def _send_again(self) -> None:
        records, self._again = self._again, []
        _log.warning("kafka_records_sent_again", records=len(records))
        for message, token, size, sending in records:
            on_delivery = partial(self._delivered, token, size, sending)
            try:
                self._client.produce(message.topic() or "", message.value(), message.key(), on_delivery=on_delivery)
            except (BufferError, KafkaException):
                self._tell(token, size, None)

    def _delivered(self, token: Token, size: int, sending: int, error: KafkaError | None, message: Message) -> None:
        if error is None and message.offset() is not None:
            self._answered_at = time.monotonic()
            self._last_error = ""
            self._tell(token, size, message.latency() or 0.0)
            return
        unsure = error is None or error.code() in _CLIENT_BROKE
        if unsure and sending < _MOST_SENDINGS and not self._closing.is_set():
            # Not from here: the client that calls us may be the broken one.
            self._again.append(_Again(message, token, size, sending + 1))
        else:
            self._tell(token, size, None)

    def _tell(self, token: Token, size: int, seconds: float | None) -> None:
        """What became of a record: it is in the log since so many seconds after it was sent, or (None) it is lost."""
        self._done_records += 1
        self._done_bytes += size
        self._on_delivery(token, seconds is not None, seconds or 0.0)
