"""Questions to a real schema registry, and records as a later version of ours would write them."""

from __future__ import annotations

import json
from typing import Any, Final

from stream_reconcile.log import schemas
from stream_reconcile.log.codec import SINGLE_OBJECT_HEADER_BYTES, SingleObjectCodec
from stream_reconcile.log.envelope import Envelope
from stream_reconcile.log.topics import Topics
from support.apicurio import Apicurio

OURS: Final[dict[str, Any]] = json.loads(schemas.current("trade_update").text)
"""The schema of the topic of trade updates, as JSON."""


def with_field(**field: Any) -> str:
    """OURS with one more field at its end."""
    return json.dumps(OURS | {"fields": [*OURS["fields"], field]})


NEWER: Final = with_field(name="shard", type="int", default=0)
"""What a later version may do: old and new programs can read each other's records."""


def newer_record(number: int, envelope: Envelope) -> bytes:
    """The envelope as that later version writes it; `number` is the id of NEWER."""
    topics = Topics()
    body = SingleObjectCodec(topics).encode(topics.trade_updates, envelope)[SINGLE_OBJECT_HEADER_BYTES:]
    return b"\x00" + number.to_bytes(4, "big") + body + b"\x06"


def full_transitive(registry: Apicurio, subject: str) -> None:
    """From now on it refuses what is not compatible with all versions, both ways."""
    assert registry.ask("PUT", f"/config/{subject}", {"compatibility": "FULL_TRANSITIVE"})[0] == 200


def added(registry: Apicurio, subject: str, text: str) -> tuple[int, Any]:
    """Status and answer to a new version."""
    return registry.ask("POST", f"/subjects/{subject}/versions", {"schema": text, "schemaType": "AVRO"})


def compatible(registry: Apicurio, subject: str, text: str) -> bool:
    """What it says of a version without taking it."""
    path = f"/compatibility/subjects/{subject}/versions/latest"
    status, answer = registry.ask("POST", path, {"schema": text, "schemaType": "AVRO"})
    assert status == 200
    return bool(answer["is_compatible"])
