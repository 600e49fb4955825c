"""Settings: where they come from, in which order, and what is said about each wrong one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stream_reconcile.config import Settings, env_name, load_settings, secret_fields, unknown_variables
from stream_reconcile.core.errors import ConfigError

ACCOUNT = "b6a1d8a2-5d0c-4f0e-9d53-6f2f6c0a7c11"
SetEnv = Callable[..., None]
WriteToml = Callable[[str], Path]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(env_name(field), raising=False)
    for field in secret_fields():
        monkeypatch.delenv(f"{env_name(field)}_FILE", raising=False)
    monkeypatch.delenv("RECONCILE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> SetEnv:
    def set_all(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_all


@pytest.fixture
def toml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WriteToml:
    def write(text: str) -> Path:
        path = tmp_path / "settings.toml"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setenv("RECONCILE_CONFIG", str(path))
        return path

    return write


def test_key_secret_and_url_are_enough(env: SetEnv) -> None:
    env(APCA_API_KEY_ID="PK1", APCA_API_SECRET_KEY="sec", APCA_API_BASE_URL="https://api.alpaca.markets")
    settings = load_settings()
    (account,) = settings.require_accounts()
    assert (account.key.get_secret_value(), account.secret.get_secret_value()) == ("PK1", "sec")
    assert account.stream_url == "wss://api.alpaca.markets/stream"
    assert settings.uses_embedded(all_roles=True)


def test_environment_beats_file_beats_default(env: SetEnv, toml: WriteToml) -> None:
    toml('schema = "from_file"\npartitions = 4\n')
    env(RECONCILE_PARTITIONS="6")
    settings = load_settings()
    assert (settings.partitions, settings.schema_, settings.consumer_group) == (6, "from_file", "stream-reconcile")
    assert load_settings(partitions=2, schema_=None).partitions == 2


def test_file_in_the_working_directory_is_found(tmp_path: Path) -> None:
    (tmp_path / "stream-reconcile.toml").write_text('consumer_group = "mine"\n', encoding="utf-8")
    assert load_settings().consumer_group == "mine"


def test_an_empty_variable_is_an_unset_one(env: SetEnv) -> None:
    env(KAFKA_BOOTSTRAP_SERVERS="", RECONCILE_PARTITIONS="")
    assert load_settings().kafka_bootstrap_servers is None
    assert load_settings().partitions == 8


def test_secrets_from_files(env: SetEnv, toml: WriteToml, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n", encoding="utf-8")
    (tmp_path / "dsn").write_text("postgresql://u:p@h/d\n", encoding="utf-8")
    toml('apca_api_key_id = "PK1"\ndatabase_url_file = "dsn"\n')
    env(APCA_API_SECRET_KEY_FILE=str(tmp_path / "secret"))
    settings = load_settings()
    assert settings.require_accounts()[0].secret.get_secret_value() == "from a file"
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://u:p@h/d"


def test_several_accounts(toml: WriteToml, tmp_path: Path) -> None:
    (tmp_path / "b.secret").write_text("s2", encoding="utf-8")
    toml(
        f'[[accounts]]\nname = "a"\nkey = "k1"\nsecret = "s1"\naccount_id = "{ACCOUNT.upper()}"\n'
        '[[accounts]]\nname = "b"\nkey = "k2"\nsecret_file = "b.secret"\nbase_url = "http://127.0.0.1:9/"\n'
    )
    first, second = load_settings().require_accounts()
    assert first.account_id == ACCOUNT
    assert (second.secret.get_secret_value(), second.stream_url) == ("s2", "ws://127.0.0.1:9/stream")


def test_address_of_the_api_for_accounts_that_give_none(env: SetEnv, toml: WriteToml) -> None:
    toml('[[accounts]]\nname = "a"\nkey = "k1"\nsecret = "s1"\n')
    env(APCA_API_BASE_URL="http://127.0.0.1:7")
    assert [account.base_url for account in load_settings().require_accounts()] == ["http://127.0.0.1:7"]


@pytest.mark.parametrize(
    ("written", "base", "stream"),
    [
        ("https://paper-api.alpaca.markets/v2", "https://paper-api.alpaca.markets", "wss://paper-api.alpaca.markets"),
        ("https://paper-api.alpaca.markets/", "https://paper-api.alpaca.markets", "wss://paper-api.alpaca.markets"),
        ("http://localhost:8090", "http://localhost:8090", "ws://localhost:8090"),
    ],
)
def test_stream_address_follows_from_the_api(env: SetEnv, written: str, base: str, stream: str) -> None:
    env(APCA_API_BASE_URL=written, APCA_API_KEY_ID="k", APCA_API_SECRET_KEY="s")
    (account,) = load_settings().require_accounts()
    assert (account.base_url, account.stream_url) == (base, f"{stream}/stream")


WRONG: list[tuple[dict[str, str], list[str]]] = [
    ({"RECONCILE_PARTITIONS": "many"}, ["RECONCILE_PARTITIONS: 'many' is not a whole number", "Write 8"]),
    ({"RECONCILE_PARTITIONS": "0"}, ["RECONCILE_PARTITIONS", "must be 1 or more"]),
    ({"RECONCILE_RETENTION_MS": "-2"}, ["RECONCILE_RETENTION_MS", "must be -1 or more"]),
    ({"RECONCILE_LAG_LIMIT_SECONDS": "0"}, ["RECONCILE_LAG_LIMIT_SECONDS", "must be more than 0"]),
    ({"RECONCILE_LOG_LEVEL": "loud"}, ["RECONCILE_LOG_LEVEL", "'debug', 'info', 'warning' or 'error'"]),
    ({"RECONCILE_LOG_FORMAT": "xml"}, ["RECONCILE_LOG_FORMAT", "'auto', 'console' or 'json'"]),
    ({"RECONCILE_EMBEDDED": "perhaps"}, ["RECONCILE_EMBEDDED: 'perhaps' is neither 1 nor 0"]),
    ({"RECONCILE_SCHEMA": "Trading"}, ["RECONCILE_SCHEMA", "lower-case letters"]),
    ({"RECONCILE_SCHEMA": "pg_mine"}, ["RECONCILE_SCHEMA"]),
    ({"RECONCILE_TOPIC_PREFIX": "a/b"}, ["RECONCILE_TOPIC_PREFIX", "letters, digits"]),
    ({"RECONCILE_CONSUMER_GROUP": "two words"}, ["RECONCILE_CONSUMER_GROUP", "one word"]),
    ({"RECONCILE_HTTP_ADDR": "8080"}, ["RECONCILE_HTTP_ADDR", "127.0.0.1:8080"]),
    ({"RECONCILE_HTTP_ADDR": "localhost:99999"}, ["RECONCILE_HTTP_ADDR"]),
    ({"RECONCILE_HTTP_TOKEN": "short"}, ["RECONCILE_HTTP_TOKEN", "at least 16", "openssl"]),
    ({"RECONCILE_ACCOUNT_ID": "PA3XYZ"}, ["RECONCILE_ACCOUNT_ID", "not the account number"]),
    ({"APCA_API_BASE_URL": "paper-api.alpaca.markets"}, ["APCA_API_BASE_URL", "not a web address"]),
    ({"APCA_API_BASE_URL": "https://api.alpaca.markets/stream"}, ["APCA_API_BASE_URL", "only scheme and host"]),
    ({"APCA_API_BASE_URL": "http://api.alpaca.markets"}, ["APCA_API_BASE_URL", "unencrypted", "https://"]),
    ({"APCA_API_BASE_URL": "http://simulator:8090"}, ["APCA_API_BASE_URL", "RECONCILE_ALLOW_PLAIN_HTTP=1"]),
    ({"APCA_API_BASE_URL": "https://key:secret@api.alpaca.markets"}, ["APCA_API_BASE_URL", "scheme and host"]),
    ({"APCA_API_KEY_ID": "PK1"}, ["APCA_API_SECRET_KEY: is not set", "Set both"]),
    ({"APCA_API_SECRET_KEY": "x"}, ["APCA_API_KEY_ID: is not set"]),
    ({"KAFKA_BOOTSTRAP_SERVERS": "kafka"}, ["KAFKA_BOOTSTRAP_SERVERS: 'kafka' is not host:port"]),
    ({"KAFKA_BOOTSTRAP_SERVERS": ","}, ["KAFKA_BOOTSTRAP_SERVERS: names no server"]),
    ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, ["KAFKA_SECURITY_PROTOCOL", "'SASL_SSL'"]),
    ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, ["KAFKA_SASL_MECHANISM: is not set"]),
    ({"KAFKA_SASL_MECHANISM": "PLAIN"}, ["KAFKA_SASL_MECHANISM: has no effect"]),
    ({"KAFKA_CLIENT": '{"enable.idempotence": false}'}, ["KAFKA_CLIENT: sets enable.idempotence"]),
    ({"KAFKA_CLIENT": "{"}, ["KAFKA_CLIENT: is not JSON"]),
    ({"SCHEMA_REGISTRY_URL": "registry:8081"}, ["SCHEMA_REGISTRY_URL", "with its scheme"]),
    ({"DATABASE_URL": "mysql://db"}, ["DATABASE_URL", "postgresql://user:password@host:5432/database"]),
    ({"DATABASE_URL": "postgresql://u:50%secret@h/d"}, ["DATABASE_URL", "%40"]),
    (
        {"RECONCILE_REPLICATION_FACTOR": "2", "RECONCILE_MIN_INSYNC_REPLICAS": "3"},
        ["RECONCILE_MIN_INSYNC_REPLICAS: 3 is more than"],
    ),
    ({"RECONCILE_CONFIG": "nowhere.toml"}, ["RECONCILE_CONFIG: there is no file nowhere.toml"]),
    ({"DATABASE_URL_FILE": "nowhere"}, ["DATABASE_URL_FILE: can't read nowhere", "No such file"]),
    ({"DATABASE_URL_FILE": "x", "DATABASE_URL": "postgresql://h/d"}, ["DATABASE_URL and DATABASE_URL_FILE are both"]),
    (
        {"RECONCILE_ACCOUNTS": '[{"key": "k", "secret": "s"}]', "APCA_API_KEY_ID": "k", "APCA_API_SECRET_KEY": "s"},
        ["RECONCILE_ACCOUNTS: names accounts, and so does APCA_API_KEY_ID"],
    ),
    (
        {"RECONCILE_ACCOUNTS": '[{"key": "k", "secret": "s"}]', "RECONCILE_ACCOUNT_ID": ACCOUNT},
        ["RECONCILE_ACCOUNT_ID: says which account", "its own `account_id`"],
    ),
    ({"RECONCILE_ACCOUNTS": '[{"key": "k"}]'}, ["RECONCILE_ACCOUNTS[0].secret: is missing"]),
]


@pytest.mark.parametrize(("variables", "parts"), WRONG, ids=[" ".join(variables) for variables, _ in WRONG])
def test_wrong_value_is_named_with_what_to_write(env: SetEnv, variables: dict[str, str], parts: list[str]) -> None:
    env(**variables)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    for part in parts:
        assert part in str(caught.value)
    assert "secret@" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_everything_wrong_is_said_at_once(env: SetEnv) -> None:
    env(RECONCILE_PARTITIONS="x", RECONCILE_SCHEMA="X")
    with pytest.raises(ConfigError, match=r"(?s)RECONCILE_PARTITIONS.*\n.*RECONCILE_SCHEMA"):
        load_settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("partitons = 3", r"partitons \(in .*settings.toml\): there is no such setting. Did you mean partitions\?"),
        ("partitions = 'x'", r"RECONCILE_PARTITIONS \(in .*settings.toml\): 'x' is not a whole number"),
        ("schema = \nx = 1", r"settings.toml is not TOML: .*line 1"),
        ('[[accounts]]\nname = "a"\nkey = "k"\nsecret = "s"\nurl = "x"', r"RECONCILE_ACCOUNTS\[0\]\.url.*no such"),
        ('[[accounts]]\nkey = "k"\nsecret = "s"\n[[accounts]]\nkey = "l"\nsecret = "s"', "the same name"),
        ('[[accounts]]\nkey="k"\nsecret="s"\n[[accounts]]\nname="b"\nkey="k"\nsecret="s"', "the same key"),
    ],
)
def test_wrong_file(toml: WriteToml, text: str, message: str) -> None:
    toml(text)
    with pytest.raises(ConfigError, match=message):
        load_settings()


def test_no_key(env: SetEnv) -> None:
    with pytest.raises(ConfigError, match="APCA_API_KEY_ID and APCA_API_SECRET_KEY are not set"):
        load_settings().require_accounts()


KAFKA = {"KAFKA_BOOTSTRAP_SERVERS": "k:1"}
POSTGRES = {"DATABASE_URL": "postgresql://h/d"}


@pytest.mark.parametrize(
    ("variables", "all_roles", "expected"),
    [
        ({}, True, True),
        ({}, False, "KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL are not set"),
        ({"RECONCILE_EMBEDDED": "1"}, False, True),
        ({"RECONCILE_EMBEDDED": "0"}, True, "are not set"),
        (KAFKA, True, "DATABASE_URL is not set"),
        (POSTGRES, True, "KAFKA_BOOTSTRAP_SERVERS is not set"),
        (KAFKA | POSTGRES, True, False),
        (KAFKA | POSTGRES | {"RECONCILE_EMBEDDED": "0"}, False, False),
        (KAFKA | POSTGRES | {"RECONCILE_EMBEDDED": "1"}, True, "RECONCILE_EMBEDDED=1 asks for our own"),
        (KAFKA | {"RECONCILE_EMBEDDED": "1"}, True, "RECONCILE_EMBEDDED=1 asks for our own"),
    ],
)
def test_embedded_servers_only_where_nothing_else_is_meant(
    env: SetEnv, variables: dict[str, str], all_roles: bool, expected: bool | str
) -> None:
    env(**variables)
    settings = load_settings()
    if isinstance(expected, bool):
        assert settings.uses_embedded(all_roles=all_roles) is expected
    else:
        with pytest.raises(ConfigError, match=expected):
            settings.uses_embedded(all_roles=all_roles)


@pytest.mark.parametrize(
    ("address", "host", "port", "loopback"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080, True),
        ("[::1]:0", "::1", 0, True),
        ("localhost:1", "localhost", 1, True),
        (":8080", "0.0.0.0", 8080, False),
        ("192.168.1.5:80", "192.168.1.5", 80, False),
        ("reconcile.internal:80", "reconcile.internal", 80, False),
    ],
)
def test_listen_address(env: SetEnv, address: str, host: str, port: int, loopback: bool) -> None:
    env(RECONCILE_HTTP_ADDR=address)
    listen = load_settings().listen
    assert (*listen, listen.is_loopback) == (host, port, loopback)


def test_no_secret_in_the_printed_settings(env: SetEnv) -> None:
    env(APCA_API_KEY_ID="PKhidden", APCA_API_SECRET_KEY="hidden", DATABASE_URL="postgresql://u:hidden@h/d")
    env(RECONCILE_HTTP_TOKEN="hidden-hidden-hidden", KAFKA_SASL_PASSWORD="hidden")
    settings = load_settings()
    assert "hidden" not in repr(settings) + str(settings)
    assert set(settings.secret_values()) == {"PKhidden", "hidden", "hidden-hidden-hidden"}


def test_the_registrys_password_is_a_secret(env: SetEnv) -> None:
    env(SCHEMA_REGISTRY_URL="https://user:hid%40den@registry:8081/")
    settings = load_settings()
    assert "hid" not in repr(settings)
    assert settings.secret_values() == ("hid%40den", "hid@den")


def test_a_simulator_on_another_machine(env: SetEnv) -> None:
    env(APCA_API_BASE_URL="http://simulator:8090", RECONCILE_ALLOW_PLAIN_HTTP="1")
    assert load_settings().apca_api_base_url == "http://simulator:8090"


def test_a_password_that_is_the_user_name_is_not_masked_everywhere(env: SetEnv) -> None:
    env(DATABASE_URL="postgresql://postgres:postgres@h/d")
    assert load_settings().secret_values() == ()


def test_variables_that_look_like_ours() -> None:
    environ = {"RECONCILE_PARTITION": "3", "RECONCILE_SERVICE_HOST": "10.0.0.1", "APCA_API_KEY_ID": "k", "HOME": "/"}
    assert unknown_variables(environ) == {"RECONCILE_PARTITION": "RECONCILE_PARTITIONS", "RECONCILE_SERVICE_HOST": ""}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RECONCILE_ACCOUNTS", '{"name": "a", "key": "hidden-word", "secret": "hidden-word"}'),
        ("RECONCILE_ACCOUNTS", '"hidden-word"'),
        ("RECONCILE_ACCOUNTS", '["hidden-word"]'),
        ("RECONCILE_ACCOUNTS", '[{"name": "a", "key": "k", "secret": ["hidden-word"]}]'),
        ("RECONCILE_ACCOUNTS", '[{"name": "a", "key": "k", "secret": "s", "hidden-word": 1}]'),
        ("RECONCILE_ACCOUNTS", '[{"name": "a", "key": "k", "secret": "s", "base_url": "https://u:hidden-word@h"}]'),
        ("KAFKA_CLIENT", '"sasl.password=hidden-word"'),
        ("KAFKA_CLIENT", '["hidden-word"]'),
        ("KAFKA_CLIENT", '{"sasl.password": "hidden-word"}'),
        ("KAFKA_CLIENT", '{"hidden-word": ["sasl.password"]}'),
        ("KAFKA_CLIENT", '{"ssl.key.password": "hidden-word"}'),
        ("KAFKA_BOOTSTRAP_SERVERS", "user:hidden-word@kafka:9092"),
        ("APCA_API_BASE_URL", "https://u:hidden-word@h"),
        ("SCHEMA_REGISTRY_URL", "https://u:hidden-word@h:99999"),
        ("DATABASE_URL", "host=h password='hidden-word"),
        ("RECONCILE_HTTP_TOKEN", "hidden-word"),
    ],
)
def test_no_message_repeats_a_secret_that_was_written_wrong(env: SetEnv, name: str, value: str) -> None:
    env(**{name: value})
    with pytest.raises(ConfigError, match=name) as caught:
        load_settings()
    assert "hidden-word" not in str(caught.value)


def test_a_secret_among_librdkafkas_properties_is_kept(env: SetEnv) -> None:
    env(KAFKA_CLIENT='{"ssl.key.pem": "hidden-word-of-the-key", "client.rack": "rack-a"}')
    settings = load_settings()
    assert "hidden-word" not in repr(settings)
    assert settings.secret_values() == ("hidden-word-of-the-key",)


@pytest.mark.parametrize(
    "address", ["[]:8080", "[[:8080", "[:8080", "]:8080", "[[::1]]:8080", "[::1:8080", "h:99999999"]
)
def test_a_misspelt_address_is_not_taken_for_all_interfaces(env: SetEnv, address: str) -> None:
    env(RECONCILE_HTTP_ADDR=address)
    with pytest.raises(ConfigError, match="RECONCILE_HTTP_ADDR"):
        load_settings()


def test_a_home_that_nobody_has_is_said(env: SetEnv) -> None:
    env(DATABASE_URL_FILE="~nobody_of_this_name/dsn")
    with pytest.raises(ConfigError, match="DATABASE_URL_FILE: there is no home folder"):
        load_settings()


@pytest.mark.parametrize("days", ["nan", "inf", "1e300"])
def test_a_number_that_no_clock_bears_is_refused(env: SetEnv, days: str) -> None:
    env(RECONCILE_DEEP_DAYS=days)
    with pytest.raises(ConfigError, match="RECONCILE_DEEP_DAYS"):
        load_settings()
