"""The floor: consume → decode → COPY → ON CONFLICT and a cursor row, batches of 5,000, each commit durable.

Settings: bootstrap_servers, topic, partitions, dsn, schema, account, writer_thread. Ends at the end of its partitions.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

from children import Commits, result_of_process, settings
from confluent_kafka import Consumer, Message, TopicPartition
from floor_rows import copy_text
from floor_store import FloorStore

BATCH = 5_000


class Batches:
    """The records of some partitions, from the first to what is the last one now."""

    def __init__(self, bootstrap_servers: str, topic: str, partitions: list[int]) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "floor",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                # The default of a second makes a full queue wait that long before it is filled again.
                "fetch.queue.backoff.ms": 5,
            }
        )
        self._left = 0
        for partition in partitions:
            self._left += self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)[1]
        self._consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])

    def __iter__(self) -> Iterator[list[Message]]:
        while self._left:
            messages = self._consumer.consume(min(BATCH, self._left), 10)
            if not messages or any(message.error() is not None for message in messages):
                raise RuntimeError(f"Kafka gave {len(messages)} records of {self._left}")
            self._left -= len(messages)
            yield messages
        self._consumer.close()


def next_offsets(messages: list[Message]) -> dict[int, int]:
    return {message.partition(): message.offset() + 1 for message in messages}  # type: ignore[misc,operator] # a record's


def in_turn(batches: Batches, store: FloorStore, commits: Commits) -> None:
    """Decode and write, one after the other."""
    for messages in batches:
        store.write(copy_text(messages), next_offsets(messages))
        commits.note(len(messages))


def with_writer_thread(batches: Batches, store: FloorStore, commits: Commits) -> None:
    """The same, decoding the next batch while the last one is written."""
    waiting: queue.Queue[tuple[str, dict[int, int], int] | None] = queue.Queue(2)

    def write() -> None:
        while (batch := waiting.get()) is not None:
            store.write(batch[0], batch[1])
            commits.note(batch[2])

    writer = threading.Thread(target=write, name="writer")
    writer.start()
    for messages in batches:
        waiting.put((copy_text(messages), next_offsets(messages), len(messages)))
    waiting.put(None)
    writer.join()


def main() -> None:
    given = settings()
    store = FloorStore(given["dsn"], given["schema"], given["account"], given["topic"])
    batches = Batches(given["bootstrap_servers"], given["topic"], given["partitions"])
    apply = with_writer_thread if given["writer_thread"] else in_turn
    commits = Commits()
    apply(batches, store, commits)
    result_of_process(commits=commits.notes)


if __name__ == "__main__":
    main()
