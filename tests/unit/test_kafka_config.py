"""Connection properties: what the program sets stands, and nothing secret shows."""

from __future__ import annotations

import logging
import time

import pytest

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.log.connection import LOGGER, RESERVED, KafkaConfig, OncePerMinute

SASL = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "reconcile",
    "sasl.password": "hidden-word",
}


def test_properties_are_passed_on() -> None:
    config = KafkaConfig("kafka-1:9092", {**SASL, "socket.timeout.ms": 3000})
    for properties in (config.admin(), config.producer(), config.consumer("group")):
        assert properties["bootstrap.servers"] == "kafka-1:9092"
        assert properties["sasl.password"] == "hidden-word"
        assert properties["socket.timeout.ms"] == 3000
        assert properties["client.id"] == "stream-reconcile"


def test_what_the_guarantees_rest_on_is_set() -> None:
    config = KafkaConfig("kafka-1:9092")
    producer, consumer = config.producer(), config.consumer("group")
    assert (producer["acks"], producer["enable.idempotence"]) == ("all", True)
    assert producer["partitioner"] == "murmur2_random"
    assert consumer["auto.offset.reset"] == "error"
    assert consumer["enable.auto.commit"] is False
    assert consumer["enable.auto.offset.store"] is False


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_property_that_is_ours_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name.replace(".", r"\.")) as caught:
        KafkaConfig("kafka-1:9092", {name: "hidden-word"})
    assert "hidden-word" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_no_secret_is_in_its_text() -> None:
    config = KafkaConfig("kafka-1:9092", SASL)
    assert "hidden-word" not in repr(config)
    assert "kafka-1:9092" in repr(config)


def test_an_outage_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    line = "FAIL [reconcile#consumer-%d] [thrd:kafka-1:9092/%d]: kafka-1:9092: Connect failed (after %dms in CONNECT)"
    for number in range(50):
        LOGGER.error(line, number, number % 3, number)
    LOGGER.error("FAIL [stream-reconcile#consumer-1] [thrd:kafka-2:9092/1]: kafka-2:9092: Connect failed (after 0ms)")
    assert [record.getMessage().count("kafka-1") for record in caplog.records] == [2, 0]


def test_what_was_said_is_said_again_later_and_is_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    once = OncePerMinute()

    def passes(text: str) -> bool:
        return once.filter(logging.LogRecord("kafka", logging.ERROR, "", 0, text, None, None))

    assert passes("broker a is away")
    now[0] += 59
    assert not passes("broker a is away")
    now[0] += 2
    assert passes("broker a is away")
    for number in range(1000):
        assert passes(f"broker {number} is away")
    assert len(once._last) <= 500
