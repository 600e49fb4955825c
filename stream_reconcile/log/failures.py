"""librdkafka's error codes → our errors: away, login refused, forbidden, refused for another reason."""

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaError

from stream_reconcile.core.errors import ConfigError, CredentialsRefused, KafkaUnreachable, ReconcileError, RefusedError
from stream_reconcile.log.connection import KafkaConfig

_WRONG_LOGIN: Final = frozenset({KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED})
LOGIN_REFUSED: Final = _WRONG_LOGIN | {KafkaError._SSL}
FORBIDDEN: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
# Asked of a cluster where it doesn't exist: an answer, not a failure. Which one depends on the request.
NO_SUCH_TOPIC: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._NOENT,
    }
)
# Just made, or just moved to another broker.
NO_LEADER_NOW: Final = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
    }
)
# The group's coordinator has just started, or just taken the group over.
NO_COORDINATOR_NOW: Final = frozenset(
    {
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_COORDINATOR,
    }
)
SAID_NO: Final = frozenset(
    {
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.INVALID_PARTITIONS,
        KafkaError.INVALID_CONFIG,
        KafkaError.POLICY_VIOLATION,
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError._UNSUPPORTED_FEATURE,
        KafkaError.INVALID_REQUEST,
    }
)


def is_login_refused(error: KafkaError) -> bool:
    """Whether an error says that TLS or the login did not come about.

    That Kafka refuses our certificate, it says in a TLS alert, after the handshake; librdkafka has no code for it.
    """
    return error.code() in LOGIN_REFUSED or ("SSL routines" in error.str() and " alert " in error.str())


def not_made(config: KafkaConfig, error: KafkaError) -> ConfigError:
    """Our error where librdkafka does not take the properties: a file that is not there, a value that can't be."""
    return ConfigError(
        f"librdkafka can't be set up for Kafka at {config.bootstrap_servers}: {error.str()}. Correct that property or "
        "file (the settings begin with KAFKA_)"
    )


def kafka_error(
    what: str, config: KafkaConfig, error: KafkaError, login_error: KafkaError | None = None
) -> ReconcileError:
    """Our error for one of librdkafka's. `what` says what can't be done; `login_error` is a login refused before."""
    servers = config.bootstrap_servers
    code = error.code()
    refused = login_error or error
    if is_login_refused(refused) and refused.code() not in _WRONG_LOGIN and code not in FORBIDDEN | SAID_NO:
        return CredentialsRefused(
            f"{what}: no TLS with Kafka at {servers} ({refused.name()}): check that KAFKA_SSL_CA_LOCATION holds the "
            "authority of its certificate, that the certificate names this address, and that Kafka trusts ours if it "
            "wants one"
        )
    if code in LOGIN_REFUSED or (login_error is not None and code not in FORBIDDEN | SAID_NO):
        return CredentialsRefused(
            f"{what}: Kafka at {servers} refused our login ({refused.name()}): check user and password"
        )
    if code in FORBIDDEN:
        return RefusedError(
            f"{what}: Kafka at {servers} forbids it ({error.name()}): give our user the rights in docs/kafka.md"
        )
    if code in SAID_NO:
        return RefusedError(f"{what}: Kafka at {servers} said no ({error.name()}): {error.str()}")
    return KafkaUnreachable(
        f"{what}: Kafka at {servers} does not answer ({error.name()}): check that it runs, that "
        "KAFKA_BOOTSTRAP_SERVERS names it, and that KAFKA_SECURITY_PROTOCOL is what it wants"
    )
