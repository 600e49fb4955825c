"""Topic ids as Kafka has them now, asked for beside the loop: an answer takes milliseconds, and records do not wait."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from stream_reconcile.log.admin import KafkaAdmin


class TopicWatch:
    """Asks at each look for the next one."""

    def __init__(self, admin: KafkaAdmin, topics: Iterable[str]) -> None:
        self._admin, self._topics = admin, list(topics)
        self._thread = ThreadPoolExecutor(1, "apply-topics")
        self._asked: Future[dict[str, str]] | None = None

    def look(self) -> dict[str, str] | None:
        """Id by topic, as of the look before; None while there is no answer yet. Raises as KafkaAdmin does."""
        asked = self._asked
        if asked is not None and not asked.done():
            return None
        self._asked = self._thread.submit(self._admin.topic_ids, self._topics)
        return None if asked is None else asked.result()

    def forget(self) -> None:
        """What was asked is out of date: the cursors have been claimed since."""
        self._asked = None

    def close(self) -> None:
        """Wait for the answer under way, if any: it has a time limit of its own."""
        self._thread.shutdown(wait=True)
