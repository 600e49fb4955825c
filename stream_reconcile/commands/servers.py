"""Which Kafka and which Postgres a command talks to: those of the settings, or embedded ones.

`run` starts the embedded servers and leaves their addresses in the data directory, so that `status`, `lag` and the
others find them; where they have been stopped, those commands start them for as long as they need them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from stream_reconcile.config import Settings
from stream_reconcile.core.errors import ConfigError
from stream_reconcile.log.codec import Codec, SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig, Property
from stream_reconcile.log.topic_check import TopicPlan
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.connect import redact_dsn
from stream_reconcile.store.roles import RoleNames

if TYPE_CHECKING:
    from stream_reconcile.embedded import EmbeddedServers

log = structlog.get_logger()

ADDRESSES = "addresses.json"


@dataclass(frozen=True, slots=True)
class Servers:
    """Where Kafka and Postgres are. `dsn` holds a password: never print it (`postgres` is for people)."""

    kafka: KafkaConfig
    dsn: str = field(repr=False)
    embedded: bool = False

    @property
    def postgres(self) -> str:
        """`user@host:port/database`."""
        return redact_dsn(self.dsn)


def topics(settings: Settings) -> Topics:
    """The topics of these settings."""
    return Topics(settings.topic_prefix)


def role_names(settings: Settings) -> RoleNames:
    """The database roles of these settings."""
    return RoleNames.beginning_with(settings.role_prefix)


def topic_plan(settings: Settings) -> TopicPlan:
    """What the topics are to be like."""
    return TopicPlan(
        partitions=settings.partitions,
        retention_ms=settings.retention_ms,
        replication_factor=settings.replication_factor,
        min_insync_replicas=settings.min_insync_replicas,
    )


def codec_factory(settings: Settings) -> Callable[[], Codec]:
    """Makes the codec of one job; with a registry it asks it, and raises what `RegistryCodec.register` raises."""
    named = topics(settings)
    if settings.schema_registry_url is None:
        return lambda: SingleObjectCodec(named)
    url = settings.schema_registry_url.get_secret_value()
    authority = settings.kafka_ssl_ca_location
    properties = {"ssl.ca.location": authority} if authority and url.startswith("https:") else {}

    def registered() -> Codec:
        # The registry's client takes a while to load, and few have a registry.
        from stream_reconcile.log.registry import RegistryCodec  # noqa: PLC0415 - as said above

        codec = RegistryCodec(named, url, properties)
        codec.register()
        return codec

    return registered


def kafka_properties(settings: Settings) -> dict[str, Property]:
    """librdkafka's properties that the settings name; those of `kafka_client` win."""
    secrets = {"sasl.password": settings.kafka_sasl_password, "ssl.key.password": settings.kafka_ssl_key_password}
    named: dict[str, Property | None] = {
        "security.protocol": settings.kafka_security_protocol,
        "sasl.mechanism": settings.kafka_sasl_mechanism,
        "sasl.username": settings.kafka_sasl_username,
        "ssl.ca.location": settings.kafka_ssl_ca_location,
        "ssl.certificate.location": settings.kafka_ssl_certificate_location,
        "ssl.key.location": settings.kafka_ssl_key_location,
        **{name: secret.get_secret_value() for name, secret in secrets.items() if secret is not None},
    }
    return {name: value for name, value in named.items() if value is not None} | settings.kafka_client


def configured(settings: Settings) -> Servers:
    """The servers that the settings name; ConfigError if one is missing."""
    if settings.kafka_bootstrap_servers is None or settings.database_url is None:
        raise ConfigError("KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL are not both set")
    kafka = KafkaConfig(settings.kafka_bootstrap_servers, kafka_properties(settings))
    return Servers(kafka, settings.database_url.get_secret_value())


@contextmanager
def servers_to_run_on(settings: Settings, *, all_roles: bool) -> Iterator[Servers]:
    """For `run`: embedded servers if the settings say so (`Settings.uses_embedded`), stopped at the end."""
    if settings.uses_embedded(all_roles=all_roles):
        with _started(settings.data_path) as servers:
            yield servers
    else:
        yield configured(settings)


def has_embedded_data(directory: Path) -> bool:
    """Whether `run` has had servers of its own there; the demo, which keeps none, makes the same folder."""
    return (directory / "postgres").is_dir() or (directory / "kafka").is_dir()


@contextmanager
def servers_to_look_at(settings: Settings) -> Iterator[Servers]:
    """For all other commands: embedded servers where they run or have left data, else the configured ones."""
    unset = settings.kafka_bootstrap_servers is None and settings.database_url is None
    if not settings.embedded and not (unset and settings.embedded is None and has_embedded_data(settings.data_path)):
        settings.uses_embedded(all_roles=False)  # says what is missing
        yield configured(settings)
        return
    settings.uses_embedded(all_roles=True)
    running = _running(settings.data_path)
    if running is not None:
        yield running
    else:
        with _started(settings.data_path) as servers:
            yield servers


@contextmanager
def _started(directory: Path) -> Iterator[Servers]:
    with _embedded(directory) as embedded:
        addresses = embedded.addresses
        note = directory / ADDRESSES
        _write_private(note, {"pid": os.getpid(), **addresses._asdict()})
        try:
            yield Servers(KafkaConfig(addresses.bootstrap_servers), addresses.database_url, embedded=True)
        finally:
            note.unlink(missing_ok=True)


def _embedded(directory: Path) -> EmbeddedServers:
    try:
        from stream_reconcile.embedded import EmbeddedServers  # noqa: PLC0415 - an extra that need not be installed
    except ImportError as error:
        raise ConfigError(
            f"an embedded Kafka and Postgres need packages that are not installed ({error.name}): install "
            "stream-reconcile[embedded], or set KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL"
        ) from None
    return EmbeddedServers(directory)


def _running(directory: Path) -> Servers | None:
    """The embedded servers of a `run` that is alive; None if there is none."""
    try:
        note = json.loads((directory / ADDRESSES).read_text(encoding="utf-8"))
        os.kill(note["pid"], 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError:
        raise ConfigError(
            f"the embedded servers of {directory} belong to another user: run this command as that user"
        ) from None
    return Servers(KafkaConfig(note["bootstrap_servers"]), note["database_url"], embedded=True)


def _write_private(path: Path, value: dict[str, Any]) -> None:
    """The file holds a password: nobody else may read it at any moment, and nobody reads half of it."""
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(value, file)
    unfinished.replace(path)
