"""The latency floor's second half: take what is there, one durable commit, note how long ago each record was sent.

Settings: bootstrap_servers, topic, partitions, dsn. The key of a record says when it was sent. Ends when told to.
"""

from __future__ import annotations

import threading
import time

import psycopg
from children import result_of_process, say, settings, when_told_to_end
from confluent_kafka import Consumer, TopicPartition

_INSERT = """
INSERT INTO floor_latency (partition, "offset", sent_ns, raw)
SELECT * FROM unnest(%s::integer[], %s::bigint[], %s::bigint[], %s::bytea[])
"""


def main() -> None:
    given = settings()
    over = threading.Event()
    when_told_to_end(over.set)
    consumer = Consumer(
        {
            "bootstrap.servers": given["bootstrap_servers"],
            "group.id": "floor",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
        }
    )
    consumer.assign([TopicPartition(given["topic"], partition, 0) for partition in given["partitions"]])
    waited_ms: list[float] = []
    commits = 0
    with psycopg.connect(given["dsn"], autocommit=True) as connection:
        connection.execute(
            'CREATE TABLE floor_latency (partition integer, "offset" bigint, sent_ns bigint, raw bytea, '
            'PRIMARY KEY (partition, "offset"))'
        )
        say("ready")
        while not over.is_set():
            first = consumer.poll(0.1)
            if first is None:
                continue
            messages = [first, *consumer.consume(999, 0)]
            keys = [(message.key() or b"").decode() for message in messages]
            stamps = [int(key[1:]) for key in keys]
            places = [message.partition() for message in messages], [message.offset() for message in messages]
            raws = [message.value() for message in messages]
            connection.execute(_INSERT, (*places, stamps, raws), prepare=True, binary=True)
            now = time.time_ns()
            commits += 1
            waited_ms += [(now - stamp) / 1e6 for key, stamp in zip(keys, stamps, strict=True) if key[0] == "T"]
    consumer.close()
    result_of_process(waited_ms=waited_ms, commits=commits)


if __name__ == "__main__":
    main()
