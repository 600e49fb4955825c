"""How to reach Kafka: one frozen value, from which producer, consumer and admin take their librdkafka properties.

librdkafka's own defaults wait for minutes in places; here every wait has a limit, so that an outage shows within
seconds (DESIGN §6: readiness turns red within 30 s).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stream_reconcile.core.errors import ConfigError

# The largest record we write or take, in bytes. Frames have about 1 kB; a snapshot with many legs some tens.
MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024

Property = str | int | float | bool

# The guarantees rest on these, so a setting may not change them.
RESERVED: Final = frozenset(
    {
        "acks",
        "auto.offset.reset",
        "bootstrap.servers",
        "client.id",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "group.remote.assignor",
        "message.max.bytes",
        "metadata.broker.list",
        "partition.assignment.strategy",
        "partitioner",
        "request.required.acks",
        "transactional.id",
    }
)

# Seconds for one request to be answered; librdkafka's default is 60 (socket.timeout.ms).
REQUEST_TIMEOUT_S: Final = 10.0

# An outage makes librdkafka say the same thing several times a second, for each broker and each client.
_REPEAT_AFTER_S: Final = 60.0
_MOST_REMEMBERED: Final = 500
_VARYING = re.compile(r"\[thrd:[^]]*\]|\d+ ?ms|after \d+|#(?:producer|consumer)-\d+")


class OncePerMinute(logging.Filter):
    """Lets a message through once a minute; durations and thread names make no other message."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the message was not let through within the last minute."""
        what = _VARYING.sub("", record.getMessage())
        now = time.monotonic()
        if now - self._last.get(what, -_REPEAT_AFTER_S) < _REPEAT_AFTER_S:
            return False
        if len(self._last) >= _MOST_REMEMBERED:
            self._last.clear()
        self._last[what] = now
        return True


LOGGER: Final = logging.getLogger("stream_reconcile.kafka")
LOGGER.addFilter(OncePerMinute())

_WAITS: Final[Mapping[str, Property]] = {
    "socket.timeout.ms": 10_000,
    "socket.connection.setup.timeout.ms": 5_000,
    "socket.keepalive.enable": True,
    # After an outage the next try comes within 2 s, with librdkafka's own jitter.
    "reconnect.backoff.ms": 100,
    "reconnect.backoff.max.ms": 2_000,
    # A topic made a moment ago is found without waiting for the five-minute refresh.
    "topic.metadata.refresh.interval.ms": 30_000,
    "allow.auto.create.topics": False,
}


@dataclass(frozen=True, slots=True)
class KafkaConfig:
    """Addresses and properties of one Kafka cluster. Raises ConfigError for a property that is ours to set.

    `properties` are librdkafka's, as given (security.protocol, sasl.…, ssl.…); their values never appear in a message
    or in this object's repr.
    """

    bootstrap_servers: str
    properties: Mapping[str, Property] = field(default_factory=dict, repr=False)
    client_id: str = "stream-reconcile"

    def __post_init__(self) -> None:
        if ours := sorted(RESERVED & self.properties.keys()):
            raise ConfigError(f"Kafka properties {', '.join(ours)} are set by the program itself: leave them out")

    def common(self) -> dict[str, Any]:
        """Properties of any client. Its log lines go to the logger `stream_reconcile.kafka`, once a minute each."""
        return {
            **_WAITS,
            **self.properties,
            "bootstrap.servers": self.bootstrap_servers,
            "client.id": self.client_id,
            "logger": LOGGER,
        }

    def admin(self) -> dict[str, Any]:
        """Properties of an AdminClient."""
        return self.common()

    def producer(self) -> dict[str, Any]:
        """Properties of a producer: idempotent, acknowledged by all in-sync copies, keys placed as Java's do."""
        return {
            **self.common(),
            "enable.idempotence": True,
            "acks": "all",
            "partitioner": "murmur2_random",
            "message.max.bytes": MAX_MESSAGE_BYTES,
        }

    def consumer(self, group: str) -> dict[str, Any]:
        """Properties of a consumer that takes its positions from the database, never from the group (DESIGN §3)."""
        return {
            **self.common(),
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
        }
