"""Retrying dead letters: apply's own transaction on the bytes that were put aside, with their original coordinates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from stream_reconcile.core.errors import WrongAccount
from stream_reconcile.jobs.apply.decode import Decoded, Decoder
from stream_reconcile.log.codec import Codec
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.batch import Place, batch_of
from stream_reconcile.store.queries import load
from stream_reconcile.store.writer import Writer


class Selection(NamedTuple):
    """Which open letters; None means any. Offsets are inclusive; times are the records' Kafka timestamps, `until` not
    included."""

    topic: str | None = None
    partition: int | None = None
    from_offset: int | None = None
    to_offset: int | None = None
    reason: str | None = None
    order_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_PAGE = 500
_AFTER = ("after_at", "after_topic", "after_partition", "after_offset", "after_topic_id")


class Retried(NamedTuple):
    """What became of one letter."""

    place: Place
    resolved: bool
    result: str
    """`applied`; `no statement about an order`; or why it is still put aside."""


def retry_dead_letters(
    connection: psycopg.Connection, codec: Codec, topics: Topics, selection: Selection, *, who: str, why: str
) -> Iterator[Retried]:
    """Retry the selected letters in the order of the log, each in a transaction of its own; recorded in
    `operator_actions`. Any number of them: a page at a time is held.

    `connection` is in autocommit, with the schema on its search path. Raises WrongAccount when a letter is of an
    account that is not pinned here; psycopg.Error as it comes.
    """
    writer = Writer(connection, group="", owner="dead-letters retry")
    decoder = Decoder(codec, topics)
    queries = load("dead_letters.sql")
    pinned = {account for (account,) in connection.execute("SELECT account_id FROM accounts").fetchall()}
    wanted = selection._asdict() | {"limit": _PAGE} | dict.fromkeys(_AFTER)
    while page := connection.execute(queries["to_retry"], wanted).fetchall():
        for _at, *place, topic_id in page:
            retried = _retry(connection, writer, decoder, Place(*place), topic_id, pinned, who=who, why=why)
            if retried is not None:
                yield retried
        wanted |= dict(zip(_AFTER, page[-1], strict=True))


def _retry(
    connection: psycopg.Connection,
    writer: Writer,
    decoder: Decoder,
    place: Place,
    topic_id: str,
    pinned: set[str],
    *,
    who: str,
    why: str,
) -> Retried | None:
    queries = load("dead_letters.sql")
    key_of_letter = {"topic_id": topic_id, "partition": place.partition, "offset": place.offset}
    subject = f"{place.topic}:{place.partition}:{place.offset}"
    with connection.transaction():
        row = connection.execute(queries["lock_letter"], key_of_letter).fetchone()
        if row is None:
            return None
        key, payload, known_at_ms = row
        decoded = Decoded()
        record = decoder.decode(place, topic_id, key, payload, known_at_ms or 0, decoded)
        for account in decoded.accounts - pinned:
            raise WrongAccount(f"the dead letter {subject} is of account {account}, which is not pinned here")
        records = [] if record is None else [record]
        letters = decoded.dead_letters or writer.write(batch_of(records, holdings=decoded.holdings)).dead_letters
        if letters:
            result = f"{letters[0].reason}: {letters[0].error}"
        else:
            result = "applied" if records or decoded.holdings else "no statement about an order"
            connection.execute(queries["close_undecodable"], {"subject": subject, "who": who})
        resolved = not letters
        connection.execute(queries["note_retry"], key_of_letter | {"result": result, "resolved": resolved})
        action = {"subject": subject, "who": who, "why": why, "before": Jsonb({"state": "open"})}
        connection.execute(
            queries["note_action"],
            action | {"after": Jsonb({"state": "resolved" if resolved else "open", "result": result})},
        )
    return Retried(place, resolved, result)
