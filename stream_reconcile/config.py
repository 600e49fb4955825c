"""Every setting of the program: environment, then a TOML file, then defaults; checked once, at start.

A setting's environment name and TOML key follow from its field name by one rule (`env_name`), so that the table in
docs/configuration.md can be checked against this model. Names without our prefix are those that the other tools of
each system use (alpaca-py's `APCA_…`, `KAFKA_BOOTSTRAP_SERVERS`, `DATABASE_URL`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasGenerator,
    Field,
    SecretStr,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from stream_reconcile import config_sources as sources
from stream_reconcile import config_values as values
from stream_reconcile.config_account import PAPER_URL, Account, AccountId, Address, BrokerUrl
from stream_reconcile.core.errors import ConfigError

DEFAULT_FILE = Path("stream-reconcile.toml")
FILE_VARIABLE = "RECONCILE_CONFIG"


def env_name(field: str) -> str:
    """Environment variable of a field: `http_addr` → `RECONCILE_HTTP_ADDR`, `database_url` → `DATABASE_URL`."""
    unprefixed = field.startswith(("apca_", "kafka_", "schema_registry_")) or field == "database_url"
    name = field.rstrip("_").upper()  # `schema_`, because pydantic's models have a `schema` of their own
    return name if unprefixed else f"RECONCILE_{name}"


Topic = Annotated[str, AfterValidator(values.topic_prefix)]


class Settings(BaseSettings):
    """All settings. Make it with `load_settings`, which turns what is wrong into one ConfigError."""

    model_config = SettingsConfigDict(
        alias_generator=AliasGenerator(validation_alias=env_name),
        populate_by_name=True,
        case_sensitive=True,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )

    # The broker.
    apca_api_key_id: SecretStr | None = Field(
        None, description="Key id of the Alpaca account.", examples=["PKXXXXXXXXXXXXXXXXXX"]
    )
    apca_api_secret_key: SecretStr | None = Field(
        None, description="Secret key of the Alpaca account.", examples=["the secret that came with the key"]
    )
    apca_api_base_url: BrokerUrl = Field(
        PAPER_URL, description="Address of Alpaca's trading API; the stream's address follows from it."
    )
    account_id: AccountId | None = Field(
        None,
        description="The only account that may be behind the key. Unset: the first account seen is pinned.",
        examples=["b6a1d8a2-5d0c-4f0e-9d53-6f2f6c0a7c11"],
    )
    accounts: tuple[Account, ...] = Field(
        (),
        description="Several accounts, in place of key, secret and account id above: `[[accounts]]` tables in TOML "
        "(a JSON list in the environment) of `name`, `key`, `secret` (or `key_file`, `secret_file`), `base_url`, "
        "`account_id`.",
        examples=['[{"name": "paper", "key": "…", "secret": "…"}]'],
    )

    allow_plain_http: bool = Field(
        False,
        description="1: `APCA_API_BASE_URL` may be an `http://` address of another machine (a simulator in the next "
        "container); the secret goes there unencrypted.",
        examples=["1"],
    )

    # Kafka.
    kafka_bootstrap_servers: Annotated[str, AfterValidator(values.bootstrap_servers)] | None = Field(
        None, description="Kafka's first addresses, separated by commas.", examples=["kafka-1:9092,kafka-2:9092"]
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to Kafka.", examples=["SASL_SSL"]
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="SASL mechanism.", examples=["SCRAM-SHA-512"]
    )
    kafka_sasl_username: str | None = Field(None, description="SASL user.")
    kafka_sasl_password: SecretStr | None = Field(None, description="SASL password.", examples=["the password"])
    kafka_ssl_ca_location: str | None = Field(
        None, description="File with the certificates to trust.", examples=["/etc/ssl/certs/kafka-ca.pem"]
    )
    kafka_ssl_certificate_location: str | None = Field(
        None, description="File with our certificate.", examples=["/etc/ssl/reconcile.pem"]
    )
    kafka_ssl_key_location: str | None = Field(
        None, description="File with our private key.", examples=["/etc/ssl/reconcile.key"]
    )
    kafka_ssl_key_password: SecretStr | None = Field(
        None, description="Password of our private key.", examples=["the password"]
    )
    kafka_client: Annotated[dict[str, str | int | float | bool], AfterValidator(values.kafka_client)] = Field(
        {},
        description="Any other librdkafka property: a `[kafka_client]` table in TOML (a JSON object in the "
        "environment). Properties that the guarantees rest on are refused.",
        examples=['{"socket.keepalive.enable": true}'],
        repr=False,  # some of librdkafka's properties are secrets
    )
    schema_registry_url: Annotated[SecretStr, AfterValidator(values.registry_url)] | None = Field(
        None,
        description="Schema registry (Confluent's API), with user and password if it wants them. Set: records are in "
        "Confluent's wire format. Unset: Avro single-object encoding with the schemas of this package.",
        examples=["http://registry:8081"],
    )
    consumer_group: Annotated[str, AfterValidator(values.consumer_group)] = Field(
        "stream-reconcile", description="Kafka consumer group of apply."
    )
    group_protocol: Literal["auto", "consumer", "classic"] = Field(
        "auto",
        description="Rebalance protocol of apply: KIP-848 (`consumer`) where the brokers have it, else `classic`.",
    )
    topic_prefix: Topic = Field("alpaca.", description="What the names of all topics begin with.")
    partitions: int = Field(8, ge=1, le=1000, description="Partitions of each topic that apply reads; never change it.")
    replication_factor: int | None = Field(
        None,
        ge=1,
        le=32767,
        description="Copies of each topic, at creation. Unset: 3, or as many as there are brokers if fewer.",
        examples=["3"],
    )
    min_insync_replicas: int | None = Field(
        None,
        ge=1,
        le=32767,
        description="Copies that must have a record before it counts as written. Unset: one fewer than the copies, "
        "at least 1.",
        examples=["2"],
    )
    retention_ms: int = Field(
        -1,
        ge=-1,
        description="How long Kafka keeps records, in milliseconds; -1 is for ever. A shorter one ends what a replay "
        "can rebuild.",
    )

    # Postgres.
    database_url: Annotated[SecretStr, AfterValidator(values.database_url)] | None = Field(
        None,
        description="Postgres, as a URL or as libpq's `key=value` words.",
        examples=["postgresql://reconcile_writer:PASSWORD@db:5432/trading"],
    )
    schema_: Annotated[str, AfterValidator(values.schema_name)] = Field(
        "reconcile",
        validation_alias=AliasChoices("RECONCILE_SCHEMA", "schema"),
        description="Postgres schema of all our tables.",
    )
    role_prefix: Annotated[str, AfterValidator(values.role_prefix)] = Field(
        "reconcile",
        description="What the names of the four database roles begin with: `…_migrator`, `…_writer`, `…_reader`, "
        "`…_intent`. Roles belong to the whole Postgres: installations that may not touch each other's schema need "
        "prefixes of their own.",
    )
    migrate: bool = Field(True, description="`run` brings the tables up to date first.", examples=["0"])

    # Embedded servers.
    embedded: bool | None = Field(
        None,
        description="1: start Kafka and Postgres ourselves. 0: never. Unset: only if neither `DATABASE_URL` nor "
        "`KAFKA_BOOTSTRAP_SERVERS` is set and all roles run in this process.",
        examples=["1"],
    )
    data_dir: Path = Field(
        Path(".reconcile"),
        description="Folder of the embedded Kafka and Postgres; a relative one is below the working directory.",
        examples=["/var/lib/stream-reconcile"],
    )

    # The sweep.
    hot_interval_seconds: float = Field(10, ge=0.1, le=86_400, description="Seconds from one hot sweep to the next.")
    deep_interval_seconds: float = Field(
        300, ge=1, le=31 * 86_400, description="Seconds from one deep sweep to the next."
    )
    deep_days: float = Field(7, gt=0, le=36_500, description="How many days of orders a deep sweep reads.")
    broker_budget: float = Field(
        0.5, gt=0, le=1, description="Share of the broker's rate limit that sweeps may use; the rest is your program's."
    )
    external_orders: Literal["auto", "open", "accept"] = Field(
        "auto",
        description="Orders without a decision: `open` a discrepancy for each, `accept` them all, or `auto`: open them "
        "only in an account that has decisions.",
    )

    # How it runs.
    http_addr: Annotated[str, AfterValidator(values.listen_address)] = Field(
        "127.0.0.1:8080", description="Where the status page, the API, `/metrics`, `/livez` and `/readyz` answer."
    )
    http_token: Annotated[SecretStr, AfterValidator(values.http_token)] | None = Field(
        None,
        description="Bearer token that HTTP asks for off loopback (but for `/livez` and `/readyz`).",
        examples=["the output of `openssl rand -hex 32`"],
    )
    lag_limit_seconds: float = Field(
        30, gt=0, le=31 * 86_400, description="Lag in seconds from which `lag` and `status` say bad news."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto`: console on a terminal, else JSON lines.", examples=["json"]
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], values.Lowercase] = Field(
        "info", description="Least level that is logged."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        secrets = secret_fields()
        return (
            init_settings,
            sources.Environment(settings_cls, {env_name(field) for field in secrets}),
            sources.TomlFile(settings_cls, config_file(), secrets),
        )

    @model_validator(mode="after")
    def _settings_fit_each_other(self) -> Self:
        if (self.apca_api_key_id is None) != (self.apca_api_secret_key is None):
            unset = "APCA_API_KEY_ID" if self.apca_api_key_id is None else "APCA_API_SECRET_KEY"
            other = "APCA_API_SECRET_KEY" if self.apca_api_key_id is None else "APCA_API_KEY_ID"
            raise ValueError(f"{unset}: is not set, but {other} is. Set both")
        if self.accounts and self.apca_api_key_id is not None:
            raise ValueError("RECONCILE_ACCOUNTS: names accounts, and so does APCA_API_KEY_ID. Keep one of the two")
        if self.accounts and self.account_id is not None:
            raise ValueError(
                "RECONCILE_ACCOUNT_ID: says which account is behind one key, but RECONCILE_ACCOUNTS lists several. "
                "Give each account its own `account_id`"
            )
        for url in (self.apca_api_base_url, *(account.base_url for account in self.accounts)):
            if not self.allow_plain_http and values.is_plain_and_remote(url):
                raise ValueError(
                    f"APCA_API_BASE_URL: {url} would carry the secret unencrypted to another machine. Write https://, "
                    "or RECONCILE_ALLOW_PLAIN_HTTP=1 if that is a simulator"
                )
        names = [account.name for account in self.accounts]
        if len(set(names)) != len(names):
            raise ValueError("RECONCILE_ACCOUNTS: two accounts have the same name. Give each its own `name`")
        if len({account.key.get_secret_value() for account in self.accounts}) != len(names):
            raise ValueError("RECONCILE_ACCOUNTS: two accounts have the same key. List each account once")
        copies = self.replication_factor
        if copies is not None and self.min_insync_replicas is not None and self.min_insync_replicas > copies:
            raise ValueError(
                f"RECONCILE_MIN_INSYNC_REPLICAS: {self.min_insync_replicas} is more than "
                f"RECONCILE_REPLICATION_FACTOR ({copies}), so nothing could ever be written. Write {copies} or less"
            )
        sasl = self.kafka_security_protocol.startswith("SASL_")
        if sasl and self.kafka_sasl_mechanism is None and "sasl.mechanism" not in self.kafka_client:
            raise ValueError(
                f"KAFKA_SASL_MECHANISM: is not set, but KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} needs "
                "it. Write SCRAM-SHA-512, for example"
            )
        if not sasl and self.kafka_sasl_mechanism is not None:
            raise ValueError(
                f"KAFKA_SASL_MECHANISM: has no effect with KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol}, "
                "so the password would not be used. Write KAFKA_SECURITY_PROTOCOL=SASL_SSL"
            )
        return self

    @property
    def listen(self) -> Address:
        """`http_addr` as host and port."""
        return Address(*values.split_address(self.http_addr))

    @property
    def data_path(self) -> Path:
        """`data_dir` with `~` resolved. Raises ConfigError if there is no such user."""
        return sources.at_home(str(self.data_dir), "RECONCILE_DATA_DIR").absolute()

    def require_accounts(self) -> tuple[Account, ...]:
        """The accounts to reconcile, at least one; ConfigError if no key is set."""
        if self.accounts:
            here = {"base_url": self.apca_api_base_url}
            return tuple(
                account if "base_url" in account.model_fields_set else account.model_copy(update=here)
                for account in self.accounts
            )
        if self.apca_api_key_id is None or self.apca_api_secret_key is None:
            raise ConfigError(
                "APCA_API_KEY_ID and APCA_API_SECRET_KEY are not set. Make a key on Alpaca's dashboard (a paper "
                "account's will do) and set both, or list accounts in the TOML file"
            )
        return (
            Account(
                key=self.apca_api_key_id,
                secret=self.apca_api_secret_key,
                base_url=self.apca_api_base_url,
                account_id=self.account_id,
            ),
        )

    def uses_embedded(self, *, all_roles: bool) -> bool:
        """Whether Kafka and Postgres are to be started by us; ConfigError where the settings contradict each other."""
        unset = [
            name
            for name, value in (
                ("KAFKA_BOOTSTRAP_SERVERS", self.kafka_bootstrap_servers),
                ("DATABASE_URL", self.database_url),
            )
            if value is None
        ]
        if self.embedded:
            if len(unset) < 2:
                raise ConfigError(
                    "RECONCILE_EMBEDDED=1 asks for our own Kafka and Postgres, but KAFKA_BOOTSTRAP_SERVERS or "
                    "DATABASE_URL names another server. Unset RECONCILE_EMBEDDED to use those, or unset both of them"
                )
            return True
        if not unset:
            return False
        if len(unset) == 2 and all_roles and self.embedded is None:
            return True
        word = " and ".join(unset)
        verb = "is" if len(unset) == 1 else "are"
        raise ConfigError(
            f"{word} {verb} not set. Set {'it' if len(unset) == 1 else 'both'}, or for a Kafka and a Postgres of our "
            "own unset both and write RECONCILE_EMBEDDED=1"
        )

    def secret_values(self) -> tuple[str, ...]:
        """Every secret in use, for the log's redaction."""
        found = [value for name in secret_fields() if (value := getattr(self, name)) is not None]
        for account in self.accounts:
            found += [account.key, account.secret]
        found += [SecretStr(value) for value in values.kafka_client_secrets(self.kafka_client)]
        addresses = (self.database_url, self.schema_registry_url)
        plain = [secret.get_secret_value() for secret in found if secret not in addresses]
        return (*plain, *values.database_password(self.database_url), *values.url_password(self.schema_registry_url))


def secret_fields() -> frozenset[str]:
    """Fields that hold a secret: each can also be read from a file, by its name with `_FILE` (in TOML `_file`)."""
    return frozenset(name for name, field in Settings.model_fields.items() if sources.is_secret(field))


def config_file(environ: Mapping[str, str] | None = None) -> Path | None:
    """The TOML file in use: what RECONCILE_CONFIG names (ConfigError if it is not there), else ours in this folder."""
    named = (os.environ if environ is None else environ).get(FILE_VARIABLE)
    if not named:
        return DEFAULT_FILE if DEFAULT_FILE.is_file() else None
    path = sources.at_home(named, FILE_VARIABLE)
    if not path.is_file():
        raise ConfigError(f"{FILE_VARIABLE}: there is no file {path}. Write the path of a TOML file, or unset it")
    return path


def load_settings(**overrides: Any) -> Settings:
    """Settings from `overrides` (None = not given), the environment, the TOML file and the defaults, in this order.

    ConfigError names each setting that is wrong, what is wrong with it, and what to write.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    with sources.errors_in_plain_words(Settings, config_file()):
        return Settings(**given)


def unknown_variables(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables that look like ours and are not, each with the name that was probably meant ("" if none is near).

    Not an error: Kubernetes gives every pod `RECONCILE_SERVICE_HOST` and the like for a Service named `reconcile`.
    """
    known = {env_name(field): field for field in Settings.model_fields} | {FILE_VARIABLE: ""}
    known |= {f"{env_name(field)}_FILE": field for field in secret_fields()}
    return sources.near_misses(os.environ if environ is None else environ, known, prefixes=("RECONCILE_", "APCA_"))
