"""What `check` says of logins that may too much and of connections that can be listened to; and Kafka's properties."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from stream_reconcile.commands.check import kafka, postgres
from stream_reconcile.commands.servers import Servers, kafka_properties
from stream_reconcile.config import Settings
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.store.server_facts import ServerFacts


def said(*, is_superuser: bool, is_encrypted: bool, host: str) -> str:
    facts = ServerFacts("18.0", 18, False, [], is_superuser, is_encrypted, datetime.now(UTC))
    return " ".join(finding.message for finding in postgres._check_exposure(facts, host, "reconcile_writer"))


def settings(**changes: object) -> Settings:
    defaults = {name: field.get_default(call_default_factory=True) for name, field in Settings.model_fields.items()}
    return Settings.model_construct(**(defaults | changes))


def test_a_superuser_is_more_than_the_jobs_need() -> None:
    assert "member of reconcile_writer" in said(is_superuser=True, is_encrypted=True, host="db")
    assert said(is_superuser=False, is_encrypted=True, host="db") == ""


@pytest.mark.parametrize(
    ("host", "warned"), [("db", True), ("192.0.2.1", True), ("127.0.0.1", False), ("::1", False), ("/run/pg", False)]
)
def test_postgres_in_the_clear_off_this_machine(host: str, *, warned: bool) -> None:
    assert ("sslmode=verify-full" in said(is_superuser=False, is_encrypted=False, host=host)) is warned


@pytest.mark.parametrize(
    ("servers", "protocol", "warned"),
    [
        ("kafka-1:9092", "PLAINTEXT", True),
        ("127.0.0.1:9092,kafka-1:9092", "SASL_PLAINTEXT", True),
        ("kafka-1:9092", "SASL_SSL", False),
        ("127.0.0.1:9092,[::1]:9092", "PLAINTEXT", False),
    ],
)
def test_kafka_in_the_clear_off_this_machine(servers: str, protocol: str, *, warned: bool) -> None:
    found = list(
        kafka._check_exposure(settings(kafka_security_protocol=protocol), Servers(KafkaConfig(servers), "host=h"))
    )
    assert bool(found) is warned


def test_every_setting_of_kafka_is_a_property_of_librdkafkas() -> None:
    made = kafka_properties(
        settings(
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_mechanism="SCRAM-SHA-512",
            kafka_sasl_username="u",
            kafka_sasl_password=SecretStr("p"),
            kafka_ssl_ca_location="ca",
            kafka_ssl_certificate_location="cert",
            kafka_ssl_key_location="key",
            kafka_ssl_key_password=SecretStr("q"),
        )
    )
    assert made == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "u",
        "sasl.password": "p",
        "ssl.ca.location": "ca",
        "ssl.certificate.location": "cert",
        "ssl.key.location": "key",
        "ssl.key.password": "q",
    }
