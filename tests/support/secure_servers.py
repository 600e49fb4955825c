"""A Kafka that wants TLS and a login, with users whose rights are those of docs/kafka.md and no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (  # type: ignore[attr-defined] # its public names are not in an __all__
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from stream_reconcile.embedded import EmbeddedKafka
from stream_reconcile.log.connection import Property
from support.certificates import Authority
from support.command import free_port
from support.servers import KAFKA_PROPERTIES

PASSWORD = "right-word-of-kafka"
_TOPIC_RIGHTS = ("READ", "WRITE", "CREATE", "DESCRIBE", "DESCRIBE_CONFIGS")  # docs/kafka.md#rights


@dataclass(frozen=True)
class SecureKafka:
    """`open` takes anybody; `login` is SASL over TLS, `certified` TLS with a certificate of the client's.

    User `reconcile` has the rights of docs/kafka.md for topics `t.…` and group `t`, user `bare` has none; both with
    PASSWORD. The server's certificate is for 127.0.0.1 and is not for `localhost`.
    """

    open: str
    login: str
    certified: str
    authority: Path
    other_authority: Path
    client: tuple[Path, Path] = field(repr=False)

    def properties(self, user: str = "reconcile", password: str = PASSWORD, **changes: Property) -> dict[str, Property]:
        """librdkafka's, for `login`; `changes` with _ in place of the dots."""
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": password,
            "ssl.ca.location": str(self.authority),
        } | {name.replace("_", "."): value for name, value in changes.items()}


@contextmanager
def secure_kafka(folder: Path) -> Iterator[SecureKafka]:
    """Started, with its two users."""
    authority, other = Authority(folder, "kafka-authority"), Authority(folder, "another-authority")
    store = folder / "kafka.pem"
    certificate, key = authority.issue("kafka", "127.0.0.1")
    store.write_bytes(key.read_bytes() + certificate.read_bytes() + authority.certificate.read_bytes())
    ports = {name: free_port() for name in ("PLAINTEXT", "LOGIN", "CERTIFIED", "CONTROLLER")}
    listeners = ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    properties = KAFKA_PROPERTIES | {
        "listeners": listeners,
        "advertised.listeners": listeners,
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{ports['CONTROLLER']}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_SSL,CERTIFIED:SSL",
        "listener.name.login.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.login.scram-sha-512.sasl.jaas.config": scram,
        "listener.name.certified.ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(store),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.certificate),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    with EmbeddedKafka(folder / "kafka", port=ports["PLAINTEXT"], properties=properties) as server:
        _make_users(server.bootstrap_servers)
        yield SecureKafka(
            server.bootstrap_servers,
            f"127.0.0.1:{ports['LOGIN']}",
            f"127.0.0.1:{ports['CERTIFIED']}",
            authority.certificate,
            other.certificate,
            authority.issue("client"),
        )


def _make_users(servers: str) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    users: list[Any] = [UserScramCredentialUpsertion(user, scram, PASSWORD.encode()) for user in ("reconcile", "bare")]
    allowed = [(ResourceType.TOPIC, "t.", ResourcePatternType.PREFIXED, right) for right in _TOPIC_RIGHTS]
    allowed.append((ResourceType.GROUP, "t", ResourcePatternType.LITERAL, "READ"))
    rights = [
        AclBinding(kind, name, pattern, "User:reconcile", "*", AclOperation[right], AclPermissionType.ALLOW)
        for kind, name, pattern, right in allowed
    ]
    for futures in (admin.alter_user_scram_credentials(users), admin.create_acls(rights)):
        for future in futures.values():
            future.result(timeout=30)
