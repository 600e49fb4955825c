"""Where scenarios run: a Kafka and a Postgres, a database and a prefix of topics for each."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient

from stream_reconcile.embedded import EmbeddedKafka, EmbeddedPostgres
from stream_reconcile.store.migrations import migrate
from support.servers import SCHEMA, create_database, drop_database

_TEMPLATE = "weather_template"


@dataclass(frozen=True)
class Place:
    """Servers that run. `template`: name of a migrated database; `directory`: for logs of processes."""

    kafka: str
    postgres: str
    template: str
    directory: Path

    @contextmanager
    def database(self) -> Iterator[tuple[str, str]]:
        """DSN of a migrated database and a prefix of topics, both gone afterwards."""
        name = f"weather_{secrets.token_hex(6)}"
        dsn = create_database(self.postgres, name, template=self.template)
        try:
            yield dsn, name
        finally:
            drop_database(self.postgres, name)
            admin = AdminClient({"bootstrap.servers": self.kafka, "log_level": 0})
            made = [topic for topic in admin.list_topics(timeout=30).topics if topic.startswith(name)]
            for deleted in admin.delete_topics(made, operation_timeout=30).values() if made else ():
                deleted.result(timeout=30)


@contextmanager
def own_place(parent: Path | None) -> Iterator[Place]:
    """Servers of our own with the defaults of each (durable commits), in a directory that is removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="reconcile-weather-", dir=parent))
    directory.chmod(0o755)  # we may run as root, Postgres may not
    try:
        with (
            EmbeddedKafka(directory / "kafka", long_lived=True) as kafka,
            EmbeddedPostgres(directory / "postgres") as postgres,
        ):
            migrate(create_database(postgres.dsn, _TEMPLATE), SCHEMA)
            yield Place(kafka.bootstrap_servers, postgres.dsn, _TEMPLATE, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
