"""The latency floor's first half: the same frames at the same rate straight into Kafka, acks=all, sent at once.

Settings: bootstrap_servers, topic. Commands as `pace` of child_socket; each is answered by `sent`.
"""

from __future__ import annotations

from children import say, settings, told
from confluent_kafka import Producer
from frames import generated, stamped, with_room
from pacing import paced

from stream_reconcile.log.connection import KafkaConfig


def main() -> None:
    given = settings()
    producer = Producer({**KafkaConfig(given["bootstrap_servers"]).producer(), "linger.ms": 0})
    while (command := told()) is not None:
        frames = [with_room(raw) for raw in generated(command["seed"], round(command["rate"] * command["seconds"]))]
        letter = command["letter"].encode()
        for frame in paced(frames, command["rate"]):
            raw = stamped(frame, letter)
            producer.produce(given["topic"], raw, stamp_of(raw, letter))
            producer.poll(0)
        producer.flush(30)
        say("sent", frames=len(frames))
    say("result")


def stamp_of(raw: bytes, letter: bytes) -> bytes:
    """The client order id that `stamped` has just written."""
    start = raw.index(b'"client_order_id":"' + letter) + len(b'"client_order_id":"')
    return raw[start : start + 20]


if __name__ == "__main__":
    main()
