"""The same servers from containers, where a Docker engine answers (RECONCILE_TEST_SERVERS=docker)."""

from __future__ import annotations

from collections.abc import Mapping

from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from stream_reconcile.embedded.kafka_storage import ONE_NODE
from stream_reconcile.embedded.obstacles import LOOPBACK, find_port

KAFKA_IMAGE = "apache/kafka:4.1.1"
POSTGRES_IMAGE = "postgres:18"
_PASSWORD = "test"


class DockerKafka:
    """Kafka's own image, one node; its port is fixed beforehand because the broker has to advertise it."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        port = find_port()
        self.bootstrap_servers = f"{LOOPBACK}:{port}"
        settings = {
            **ONE_NODE,
            **properties,
            "controller.quorum.voters": "1@localhost:9093",
            "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap_servers}",
        }
        self._container = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, port)
        for name, value in settings.items():
            self._container.with_env("KAFKA_" + name.upper().replace(".", "_"), value)
        self._container.waiting_for(LogMessageWaitStrategy("Kafka Server started"))

    def start(self) -> str:
        self._container.start()
        return self.bootstrap_servers

    def stop(self) -> None:
        self._container.stop()


class DockerPostgres:
    """Postgres's own image on a port of its choice."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._container = (
            DockerContainer(POSTGRES_IMAGE)
            .with_exposed_ports(5432)
            .with_env("POSTGRES_PASSWORD", _PASSWORD)
            .with_command(["postgres", "-c", "max_connections=200", *words])
            # the image starts twice: once for its set-up, then for good
            .waiting_for(LogMessageWaitStrategy("database system is ready to accept connections", times=2))
        )

    @property
    def dsn(self) -> str:
        host, port = self._container.get_container_host_ip(), self._container.get_exposed_port(5432)
        return f"postgresql://postgres:{_PASSWORD}@{host}:{port}/postgres"

    def start(self) -> str:
        self._container.start()
        return self.dsn

    def stop(self) -> None:
        self._container.stop()
